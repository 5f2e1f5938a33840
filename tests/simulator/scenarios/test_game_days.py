"""Copies of one deployed account, which none of them changes, and the drives of alarms that are played on them.

That account is deployed once, for it takes most of the time: what needs it is tested here. Game days are played next to
neighbours, in test_neighbours.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from simulator.aws.copies import CopyBroken
from simulator.report.values import Outcome
from simulator.scenarios import SCENARIOS, Scenario
from simulator.scenarios.drives import DRIVES
from simulator.scenarios.proof import driven
from simulator.scenarios.scene import Scene
from simulator.scenarios.snapshot import Snapshot, snapshot

ROOT = Path(__file__).parents[3]

PROMISED = (
    "error-spike",
    "latency-regression",
    "slow-leak",
    "champion-bad",
    "both-bad",
    "two-alarms",
    "flapping",
    "duplicate-delivery",
    "rollback-throttled",
    "busy-deployment",
    "busy-autoscaling",
    "flip-reverted",
    "target-scaled-in",
    "operator-and-alarm",
    "no-traffic",
    "capture-stops",
    "drift-one",
    "drift-many",
    "drift-crashes",
    "poisoned-record",
    "slow-record",
    "unreadable-object",
    "wild-reference",
    "forged-run",
    "endless-lease",
    "giant-reason",
    "broken-ledger-entry",
)


@pytest.fixture(scope="module")
def deployed_account() -> Iterator[Snapshot]:
    with snapshot(ROOT) as deployed:
        yield deployed


def test_there_is_a_game_day_for_each_thing_that_goes_wrong() -> None:
    assert tuple(SCENARIOS) == PROMISED
    assert all(one.states.endswith(".") and one.expected for one in SCENARIOS.values())


def test_a_copy_leaves_no_trace_in_the_account_or_another_copy(deployed_account: Snapshot) -> None:
    def flip(scene: Scene) -> tuple[dict[str, float], float]:
        scene.control.inject("variant_errors", variant="green")
        scene.minutes(1)
        return scene.live(), len(scene.control.faults())

    first = deployed_account.copies([flip, flip])
    again = deployed_account.copies([flip])
    assert first == [*again, *again]


def test_what_is_not_so_fails_and_is_told(deployed_account: Snapshot) -> None:
    def play(scene: Scene) -> None:
        scene.minutes(1)
        scene.expect("all traffic is green's", scene.live() == {"green": 1.0})

    (outcome,) = deployed_account.play([Scenario("wrong", "Wrong", "It fails.", "green", play)])
    assert not outcome.passed
    assert "NOT SO: all traffic is green's" in outcome.seen


def test_each_alarm_of_a_burst_is_told_with_what_it_says_and_who_heard(deployed_account: Snapshot) -> None:
    def play(scene: Scene) -> None:
        scene.break_it("variant_errors", variant="blue", rate=0.5, label="half of blue's answers fail")
        scene.minutes(12)

    (outcome,) = deployed_account.play([Scenario("burst", "Burst", "It fails.", "a page", play)])
    heard = {span.label: span.heard for span in outcome.timeline.alarms}
    assert heard["server-errors-blue"] == "P1"
    assert heard["availability-burn-fast"] == "nobody: server-errors-blue said it"
    said = {span.label: span.says for span in outcome.timeline.alarms}
    assert said["server-errors-blue"] == "More than 2% of the requests to this variant fail on our side."


def test_nothing_expected_is_nothing_passed(deployed_account: Snapshot) -> None:
    idle = Scenario("idle", "Idle", "Nothing.", "nothing", lambda scene: scene.minutes(1))
    (outcome,) = deployed_account.play([idle])
    assert isinstance(outcome, Outcome)
    assert not outcome.passed


def test_a_copy_that_breaks_says_why(deployed_account: Snapshot) -> None:
    def play(scene: Scene) -> None:
        raise ValueError(f"no such slot at {scene.endpoint[:7]}")

    with pytest.raises(CopyBroken, match="no such slot at flights"):
        deployed_account.play([Scenario("broken", "Broken", "It breaks.", "nothing", play)])


def test_a_copy_whose_answer_cannot_be_handed_over_says_so(deployed_account: Snapshot) -> None:
    with pytest.raises(CopyBroken, match="pickle"):
        deployed_account.copies([lambda scene: ("x" * 200_000, lambda: scene)])


def test_the_others_end_with_a_copy_that_breaks(deployed_account: Snapshot, tmp_path: Path) -> None:
    begun, never = tmp_path / "begun", threading.Event()

    def waits(scene: Scene) -> None:
        begun.write_text(f"{os.getpid()}" if scene else "")
        never.wait()

    def breaks(scene: Scene) -> None:
        while not begun.exists():
            scene.finish()
        raise ValueError("broken")

    with pytest.raises(CopyBroken, match="broken"):
        deployed_account.copies([breaks, waits])
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


def test_drives_fire_and_clear_what_they_are_about(deployed_account: Snapshot) -> None:
    played = [one for one in DRIVES if one.name in ("full-hosts", "rollback-starves")]
    done = deployed_account.copies([partial(driven, one) for one in played])
    for each in done:
        rows = {row.alarm: row for row in each.alarms.values()}
        assert not each.stuck
        assert set(each.drive.keys) <= rows.keys()
        assert all(row.fired < row.cleared for row in rows.values())
        assert set(deployed_account.outputs["alarms"]["names"].values()) <= each.every
    hosts = {(row.alarm, row.metric): row.driven_by for row in done[0].alarms.values()}
    assert hosts["disk-blue", "DiskUtilization"] == hosts["disk-blue", "ALARM(disk-blue)"] == played[0].driven_by
