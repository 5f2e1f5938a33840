"""Game days of the control plane: the rollback must succeed in any state of the endpoint and of its function."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rehearsal.gamedays import checks, manual_changes
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.challenger import RECOVERY_MINUTES, WARMUP_MINUTES


def _inject_errors(harness: Harness) -> None:
    harness.inject_fault(
        "variant_errors", variant=harness.challenger, rate=0.5, label="half of the challenger's answers fail"
    )
    harness.add_mark("degraded", "first bad datapoint")


def _create_traffic_check(harness: Harness) -> Callable[[], bool]:
    return lambda: harness.live_shares().get(harness.challenger) == 0.0


def _run_rollback_throttled(harness: Harness) -> None:
    """Nothing can call the function until somebody frees concurrency; the alarm's call waits and is not lost."""
    harness.run_minutes(WARMUP_MINUTES)
    function = harness.outputs["rollback"]["function"]
    fault = harness.inject_fault(
        "function_throttled", function=function, label="no concurrency for the rollback function"
    )
    _inject_errors(harness)
    before = harness.live_shares()
    fired = harness.run_until(lambda: harness.is_in_alarm("rollback-failed"))
    harness.expect("rollback-failed fires while the function cannot run", fired)
    harness.expect(f"the traffic stays until it can: {harness.live_shares()}", harness.live_shares() == before)
    checks.expect_notification(harness, "P1", "rollback-failed")
    harness.clear_fault(fault, "concurrency is free again")
    harness.run_until(_create_traffic_check(harness))
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)


def _run_busy_deployment(harness: Harness) -> None:
    """An update of the whole endpoint runs when the alarm fires; nothing else may change until it ends."""
    harness.run_minutes(WARMUP_MINUTES)
    _inject_errors(harness)
    harness.run_minutes()
    manual_changes.update_endpoint(harness)
    harness.add_mark("deploy", "somebody updates the endpoint")
    harness.run_until(_create_traffic_check(harness))
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    checks.expect_incident_while_busy(harness, "update")


def _run_busy_autoscaling(harness: Harness) -> None:
    """The endpoint is Updating, because of its autoscaling, in the minute in which the alarm fires."""
    harness.run_minutes(WARMUP_MINUTES)
    _inject_errors(harness)
    harness.run_minutes(2)
    harness.control.inject("scaling", endpoint=harness.endpoint, variant=harness.champion, instances=3)
    harness.add_mark("deploy", f"autoscaling adds an instance to {harness.champion}")
    harness.run_until(_create_traffic_check(harness))
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    checks.expect_incident_while_busy(harness, "capacity")


def _run_flip_reverted(harness: Harness) -> None:
    """SageMaker accepts the flip and reverts it. The rollback compares the live split and requests the flip again."""
    harness.run_minutes(WARMUP_MINUTES)
    harness.control.inject("change_rolls_back", endpoint=harness.endpoint)
    before = len(harness.control.operations())
    _inject_errors(harness)
    harness.run_until(_create_traffic_check(harness))
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    kinds = [operation["kind"] for operation in harness.control.operations()[before:]]
    harness.expect(f"the change was requested twice: {kinds}", kinds.count("weights") >= 2)


def _run_target_scaled_in(harness: Harness) -> None:
    """The champion lost instances while it was idle: it gets the traffic first and its instances after that.

    A bad version is worse for users than a slow one, and one change of the endpoint takes either weights or counts.
    """
    harness.control.inject("scaling", endpoint=harness.endpoint, variant=harness.champion, instances=1)
    harness.add_mark("deploy", f"{harness.champion} is scaled in to one instance, below its floor of two")
    harness.run_minutes(4)
    instance_count = harness.traffic().state().variants[harness.champion].instances
    harness.expect(f"{harness.champion} has one instance: {instance_count}", instance_count == 1)
    _inject_errors(harness)
    harness.run_until(_create_traffic_check(harness))
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness)
    state = harness.traffic().state()
    instances = state.variants[harness.champion].instances
    harness.expect(f"{harness.champion} has its floor of 2 instances: {instances}", instances >= 2)
    harness.add_observation(f"{harness.champion} serves on {instances} instances")


def _run_operator_and_alarm(harness: Harness) -> None:
    """Somebody starts the rollback by hand at the moment in which the alarm does."""
    harness.run_minutes(WARMUP_MINUTES)
    _inject_errors(harness)
    harness.run_minutes(2)
    calls: list[threading.Thread] = []

    def roll_back() -> None:
        call = threading.Thread(target=_invoke, args=(harness,))
        call.start()
        calls.append(call)

    harness.add_mark("note", "an operator runs the rollback")
    harness.run_minutes(meanwhile=roll_back)
    while any(call.is_alive() for call in calls):
        harness.wait_for_functions()
    harness.run_until(_create_traffic_check(harness))
    harness.run_minutes(RECOVERY_MINUTES)
    checks.expect_rollback(harness, pages=1)
    checks.expect_timely_decision(harness)
    checks.expect_concurrent_calls(harness, 2)


def _invoke(harness: Harness) -> None:
    harness.get_client("lambda").invoke(FunctionName=harness.outputs["rollback"]["function"])


CONTROL_PLANE_SCENARIOS = (
    Scenario(
        "rollback-throttled",
        "The rollback function is throttled",
        "The account has no concurrency left when the alarm fires: somebody is paged, and the call is not lost.",
        "a page, then rolled back",
        _run_rollback_throttled,
    ),
    Scenario(
        "busy-deployment",
        "A deployment runs during the alarm",
        "The endpoint takes no change until its update is over: the rollback waits, then runs.",
        "rolled back after the update",
        _run_busy_deployment,
    ),
    Scenario(
        "busy-autoscaling",
        "Autoscaling runs during the alarm",
        "The endpoint is busy for two minutes when the alarm fires: the rollback waits, then runs.",
        "rolled back after the scaling",
        _run_busy_autoscaling,
    ),
    Scenario(
        "flip-reverted",
        "The flip itself is reverted",
        "SageMaker takes the change of weights back: this is detected, and the change is requested again.",
        "rolled back at the second try",
        _run_flip_reverted,
    ),
    Scenario(
        "target-scaled-in",
        "The rollback target is scaled in",
        "The champion has fewer instances than its floor when it gets all traffic.",
        "rolled back with the floor restored",
        _run_target_scaled_in,
    ),
    Scenario(
        "operator-and-alarm",
        "Operator and alarm at once",
        "An operator runs the rollback while the alarm does: one incident, one flip.",
        "rolled back once, one page",
        _run_operator_and_alarm,
    ),
)
