"""Automatic scaling that a deployment takes off a slot, and what people made of it meanwhile."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.stacks.rehearsed import Rehearsed, changes
from tidewatch.traffic.scaling import Scaling

pytestmark = pytest.mark.on_a_copy
SUSPENDED = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def place(stack: Rehearsed, slot: str) -> Any:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{stack.outputs()['endpoint']['name']}/variant/{slot}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def scaled(stack: Rehearsed) -> Any:
    """Both slots scale; somebody suspends scaling in, and raises the floor in the mornings."""
    stack.set(autoscaling={"maximum": 4, "invocationsPerInstance": 1000}).up(preview=False)
    client = boto3.client("application-autoscaling")
    for slot in ("blue", "green"):
        client.register_scalable_target(**place(stack, slot), SuspendedState=SUSPENDED)
        client.put_scheduled_action(
            **place(stack, slot),
            ScheduledActionName="mornings",
            Schedule="cron(0 6 * * ? *)",
            Timezone="Europe/Berlin",
            ScalableTargetAction={"MinCapacity": 3},
        )
    return client


def test_a_slot_that_goes_takes_its_scaling_along_and_leaves_the_others(standing: Rehearsed) -> None:
    client = scaled(standing)
    standing.serve(blue=("1", 100)).up()
    (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"] == place(standing, "blue")["ResourceId"]
    assert target["SuspendedState"] == SUSPENDED
    (action,) = client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert action["ResourceId"] == target["ResourceId"]
    assert changes(standing.up()) == set()


def test_a_new_registration_is_in_sync_with_the_state_after_a_refresh(standing: Rehearsed) -> None:
    """The target's and the policy's ARNs are others then, and nothing else is."""
    client = scaled(standing)
    where = place(standing, "green")
    (before,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])[
        "ScalableTargets"
    ]
    controller = standing.controller()
    endpoint = controller.place.endpoint
    Scaling(client, controller.clients.cloudwatch, controller.control, endpoint, standing.clock).suspend(["green"])
    assert {one.rsplit(":", 1)[1] for one in changes(standing.up())} == {"EndpointDeployment"}
    (after,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])[
        "ScalableTargets"
    ]
    assert after["ScalableTargetARN"] != before["ScalableTargetARN"]
    assert after["SuspendedState"] == SUSPENDED
    assert len(client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]) == 2
    assert changes(standing.up()) == set()
    standing.stack.refresh()
    assert changes(standing.up()) == set()
