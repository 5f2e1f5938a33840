"""Game days: played on copies of one deployed account, which none of them changes."""

from __future__ import annotations

import pytest

from simulator.aws.copies import CopyBroken
from simulator.report.values import Outcome
from simulator.scenarios import SCENARIOS, Scenario
from simulator.scenarios.scene import Scene
from simulator.scenarios.snapshot import Snapshot

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
)
PERIOD_SECONDS = 60
"""Of a guardrail."""


def test_there_is_a_game_day_for_each_thing_that_goes_wrong() -> None:
    assert tuple(SCENARIOS) == PROMISED
    assert all(one.states.endswith(".") and one.expected for one in SCENARIOS.values())


def test_a_bad_challenger_is_rolled_back_within_two_periods_and_ten_seconds_of_ours(deployed_account: Snapshot) -> None:
    spike, calm = deployed_account.play([SCENARIOS["error-spike"], SCENARIOS["champion-bad"]])
    assert spike.passed, spike.seen
    assert spike.flip_s is not None
    assert spike.platform_s is not None
    assert spike.flip_s - spike.platform_s <= 2 * PERIOD_SECONDS + 10
    assert spike.own_s is not None
    assert spike.own_s < 10
    assert calm.passed, calm.seen
    assert calm.flip_s is None
    kinds = [mark.kind for mark in spike.timeline.ordered]
    assert kinds.index("bad") < kinds.index("alarm") < kinds.index("flipped")
    assert "guardrail-green" in {span.label for span in spike.timeline.alarms}


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
