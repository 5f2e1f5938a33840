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
AT_ONCE = 4
GAUGES = ("OpenIncidents", "OutOfBandChanges", "DeploymentRunning", "RollbackDriven", "RollbackBlocked")


@dataclass(frozen=True)
class NextDoor:
    """What a neighbour lived through. rang: its alarms that went to ALARM. states: how its alarms are. gauges: the most
    of each of its own metrics, and how many minutes it told of. entries: new ones of its ledger."""

    key: str
    rang: tuple[str, ...]
    states: Mapping[str, str]
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
    before = [len(_traffic(each).entries()) for each in scene.neighbours]
    one.play(scene)
    scene.minutes(1)
    outcome = told(one.name, one.states, one.expected, scene)
    found = [_next_door(scene, each, count) for each, count in zip(scene.neighbours, before, strict=True)]
    return outcome, tuple(found)


def _next_door(scene: Scene, outputs: Mapping[str, Any], before: int) -> NextDoor:
    cloudwatch, names = scene.client("cloudwatch"), set(outputs["alarms"]["names"].values())
    until = scene.control.clock() + timedelta(seconds=1)
    traffic = _traffic(outputs)
    return NextDoor(
        outputs["key"],
        tuple(
            one.alarm for one in changes(cloudwatch, scene.began, until) if one.alarm in names and one.state == "ALARM"
        ),
        {one["AlarmName"]: one["StateValue"] for one in every_alarm(cloudwatch) if one["AlarmName"] in names},
        {metric: _most(scene, outputs["key"], metric) for metric in GAUGES},
        len(traffic.entries()) - before,
        len(traffic.incidents()),
    )


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
    assert "ALARM" not in one.states.values(), one.key
    assert all(most == 0 and minutes > 2 for most, minutes in one.gauges.values()), (one.key, one.gauges)
    assert (one.entries, one.incidents) == (0, 0), one.key


def played(deployed: Snapshot, scenarios: tuple[Scenario, ...]) -> None:
    for first in range(0, len(scenarios), AT_ONCE):
        group = scenarios[first : first + AT_ONCE]
        for outcome, neighbours in deployed.copies([partial(beside, one) for one in group]):
            assert outcome.passed, f"{outcome.scenario}: {outcome.seen}"
            assert len(neighbours) == len(NEIGHBOURS)
            for one in neighbours:
                silent(one)


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
    played(side_by_side, BY_HAND)


def test_every_game_day_in_one_stack_leaves_the_others_silent(side_by_side: Snapshot):
    played(side_by_side, tuple(SCENARIOS.values()))
