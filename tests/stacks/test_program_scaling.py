"""Automatic scaling that a deployment takes off a variant, and what people made of it meanwhile."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from rehearsal.aws.identity import act_as
from tests.stacks.deployed_program import Rehearsed, changes, deployer
from tidewatch.traffic.autoscaling import ScalableTargets

SUSPENDED: Any = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def place(stack: Rehearsed, variant: str) -> Any:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{stack.outputs()['endpoint']['name']}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def scaled(stack: Rehearsed) -> Any:
    """Both variants scale; somebody suspends scaling in, and raises the floor in the mornings."""
    stack.set(autoscaling={"maximum": 4, "invocationsPerInstance": 1000}).up(preview=False)
    client = boto3.client("application-autoscaling")
    for variant in ("blue", "green"):
        client.register_scalable_target(**place(stack, variant), SuspendedState=SUSPENDED)
        client.put_scheduled_action(
            **place(stack, variant),
            ScheduledActionName="mornings",
            Schedule="cron(0 6 * * ? *)",
            Timezone="Europe/Berlin",
            ScalableTargetAction={"MinCapacity": 3},
        )
    return client


def test_a_variant_that_goes_takes_its_scaling_along_and_leaves_the_others(standing: Rehearsed) -> None:
    client = scaled(standing)
    standing.serve(blue=("1", 100)).up()
    (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"] == place(standing, "blue")["ResourceId"]
    assert target["SuspendedState"] == SUSPENDED
    (action,) = client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert action["ResourceId"] == target["ResourceId"]
    assert changes(standing.up()) == set()


def test_a_step_policy_with_an_alarm_of_peoples_own_name_is_no_end_of_deployments(
    standing: Rehearsed, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their alarm is not the deployer's to put: it is told once, and nothing is owed by any later `up`."""
    client, cloudwatch = scaled(standing), boto3.client("cloudwatch")
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }
    given: Any = {**place(standing, "green"), "PolicyName": "steps", "PolicyType": "StepScaling"}
    policy = client.put_scaling_policy(**given, StepScalingPolicyConfiguration=steps)["PolicyARN"]
    cloudwatch.put_metric_alarm(
        AlarmName="backlog",
        Namespace="Queue",
        MetricName="Backlog",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=100.0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[policy],
    )
    who = deployer()
    standing.config["tidewatch:endpoint"]["instanceType"] = "ml.g5.2xlarge"
    with act_as(who):
        standing.up()
        assert "The alarm backlog still calls the step scaling policy steps of variant green" in capfd.readouterr().err
        assert changes(standing.up()) == set()
    found = client.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["steps"])["ScalingPolicies"]
    assert [one["PolicyARN"] for one in found] != [policy]
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["backlog"])["MetricAlarms"]
    assert alarm["AlarmActions"] == [policy]
    assert not standing.controller().has_suspended_scaling()


def test_a_new_registration_is_in_sync_with_the_state_after_a_refresh(standing: Rehearsed) -> None:
    """The target's and the policy's ARNs are others then, and nothing else is."""
    client = scaled(standing)
    where = place(standing, "green")
    (before,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])[
        "ScalableTargets"
    ]
    controller = standing.controller()
    endpoint = controller.resource_names.endpoint
    ScalableTargets(client, controller.clients.cloudwatch, controller.control, endpoint, standing.clock).suspend(
        ["green"]
    )
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
