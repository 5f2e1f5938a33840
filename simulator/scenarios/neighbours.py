"""Other stacks in the account of a game day: what happens in one stack stays there, and they count it as nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from simulator.scenarios.alarms import changes, every_alarm
from simulator.scenarios.scene import Scene
from tidewatch.traffic import Clients, Place, TrafficController

NEIGHBOURS = (("tidewatch", "staging"), ("fares", "rehearsal"))
"""Project and stack: another stack of the game day's project, and another project's stack of the same name."""
GAUGES = ("OpenIncidents", "OutOfBandChanges", "DeploymentRunning", "RollbackDriven", "RollbackBlocked")
"""What a stack counts of itself, each minute."""
OF_A_JUMP = ("silence", "rollback-failed")
"""Alarms, by how their keys begin, that ring wherever the clock jumps: no request comes and no sweep runs then."""
FIRST = ("INSUFFICIENT_DATA", "OK")
"""How an alarm changes with its first datapoint where nothing is wrong."""
LEAST_MINUTES = 2
"""For which a stack must have told of itself, so that its silence means something."""


@dataclass(frozen=True)
class Before:
    """A neighbour before anything happened. states: of its alarms, by name. entries: of its ledger."""

    states: Mapping[str, str]
    entries: int


def look(scene: Scene) -> tuple[Before, ...]:
    """Each neighbour as it is now."""
    return tuple(Before(_states(scene, one), len(_traffic(scene, one).entries())) for one in scene.neighbours)


def expect_silence(scene: Scene, before: tuple[Before, ...]) -> None:
    """Tells the scene of each neighbour that it heard, counted and wrote nothing since."""
    wrong = 0
    for outputs, was in zip(scene.neighbours, before, strict=True):
        found = _disturbed(scene, outputs, was)
        wrong += bool(found)
        scene.expect("; ".join([f"{outputs['key']} next door is silent", *found]), not found)
    if scene.neighbours and not wrong:
        scene.say(f"{len(scene.neighbours)} stacks next door silent")


def _disturbed(scene: Scene, outputs: Mapping[str, Any], before: Before) -> list[str]:
    """What a neighbour noticed, as half sentences."""
    key = outputs["key"]
    keys = {name: alarm for alarm, name in outputs["alarms"]["names"].items()}
    by_the_clock = OF_A_JUMP if scene.starved else ()
    states = {name: state for name, state in _states(scene, outputs).items() if not keys[name].startswith(by_the_clock)}
    until = scene.control.clock() + timedelta(seconds=1)
    rang = [
        one.alarm
        for one in changes(scene.client("cloudwatch"), scene.began, until)
        if one.alarm in states and one.state == "ALARM"
    ]
    found = [f"{keys[name]} rang" for name in dict.fromkeys(rang)]
    moved = sorted((keys[name], before.states.get(name), now) for name, now in states.items())
    # A stack that is judged for the first time in its life finds itself well: that is its own doing.
    found += [f"{alarm} was {then} and is {now}" for alarm, then, now in moved if now != then and (then, now) != FIRST]
    others = {one for alarm in _alarms(scene, outputs) for one in _stacks(alarm)} - {key}
    found += [f"its alarms look at {other}" for other in sorted(others)]
    for gauge in GAUGES:
        most, minutes = _most(scene, key, gauge)
        if most > 0 or minutes <= LEAST_MINUTES:
            found.append(f"{gauge} was {most:g} at most in {minutes} minutes")
    traffic = _traffic(scene, outputs)
    if wrote := len(traffic.entries()) - before.entries:
        found.append(f"{wrote} entries in its ledger")
    return [*found, *(f"incident {one.id} is open" for one in traffic.incidents())]


def _alarms(scene: Scene, outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = set(outputs["alarms"]["names"].values())
    return [one for one in every_alarm(scene.client("cloudwatch")) if one["AlarmName"] in names]


def _states(scene: Scene, outputs: Mapping[str, Any]) -> dict[str, str]:
    return {one["AlarmName"]: one["StateValue"] for one in _alarms(scene, outputs)}


def _stacks(alarm: Mapping[str, Any]) -> set[str]:
    """The stacks whose own metrics an alarm looks at, by their keys."""
    metrics = [alarm, *(one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one)]
    dimensions = [each for one in metrics for each in one.get("Dimensions", ())]
    return {each["Value"] for each in dimensions if each["Name"] == "Endpoint"}


def _traffic(scene: Scene, outputs: Mapping[str, Any]) -> TrafficController:
    clients = Clients(scene.client("sagemaker"), scene.client("dynamodb"), scene.client("cloudwatch"))
    return TrafficController(clients, Place(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], ""))


def _most(scene: Scene, key: str, metric: str) -> tuple[float, int]:
    """The most of a stack's own metric since the scene began, and how many minutes it told of."""
    points = scene.client("cloudwatch").get_metric_statistics(
        Namespace="Tidewatch",
        MetricName=metric,
        Dimensions=[{"Name": "Endpoint", "Value": key}],
        StartTime=scene.began,
        EndTime=scene.control.clock(),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return max((point["Maximum"] for point in points), default=-1.0), len(points)
