"""How the year is replayed: which hours, how the clock is moved, and what happens where a report is missing."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.environment import RehearsalFailed
from rehearsal.demo.flights_model import FEATURES
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.year_replay import FLIGHTS, MONTHS, REQUESTS, ROWS, YearReplay
from tidewatch.drift.reports import DriftReport, WindowReport
from tidewatch.drift.reports.report import RecordCounts
from tidewatch.drift.statistics import Verdict

LAG, LOOK_BACK = timedelta(minutes=20), timedelta(hours=72)


@dataclass
class Platform:
    """The control, the endpoint and the bucket at once. A function reads at the schedule before the clock's time."""

    now: datetime = datetime(2026, 11, 21, 8, 10, tzinfo=UTC)
    sent: dict[datetime, list[int]] = field(default_factory=dict[datetime, list[int]])
    read: set[datetime] = field(default_factory=set[datetime])
    moved_over_running_functions: bool = False
    running: bool = False
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    works: bool = True

    def get_time(self) -> datetime:
        return self.now

    def advance_to(self, moment: datetime) -> None:
        self.moved_over_running_functions |= self.running
        assert moment >= self.now
        self.now, self.running = moment, True

    def wait_for_functions(self) -> None:
        self.running = False
        last = (self.now - LAG).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        for hour in self.sent.keys() - self.read:
            if self.works and last - LOOK_BACK < hour <= last:
                self.read.add(hour)
                self._report(hour)

    def flush_capture(self) -> dict[str, int]:
        return {"files": 0, "written_records": sum(len(rows) for rows in self.sent.values()), "lost_records": 0}

    def invoke_endpoint(self, *, Body: bytes, **_: Any) -> dict[str, Any]:
        hour = self.now.replace(minute=0, second=0, microsecond=0)
        self.sent.setdefault(hour, []).append(len(Body))
        return {"Body": io.BytesIO(b""), "ContentType": "", "InvokedProductionVariant": "green"}

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(
            paginate=lambda *, Bucket, Prefix: [  # noqa: ARG005
                {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}
            ]
        )

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == "monitoring"
        return {"Body": io.BytesIO(self.objects[Key])}

    def _report(self, hour: datetime) -> None:
        count = len(self.sent[hour])
        records = RecordCounts(read=count, parsed=count, rejected={})
        window = WindowReport(rows=count * ROWS, records=records, verdict=Verdict.OK, features=())
        report = DriftReport(
            model="flights", version="2", hour=hour, verdict=Verdict.OK,
            windows={"hour": window, "three_days": window},
        )  # fmt: skip
        key = f"drift/green/{hour:%Y/%m/%d/%H}/2"
        self.objects |= {f"{key}.json": report.encode(), f"{key}.html": b"<p>", "drift/index.json": b"{}"}


def stage_of(platform: Platform, root: Path) -> Any:
    outputs = {
        "endpoint": {"name": "flights"},
        "traffic": {"versions": {"blue": "1", "green": "2"}},
        "buckets": {"monitoring": "monitoring"},
    }
    stage: Any = SimpleNamespace(
        root=root,
        paths=RehearsalPaths.of(root),
        control=platform,
        outputs=lambda: outputs,
        get_client=lambda _: platform,
    )
    stage.paths.folder.mkdir(parents=True)
    return stage


def year(platform: Platform, root: Path) -> YearReplay:
    rows = np.zeros((FLIGHTS, len(FEATURES)), np.float32)
    return YearReplay(stage_of(platform, root), ProgressConsole(Console(quiet=True)), dict.fromkeys(MONTHS, rows))


def test_each_month_is_replayed_on_its_first_days_of_the_next_simulated_year(tmp_path: Path) -> None:
    platform = Platform()
    drift = year(platform, tmp_path).run()
    noons = [datetime(2027, number, day, 12, tzinfo=UTC) for number in range(5, 13) for day in (1, 2, 3)]
    assert sorted(platform.sent) == noons
    assert {len(requests) for requests in platform.sent.values()} == {REQUESTS}
    assert not platform.moved_over_running_functions
    assert [one.month for one in drift.months] == [f"2013-{number:02}" for number in range(5, 13)]


def test_the_look_back_covers_every_hour_so_that_no_record_is_left_out(tmp_path: Path) -> None:
    platform = Platform()
    earlier = platform.now.replace(minute=0)
    platform.sent[earlier] = [1] * 30
    drift = year(platform, tmp_path).run()
    assert platform.read == set(platform.sent)
    assert drift.captured_count == drift.records.read == 30 + REQUESTS * 3 * len(MONTHS)
    assert drift.flights == FLIGHTS * len(MONTHS)


def test_the_last_page_of_each_month_lies_in_the_rehearsals_folder(tmp_path: Path) -> None:
    drift = year(Platform(), tmp_path).run()
    folder = tmp_path / "out" / "rehearsal" / "drift"
    assert {each.name for each in folder.iterdir()} == {"index.html", *(one.page for one in drift.months)}
    assert drift.pages == "out/rehearsal/drift/index.html"


def test_a_month_without_a_report_ends_the_rehearsal(tmp_path: Path) -> None:
    with pytest.raises(RehearsalFailed, match="not reported on 2027-05-03 12:00, the end of 2013-05"):
        year(Platform(works=False), tmp_path).run()
