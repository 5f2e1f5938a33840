"""How a user's requests are replayed: over which hours, and what is reported of each version."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal.aws.sagemaker.replay import InferenceRequest
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.drift_summary import FeatureDrift
from rehearsal.demo.environment import RehearsalFailed
from rehearsal.demo.requests_replay import GAP_BEFORE_REPLAY, HEADINGS, MAX_HOURS, RequestsReplay, VersionDrift
from tests.rehearsal.demo.test_rehearsal_year import Platform, stage_of


def hours(platform: Platform, root: Path, requests: int) -> RequestsReplay:
    bodies = [InferenceRequest("application/json", json.dumps(number).encode()) for number in range(requests)]
    return RequestsReplay(stage_of(platform, root), ProgressConsole(Console(quiet=True)), bodies, "requests.csv")


@pytest.mark.parametrize(("requests", "parts"), [(100, [16, 17, 17, 16, 17, 17]), (2, [1, 1]), (1, [1])])
def test_every_request_is_sent_once_over_the_hours(requests: int, parts: list[int], tmp_path: Path) -> None:
    platform = Platform()
    watched = hours(platform, tmp_path, requests).run()
    assert [len(sent) for _, sent in sorted(platform.sent.items())] == parts
    assert len(parts) <= MAX_HOURS
    first, *later = sorted(platform.sent)
    assert later == [first + timedelta(hours=after) for after in range(1, len(parts))]
    assert watched.captured_count == watched.records.read == watched.requests == requests
    assert not platform.moved_over_running_functions


@pytest.mark.parametrize(("requests", "told"), [(1, "1 request over 1 hour"), (2, "2 requests over 2 hours")])
def test_one_hour_is_told_as_one(requests: int, told: str, tmp_path: Path) -> None:
    screen = ProgressConsole(Console(file=(said := io.StringIO()), width=200))
    watched = replace(hours(Platform(), tmp_path, requests), console=screen).run()
    assert f"Replaying requests.csv: {told}, four days later" in said.getvalue()
    assert (
        f" captured records read, one for each answered request (0 before the replay, {requests} in it), in "
        f"{told.rpartition('over ')[2]}: " in watched.summary_line()
    )


def test_the_acts_before_are_read_and_lie_outside_of_the_days_that_are_judged(tmp_path: Path) -> None:
    platform = Platform()
    earlier = platform.now.replace(minute=0)
    platform.sent[earlier] = [1] * 30
    said = io.StringIO()
    watched = replace(hours(platform, tmp_path, 12), console=ProgressConsole(Console(file=said, width=200))).run()
    assert "  30 records, one for each answered request, in 1 report\n" in said.getvalue()
    assert "(30 before the replay, 12 in it), in 7 hours: 42 parsed, 0 rejected" in watched.summary_line()
    assert platform.read == set(platform.sent)
    assert min(platform.sent.keys() - {earlier}) - earlier >= min(GAP_BEFORE_REPLAY, timedelta(days=3))
    assert watched.captured_count == watched.records.read == 30 + 12


def test_each_versions_last_page_lies_in_the_rehearsals_folder(tmp_path: Path) -> None:
    watched = hours(Platform(), tmp_path, 12).run()
    folder = tmp_path / "out" / "rehearsal" / "drift"
    assert [(one.version, one.verdict, one.page) for one in watched.versions] == [("2", "ok", "version-2.html")]
    assert {each.name for each in folder.iterdir()} == {"index.html", "version-2.html"}
    assert 'href="version-2.html"' in (folder / "index.html").read_text()
    assert watched.pages == "out/rehearsal/drift/index.html"


def test_a_table_names_a_score_that_warns_beside_what_drifts() -> None:
    features = {
        "humid": FeatureDrift("drift", 0.4),
        "wind": FeatureDrift("ok", 0.0),
        "score": FeatureDrift("warning", 0.12),
    }
    version = VersionDrift("1", "drift", "inform", 473, {}, features, "page.html")
    assert dict(zip(HEADINGS, version.cells, strict=True))["drift and warnings"] == "drift: humid; warning: score"
    warning = replace(version, verdict="warning", features={"score": features["score"]})
    assert warning.cells == ("1", "warning", "473", "none", "warning: score")
    assert replace(version, features={"wind": features["wind"]}).cells[-1] == "none"


def test_work_that_began_before_its_step_is_told_with_its_own_time() -> None:
    screen = ProgressConsole(Console(file=(said := io.StringIO()), width=200))
    with screen.run_step("Training") as step:
        step.seconds = 34.14
    assert said.getvalue() == "✓ Training  34.1 s\n"


def test_hours_without_a_report_end_the_rehearsal(tmp_path: Path) -> None:
    with pytest.raises(RehearsalFailed, match="has not reported on the hours since 2026-11-25"):
        hours(Platform(works=False), tmp_path, 12).run()
