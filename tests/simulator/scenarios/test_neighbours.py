"""Two stacks of one model, and two projects with one stack name, in one account: what happens in one stays there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from simulator.report.values import Outcome
from simulator.scenarios import SCENARIOS
from simulator.scenarios.alarms import changes, every_alarm
from simulator.scenarios.by_hand import update
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.scene import Scene
from simulator.scenarios.snapshot import Snapshot, snapshot
from simulator.scenarios.telling import told
from tidewatch.traffic import Clients, Place, TrafficController

ROOT = Path(__file__).parents[3]
NEIGHBOURS = (("tidewatch", "staging"), ("fares", "rehearsal"))
PERIOD_SECONDS = 60
"""Of a guardrail."""
GAUGES = ("OpenIncidents", "OutOfBandChanges", "DeploymentRunning", "RollbackDriven", "RollbackBlocked")


@dataclass(frozen=True)
class NextDoor:
    """What a neighbour lived through. rang: its alarms that went to ALARM. before, states: how its alarms were and are.
    watched: the stacks whose own metrics they look at. gauges: the most of each of its own metrics, and how many
    minutes it told of. entries: new ones of its ledger."""

    key: str
    rang: tuple[str, ...]
    before: Mapping[str, str]
    states: Mapping[str, str]
    watched: frozenset[str]
    gauges: Mapping[str, tuple[float, int]]
    entries: int
    incidents: int


@pytest.fixture(scope="module")
def side_by_side() -> Iterator[Snapshot]:
    with snapshot(ROOT, neighbours=NEIGHBOURS) as deployed:
        yield deployed


def flip_by_hand(scene: Scene) -> None:
    scene.minutes(1)
    scene.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=scene.endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredWeight": 10.0},
            {"VariantName": "green", "DesiredWeight": 90.0},
        ],
    )
    scene.minutes(5)
    scene.expect("traffic-changed is in ALARM", scene.in_alarm("traffic-changed"))


def deploy_by_hand(scene: Scene) -> None:
    scene.minutes(1)
    update(scene)
    scene.minutes(5)
    scene.expect("a deployment runs", scene.in_alarm("deployment-running") or _running(scene))


def _running(scene: Scene) -> bool:
    return _most(scene, scene.outputs["key"], "DeploymentRunning")[0] == 1


BY_HAND = (
    Scenario("flip", "Somebody flips the weights.", "It is found.", "traffic-changed", flip_by_hand),
    Scenario("deployment", "Somebody deploys.", "It is found.", "deployment-running", deploy_by_hand),
)


def beside(one: Scenario, scene: Scene) -> tuple[Outcome, tuple[NextDoor, ...]]:
    before = [(_states(scene, each), len(_traffic(each).entries())) for each in scene.neighbours]
    one.play(scene)
    scene.minutes(1)
    outcome = told(one.name, one.states, one.expected, scene)
    found = [_next_door(scene, each, *was) for each, was in zip(scene.neighbours, before, strict=True)]
    return outcome, tuple(found)


def _next_door(scene: Scene, outputs: Mapping[str, Any], states: Mapping[str, str], entries: int) -> NextDoor:
    cloudwatch, names = scene.client("cloudwatch"), set(outputs["alarms"]["names"].values())
    until = scene.control.clock() + timedelta(seconds=1)
    traffic = _traffic(outputs)
    return NextDoor(
        outputs["key"],
        tuple(
            one.alarm for one in changes(cloudwatch, scene.began, until) if one.alarm in names and one.state == "ALARM"
        ),
        states,
        _states(scene, outputs),
        frozenset(key for one in _alarms(scene, outputs) for key in _stacks(one)),
        {metric: _most(scene, outputs["key"], metric) for metric in GAUGES},
        len(traffic.entries()) - entries,
        len(traffic.incidents()),
    )


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


def _traffic(outputs: Mapping[str, Any]) -> TrafficController:
    clients = Clients(boto3.client("sagemaker"), boto3.client("dynamodb"), boto3.client("cloudwatch"))
    return TrafficController(clients, Place(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], ""))


def _most(scene: Scene, key: str, metric: str) -> tuple[float, int]:
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


def silent(one: NextDoor) -> None:
    assert one.rang == (), one.key
    assert one.states == one.before, one.key
    assert "ALARM" not in one.states.values(), one.key
    assert one.watched == {one.key}
    assert all(most == 0 and minutes > 2 for most, minutes in one.gauges.values()), (one.key, one.gauges)
    assert (one.entries, one.incidents) == (0, 0), one.key


def played(deployed: Snapshot, *scenarios: Scenario) -> list[Outcome]:
    """What came of each; the neighbours of all of them were silent."""
    done = deployed.copies([partial(beside, one) for one in scenarios])
    for outcome, neighbours in done:
        assert outcome.passed, f"{outcome.scenario}: {outcome.seen}"
        assert len({one.key for one in neighbours}) == len(NEIGHBOURS)
        for one in neighbours:
            silent(one)
    return [outcome for outcome, _ in done]


def test_the_alarms_of_an_empty_slot_are_ok(side_by_side: Snapshot):
    def states(scene: Scene) -> dict[str, str]:
        scene.minutes(1)
        names = {name: key for key, name in side_by_side.neighbours[0]["alarms"]["names"].items()}
        every = every_alarm(scene.client("cloudwatch"))
        return {names[one["AlarmName"]]: one["StateValue"] for one in every if one["AlarmName"] in names}

    (found,) = side_by_side.copies([states])
    of_green = {key: state for key, state in found.items() if key.endswith("-green")}
    assert len(of_green) > 8
    assert set(of_green.values()) == {"OK"}


def test_a_flip_or_a_deployment_by_hand_in_one_stack_leaves_the_others_silent(side_by_side: Snapshot):
    played(side_by_side, *BY_HAND)


def test_a_bad_challenger_is_rolled_back_within_two_periods_and_ten_seconds_of_ours_and_only_in_its_stack(
    side_by_side: Snapshot,
) -> None:
    spike, calm = played(side_by_side, SCENARIOS["error-spike"], SCENARIOS["champion-bad"])
    assert spike.flip_s is not None
    assert spike.platform_s is not None
    assert spike.flip_s - spike.platform_s <= 2 * PERIOD_SECONDS + 10
    assert spike.own_s is not None
    assert spike.own_s < 10
    assert calm.flip_s is None
    kinds = [mark.kind for mark in spike.timeline.ordered]
    assert kinds.index("bad") < kinds.index("alarm") < kinds.index("flipped")
    assert "guardrail-green" in {span.label for span in spike.timeline.alarms}
