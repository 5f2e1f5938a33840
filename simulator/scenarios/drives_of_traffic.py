"""What drives the alarms of the rollback, of deployments, and of who moves the traffic."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.scenarios.by_hand import forge, same_again, update
from simulator.scenarios.drive import FEW, Drive, clears, fires
from simulator.scenarios.scene import RATE, Scene
from tidewatch.traffic import Clients, DeploymentFailed, Place, TrafficController

GUARDRAILS = ("guardrail-errors-green", "guardrail-model-errors-green", "guardrail-latency-green", "guardrail-green")
ROLLBACK = ("rollback-blocked", "rollback-pending", "endpoint-not-in-service")
OPERATOR = "somebody@example.com"


def _cannot_roll_back(scene: Scene) -> None:
    """The challenger fails and is slow; before its guardrails fire, the endpoint goes out of service."""
    faults = _worse(scene)
    scene.minutes(2)
    scene.control.inject("status", endpoint=scene.endpoint, status="OutOfService")
    fires(scene, *GUARDRAILS, most=3, requests=RATE)
    fires(scene, *ROLLBACK, requests=FEW)
    for fault in faults:
        scene.control.clear(fault)
    scene.control.inject("status", endpoint=scene.endpoint, status="InService")
    clears(scene, *GUARDRAILS, *ROLLBACK, requests=FEW)
    fires(scene, "unacknowledged", requests=FEW)
    _acknowledge(scene)
    clears(scene, "unacknowledged", requests=FEW)


def _worse(scene: Scene) -> list[int]:
    """The challenger fails half of its requests and is slow: faults."""
    return [
        scene.control.inject("variant_errors", variant=scene.challenger, rate=0.5),
        scene.control.inject("variant_latency", variant=scene.challenger, seconds=0.4),
    ]


def _acknowledge(scene: Scene) -> None:
    for incident in scene.incidents():
        scene.traffic().acknowledge(incident.id, OPERATOR)


def _starves(scene: Scene) -> None:
    fault = scene.control.inject("function_throttled", function=scene.outputs["rollback"]["function"])
    fires(scene, "rollback-failed", requests=FEW)
    scene.control.clear(fault)
    clears(scene, "rollback-failed", requests=FEW)


def _by_hand(scene: Scene) -> None:
    """Weights that nobody declared, set past the program as with the console; acknowledged by who finds them."""
    scene.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=scene.endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": slot, "DesiredWeight": weight}
            for slot, weight in ((scene.champion, 0.5), (scene.challenger, 0.5))
        ],
    )
    fires(scene, "traffic-changed", requests=FEW)
    _acknowledge(scene)
    clears(scene, "traffic-changed", requests=FEW)


def _forged(scene: Scene) -> None:
    """Somebody writes a rollback to the challenger into the control table; after half an hour nobody is told of it."""
    before = scene.live()
    forge(scene)
    fires(scene, "records-refused", requests=FEW)
    scene.expect(f"the traffic stays where it was: {scene.live()}", scene.live() == before)
    clears(scene, "records-refused", most=40, requests=FEW)


def _broken_glass(scene: Scene) -> None:
    """Somebody takes the role that may delete from the registry, whose policy names it."""
    held = scene.client("s3").get_bucket_policy(Bucket=scene.outputs["registry"]["bucket"])["Policy"]
    (role,) = (
        one["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
        for one in json.loads(held)["Statement"]
        if one["Sid"] == "NeverDelete"
    )
    scene.client("sts").assume_role(RoleArn=role, RoleSessionName="drill")
    fires(scene, "break-glass", requests=FEW)
    clears(scene, "break-glass", requests=FEW)


def _undone(scene: Scene) -> None:
    """The program's own deployment, which SageMaker undoes silently; the next one stays."""
    scene.control.inject("deployment_fails", endpoint=scene.endpoint, reason="health_check")
    with suppress(DeploymentFailed):
        _deploy(scene, "undone")
    fires(scene, "deployment-rolled-back", requests=FEW)
    _deploy(scene, "mended")
    clears(scene, "deployment-rolled-back", requests=FEW)


def _updated(scene: Scene) -> None:
    """An update of the whole endpoint while its challenger is bad: the rollback stops it."""
    faults = _worse(scene)
    scene.minutes(2)
    update(scene)
    fires(scene, "deployment-running", "abort", requests=RATE)
    for fault in faults:
        scene.control.clear(fault)
    clears(scene, "deployment-running", "abort", requests=FEW)


@dataclass(frozen=True)
class _Minutes:
    """A clock for who waits for a deployment: meanwhile the scene goes on by the minute, its functions with it."""

    scene: Scene

    def now(self) -> datetime:
        return self.scene.control.clock()

    def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            self.scene.minutes(requests=FEW)


def _deploy(scene: Scene, name: str) -> None:
    """Deploys as the program's provider does."""
    clients = Clients(scene.client("sagemaker"), scene.client("dynamodb"), scene.client("cloudwatch"))
    place = Place(scene.outputs["key"], scene.endpoint, scene.outputs["ledger"], scene.control_table())
    controller = TrafficController(clients, place, _Minutes(scene))
    controller.deploy(same_again(scene, name), held=controller.held(), content="", changed=frozenset())


OF_TRAFFIC = (
    Drive(
        "cannot-roll-back",
        "The challenger fails and is slow while the endpoint is out of service; it is in service again, the rollback "
        "comes, and its incident is acknowledged after a quarter of an hour.",
        (*GUARDRAILS, *ROLLBACK, "unacknowledged"),
        _cannot_roll_back,
    ),
    Drive(
        "updated",
        "Somebody updates the endpoint while its challenger fails; the rollback stops the update, which ends.",
        ("deployment-running", "abort"),
        _updated,
    ),
    Drive(
        "deployment-undone",
        "The program deploys a configuration that SageMaker rolls back, then one that stays.",
        ("deployment-rolled-back",),
        _undone,
    ),
    Drive(
        "weights-by-hand",
        "Somebody sets other weights past the program, and the incident of it is acknowledged.",
        ("traffic-changed",),
        _by_hand,
    ),
    Drive(
        "forged-head",
        "Somebody writes a rollback to the challenger into the control table; then half an hour passes.",
        ("records-refused",),
        _forged,
    ),
    Drive(
        "glass-broken",
        "Somebody takes the role of break-glass, and does no more with it.",
        ("break-glass",),
        _broken_glass,
    ),
    Drive(
        "rollback-starves",
        "The rollback function finds no free concurrency for minutes, then it does.",
        ("rollback-failed",),
        _starves,
    ),
)
