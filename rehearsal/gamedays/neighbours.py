"""Other stacks in the account of a game day, which must notice nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rehearsal.gamedays.alarm_history import list_alarms, list_changes
from rehearsal.gamedays.harness import Harness
from tidewatch.traffic import Clients, ResourceNames, TrafficController

NEIGHBOURS = (("tidewatch", "staging"), ("fares", "rehearsal"))
"""Project and stack: another stack of the game day's project, and another project's stack of the same name."""
GAUGE_METRICS = ("OpenIncidents", "OutOfBandChanges", "DeploymentRunning", "RollbackRunning", "RollbackBlocked")
"""The gauges that a stack emits each minute."""
CLOCK_JUMP_ALARMS = ("silence",)
"""Prefixes of the alarms that fire after a jump of the clock, since no request arrives then."""
INITIAL_TRANSITION = ("INSUFFICIENT_DATA", "OK")
"""The change of a healthy alarm with its first datapoint."""
MIN_MINUTES = 2
"""A stack must have metrics for more minutes than these, so that their zeros are significant."""


@dataclass(frozen=True)
class NeighbourState:
    """A neighbour before the scenario."""

    states: Mapping[str, str]
    """The states of its alarms, by name."""
    entries: int
    """The number of entries in its ledger."""


def capture_states(harness: Harness) -> tuple[NeighbourState, ...]:
    """The current state of each neighbour."""
    return tuple(
        NeighbourState(_read_states(harness, neighbour), len(_create_controller(harness, neighbour).entries()))
        for neighbour in harness.neighbours
    )


def expect_silence(harness: Harness, before: tuple[NeighbourState, ...]) -> None:
    """Expects that no neighbour got a message, emitted a gauge above zero or wrote a ledger entry since."""
    disturbed_count = 0
    for outputs, state in zip(harness.neighbours, before, strict=True):
        disturbances = _list_disturbances(harness, outputs, state)
        disturbed_count += bool(disturbances)
        harness.expect("; ".join([f"{outputs['key']} got no alarm", *disturbances]), not disturbances)
    if harness.neighbours and not disturbed_count:
        harness.add_observation(f"{len(harness.neighbours)} neighbours undisturbed")


def _list_disturbances(harness: Harness, outputs: Mapping[str, Any], before: NeighbourState) -> list[str]:
    """The effects on a neighbour, as clauses."""
    key = outputs["key"]
    keys = {name: alarm for alarm, name in outputs["alarms"]["names"].items()}
    ignored_prefixes = CLOCK_JUMP_ALARMS if harness.has_time_jump else ()
    states = {
        name: state
        for name, state in _read_states(harness, outputs).items()
        if not keys[name].startswith(ignored_prefixes)
    }
    until = harness.control.get_time() + timedelta(seconds=1)
    alarms_fired = [
        change.alarm
        for change in list_changes(harness.get_client("cloudwatch"), harness.started_at, until)
        if change.alarm in states and change.state == "ALARM"
    ]
    disturbances = [f"{keys[name]} fired" for name in dict.fromkeys(alarms_fired)]
    transitions = sorted((keys[name], before.states.get(name), now) for name, now in states.items())
    # The first verdict of a stack turns its alarms from INSUFFICIENT_DATA to OK; this is no disturbance.
    disturbances += [
        f"{alarm} was {then} and is {now}"
        for alarm, then, now in transitions
        if now != then and (then, now) != INITIAL_TRANSITION
    ]
    others = {stack for alarm in _describe_alarms(harness, outputs) for stack in _find_watched_stacks(alarm)} - {key}
    disturbances += [f"its alarms look at {other}" for other in sorted(others)]
    for gauge in GAUGE_METRICS:
        maximum, minutes = _read_maximum(harness, key, gauge)
        if maximum > 0 or minutes <= MIN_MINUTES:
            disturbances.append(f"{gauge} was {maximum:g} at most in {minutes} minutes")
    traffic = _create_controller(harness, outputs)
    if entry_count := len(traffic.entries()) - before.entries:
        disturbances.append(f"{entry_count} entries in its ledger")
    return [*disturbances, *(f"incident {incident.id} is open" for incident in traffic.open_incidents())]


def _describe_alarms(harness: Harness, outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = set(outputs["alarms"]["names"].values())
    return [alarm for alarm in list_alarms(harness.get_client("cloudwatch")) if alarm["AlarmName"] in names]


def _read_states(harness: Harness, outputs: Mapping[str, Any]) -> dict[str, str]:
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in _describe_alarms(harness, outputs)}


def _find_watched_stacks(alarm: Mapping[str, Any]) -> set[str]:
    """The keys of the stacks whose metrics an alarm reads."""
    metrics = [alarm, *(query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query)]
    dimensions = [each for metric in metrics for each in metric.get("Dimensions", ())]
    return {each["Value"] for each in dimensions if each["Name"] == "Stack"}


def _create_controller(harness: Harness, outputs: Mapping[str, Any]) -> TrafficController:
    clients = Clients(harness.get_client("sagemaker"), harness.get_client("dynamodb"), harness.get_client("cloudwatch"))
    return TrafficController(clients, ResourceNames(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], ""))


def _read_maximum(harness: Harness, key: str, metric: str) -> tuple[float, int]:
    """The maximum of a stack's own metric since the game day began, and the number of its minutes."""
    points = harness.get_client("cloudwatch").get_metric_statistics(
        Namespace="Tidewatch",
        MetricName=metric,
        Dimensions=[{"Name": "Stack", "Value": key}],
        StartTime=harness.started_at,
        EndTime=harness.control.get_time(),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return max((point["Maximum"] for point in points), default=-1.0), len(points)
