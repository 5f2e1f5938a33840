"""Copies of one deployed account, which none of them changes, and the drives of alarms that are played on them.

That account is deployed once, for it takes most of the time: what needs it is tested here. Game days are played next to
neighbours, in test_neighbours.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from rehearsal.alarm_coverage.catalog import ALARM_TRIGGERS
from rehearsal.alarm_coverage.coverage import run_trigger
from rehearsal.aws.forking import ForkFailed
from rehearsal.charts.timeline import GameDayOutcome
from rehearsal.gamedays import SCENARIOS, Scenario
from rehearsal.gamedays.harness import Harness
from tests.rehearsal.gamedays.deployed_process import DeployedProcess, deploy_in_process

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
def deployed_account() -> Iterator[DeployedProcess]:
    with deploy_in_process() as deployed:
        yield deployed


def flip(scene: Harness) -> tuple[dict[str, float], float]:
    scene.control.inject("variant_errors", variant="green")
    scene.run_minutes(1)
    return scene.live_shares(), len(scene.control.faults())


def expect_green(scene: Harness) -> None:
    scene.run_minutes(1)
    scene.expect("all traffic is green's", scene.live_shares() == {"green": 1.0})


def break_blue(scene: Harness) -> None:
    scene.inject_fault("variant_errors", variant="blue", rate=0.5, label="half of blue's answers fail")
    scene.run_minutes(12)


def run_a_minute(scene: Harness) -> None:
    scene.run_minutes(1)


def raise_error(scene: Harness) -> None:
    raise ValueError(f"no such variant at {scene.endpoint[:7]}")


def return_function(scene: Harness) -> tuple[str, Callable[[], Harness]]:
    return "x" * 200_000, lambda: scene


def wait_forever(begun: Path, scene: Harness) -> None:
    begun.write_text(f"{os.getpid()}" if scene else "")
    threading.Event().wait()


def break_after(begun: Path, scene: Harness) -> None:
    while not begun.exists():
        scene.wait_for_functions()
    raise ValueError("broken")


def test_there_is_a_game_day_for_each_thing_that_goes_wrong() -> None:
    assert tuple(SCENARIOS) == PROMISED
    assert all(one.requirement.endswith(".") and one.expected_result for one in SCENARIOS.values())


def test_a_copy_leaves_no_trace_in_the_account_or_another_copy(deployed_account: DeployedProcess) -> None:
    first = deployed_account.run_on_copies([flip, flip])
    again = deployed_account.run_on_copies([flip])
    assert first == [*again, *again]


def test_what_is_not_so_fails_and_is_told(deployed_account: DeployedProcess) -> None:
    (outcome,) = deployed_account.run_scenarios([Scenario("wrong", "Wrong", "It fails.", "green", expect_green)])
    assert not outcome.passed
    assert "NOT MET: all traffic is green's" in outcome.observed_result


def test_each_alarm_of_a_burst_is_told_with_what_it_says_and_who_heard(deployed_account: DeployedProcess) -> None:
    (outcome,) = deployed_account.run_scenarios([Scenario("burst", "Burst", "It fails.", "a page", break_blue)])
    recipients = {span.label: span.recipients for span in outcome.timeline.alarms}
    assert recipients["server-errors-blue"] == "P1"
    assert recipients["availability-burn-fast"] == "nobody: it is suppressed by server-errors-blue"
    said = {span.label: span.description for span in outcome.timeline.alarms}
    assert said["server-errors-blue"] == "More than 2% of the requests to this variant get server errors."


def test_nothing_expected_is_nothing_passed(deployed_account: DeployedProcess) -> None:
    idle = Scenario("idle", "Idle", "Nothing.", "nothing", run_a_minute)
    (outcome,) = deployed_account.run_scenarios([idle])
    assert isinstance(outcome, GameDayOutcome)
    assert not outcome.passed


def test_a_copy_that_breaks_says_why(deployed_account: DeployedProcess) -> None:
    with pytest.raises(ForkFailed, match="no such variant at flights"):
        deployed_account.run_scenarios([Scenario("broken", "Broken", "It breaks.", "nothing", raise_error)])


def test_a_copy_whose_answer_cannot_be_handed_over_says_so(deployed_account: DeployedProcess) -> None:
    with pytest.raises(ForkFailed, match="pickle"):
        deployed_account.run_on_copies([return_function])


def test_the_others_end_with_a_copy_that_breaks(deployed_account: DeployedProcess, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with pytest.raises(ForkFailed, match="broken"):
        deployed_account.run_on_copies([partial(break_after, begun), partial(wait_forever, begun)])
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


def test_drives_fire_and_clear_what_they_are_about(deployed_account: DeployedProcess) -> None:
    played = [one for one in ALARM_TRIGGERS if one.name in ("full-hosts", "rollback-throttled")]
    done = deployed_account.run_on_copies([partial(run_trigger, one) for one in played])
    for each in done:
        rows = {row.alarm: row for row in each.alarms.values()}
        assert not each.timeout
        assert set(each.trigger.alarm_keys) <= rows.keys()
        assert all(row.fired_at < row.cleared_at for row in rows.values())
        assert set(deployed_account.outputs["alarms"]["names"].values()) <= each.all_alarm_names
    hosts = {(row.alarm, row.metric): row.cause for row in done[0].alarms.values()}
    assert hosts["disk-blue", "DiskUtilization"] == hosts["disk-blue", "ALARM(disk-blue)"] == played[0].cause
