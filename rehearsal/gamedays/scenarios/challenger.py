"""Game days with a bad challenger: when the guardrails must roll back and when they must not."""

from __future__ import annotations

from collections import Counter

from rehearsal.gamedays import checks
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.scenario import Scenario

WARMUP_MINUTES = 2
"""Minutes before the failure, so that the timeline shows them."""
RECOVERY_MINUTES = 4
"""Minutes after the end, so that the recovery shows and the metrics arrive."""
SUPPRESSION_WAIT_MINUTES = 12
"""A page that was only suppressed would arrive in this time: its five minutes pass twice."""


def _inject_errors(harness: Harness) -> None:
    harness.inject_fault(
        "variant_errors", variant=harness.challenger, rate=0.5, label="half of the challenger's answers fail"
    )


def _inject_latency(harness: Harness) -> None:
    harness.inject_fault(
        "variant_latency", variant=harness.challenger, seconds=0.4, label="the challenger takes 400 ms more"
    )


def _wait_until_rolled_back(harness: Harness) -> None:
    harness.add_mark("degraded", "first bad datapoint")
    harness.run_until(lambda: harness.live_shares().get(harness.challenger) == 0.0)


def _run_error_spike(harness: Harness) -> None:
    harness.run_minutes(WARMUP_MINUTES)
    _inject_errors(harness)
    _wait_until_rolled_back(harness)
    harness.run_minutes(SUPPRESSION_WAIT_MINUTES)
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_decision(harness)


def _run_latency_regression(harness: Harness) -> None:
    harness.run_minutes(WARMUP_MINUTES)
    _inject_latency(harness)
    _wait_until_rolled_back(harness)
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_decision(harness)


def _run_two_alarms(harness: Harness) -> None:
    harness.run_minutes(WARMUP_MINUTES)
    _inject_latency(harness)
    _inject_errors(harness)
    _wait_until_rolled_back(harness)
    fired = sorted(
        key for key, state in harness.alarm_states().items() if state == "ALARM" and key.startswith("guardrail-")
    )
    harness.run_minutes(RECOVERY_MINUTES)
    both = {f"guardrail-{kind}-{harness.challenger}" for kind in ("errors", "latency")}
    harness.expect(f"both guardrails fired: {fired}", both <= set(fired))
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_decision(harness)


def _run_flapping(harness: Harness) -> None:
    """One bad minute of three is no reason for a rollback, two of three are; after that nothing can flap."""
    before = harness.live_shares()
    for _ in range(2):
        fault = harness.inject_fault("variant_errors", variant=harness.challenger, rate=0.5, label="one bad minute")
        harness.run_minutes()
        harness.clear_fault(fault, "well again")
        harness.run_minutes(3)
    harness.expect(f"single bad minutes move nothing: {harness.live_shares()}", harness.live_shares() == before)
    for _ in range(3):
        fault = harness.inject_fault("variant_errors", variant=harness.challenger, rate=0.5, label="two bad minutes")
        if not any(mark.kind == "degraded" for mark in harness.marks):
            harness.add_mark("degraded", "first of two bad datapoints")
        harness.run_minutes(2)
        harness.clear_fault(fault, "well again")
        harness.run_minutes(3)
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    pages = Counter(message["subject"] for message in harness.messages())
    harness.expect(f"no alarm pages twice: {dict(pages)}", max(pages.values(), default=0) == 1)


def _run_duplicate_delivery(harness: Harness) -> None:
    harness.run_minutes(WARMUP_MINUTES)
    harness.control.inject("delivered_twice", function=harness.outputs["rollback"]["function"], times=20)
    _inject_errors(harness)
    _wait_until_rolled_back(harness)
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_decision(harness)
    checks.expect_concurrent_calls(harness, 2)


def _run_slow_leak(harness: Harness) -> None:
    """One answer in 77 fails: below the guardrail, above the objective.

    The failures are evenly spread: random ones would sometimes put five into five minutes, which is a page.
    """
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.inject_fault("variant_errors", variant=harness.challenger, every=77, label="1.3% of its answers fail")
    harness.add_mark("degraded", "first bad datapoint")
    harness.run_until(lambda: harness.count_messages()["P2"] > 0, 90)
    checks.expect_no_rollback(harness, before)
    checks.expect_notification(harness, "P2", "availability-burn-slow")
    checks.expect_no_notification(harness, "P1")


def _run_champion_bad(harness: Harness) -> None:
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.inject_fault(
        "variant_errors", variant=harness.champion, rate=0.5, label="half of the champion's answers fail"
    )
    harness.add_mark("degraded", "first bad datapoint")
    harness.run_until(lambda: harness.count_messages()["P1"] > 0)
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_no_rollback(harness, before)
    checks.expect_notification(harness, "P1", f"server-errors-{harness.champion}")


def _run_both_bad(harness: Harness) -> None:
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    for variant in (harness.champion, harness.challenger):
        harness.inject_fault("variant_errors", variant=variant, rate=0.5, label=f"half of {variant}'s answers fail")
    harness.add_mark("degraded", "first bad datapoint")
    harness.run_until(lambda: harness.count_messages()["P1"] > 0)
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_no_rollback(harness, before)
    checks.expect_notification(harness, "P1", f"server-errors-{harness.champion}")
    pages = harness.count_messages()["P1"]
    harness.expect(f"one page for one incident: {pages}", pages == 1)


ERROR_SPIKE = Scenario(
    "error-spike",
    "Error spike in the challenger",
    "Half of the challenger's answers fail; the guardrail rolls it back within two evaluation periods "
    "and the minute that CloudWatch takes to show a datapoint.",
    "rolled back, one page",
    _run_error_spike,
)
CHALLENGER_SCENARIOS = (
    ERROR_SPIKE,
    Scenario(
        "latency-regression",
        "Latency regression",
        "The challenger becomes slow beside the champion and is rolled back.",
        "rolled back, one page",
        _run_latency_regression,
    ),
    Scenario(
        "slow-leak",
        "Slow leak just under the threshold",
        "The challenger fails slightly more often than promised, too rarely to roll back: a ticket, no page.",
        "no rollback, a ticket",
        _run_slow_leak,
    ),
    Scenario(
        "champion-bad",
        "The champion itself is bad",
        "Only the champion fails: no rollback goes to it, and somebody is paged.",
        "no rollback, a page",
        _run_champion_bad,
    ),
    Scenario(
        "both-bad",
        "Both are bad",
        "Both fail alike: no rollback helps, and one page reports it.",
        "no rollback, one page",
        _run_both_bad,
    ),
    Scenario(
        "two-alarms",
        "Two alarms at once",
        "Errors and latency fire together: one incident, one flip, one page.",
        "rolled back once, one page",
        _run_two_alarms,
    ),
    Scenario(
        "flapping",
        "An alarm that flaps",
        "Single bad minutes move nothing; two of three roll back, once, and no alarm pages twice.",
        "rolled back once, no page twice",
        _run_flapping,
    ),
    Scenario(
        "duplicate-delivery",
        "The alarm's call is delivered twice",
        "Every event reaches the rollback function twice, at the same time: one incident, one flip.",
        "rolled back once, one page",
        _run_duplicate_delivery,
    ),
)
