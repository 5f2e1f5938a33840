"""Automatic scaling that a deployment takes off a variant, and what people made of it meanwhile."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from rehearsal.aws.identity import act_as
from tests.stacks.deployed_program import DeployedProgram, changes, deployer
from tidewatch.traffic.autoscaling import ScalableTargets

SUSPENDED: Any = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def build_target(stack: DeployedProgram, variant: str) -> Any:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{stack.outputs()['endpoint']['name']}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def scale_variants(stack: DeployedProgram) -> Any:
    """Both variants scale; somebody suspends scaling in, and raises the floor in the mornings."""
    stack.set(autoscaling={"maximum": 4, "invocationsPerInstance": 1000}).up(preview=False)
    client = boto3.client("application-autoscaling")
    for variant in ("blue", "green"):
        client.register_scalable_target(**build_target(stack, variant), SuspendedState=SUSPENDED)
        client.put_scheduled_action(
            **build_target(stack, variant),
            ScheduledActionName="mornings",
            Schedule="cron(0 6 * * ? *)",
            Timezone="Europe/Berlin",
            ScalableTargetAction={"MinCapacity": 3},
        )
    return client


def test_a_variant_that_goes_takes_its_scaling_along_and_leaves_the_others(canary: DeployedProgram) -> None:
    client = scale_variants(canary)
    canary.serve(blue=("1", 100)).up()
    (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"] == build_target(canary, "blue")["ResourceId"]
    assert target["SuspendedState"] == SUSPENDED
    (action,) = client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert action["ResourceId"] == target["ResourceId"]
    assert changes(canary.up()) == set()


def test_a_step_policy_with_an_alarm_of_peoples_own_name_is_no_end_of_deployments(
    canary: DeployedProgram, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their alarm is not the deployer's to put: it is reported once, and nothing is owed by any later `up`."""
    client, cloudwatch = scale_variants(canary), boto3.client("cloudwatch")
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }
    given: Any = {**build_target(canary, "green"), "PolicyName": "steps", "PolicyType": "StepScaling"}
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
    canary.config["tidewatch:endpoint"]["instanceType"] = "ml.g5.2xlarge"
    with act_as(who):
        canary.up()
        assert "The alarm backlog still calls the step scaling policy steps of variant green" in capfd.readouterr().err
        assert changes(canary.up()) == set()
    found = client.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["steps"])["ScalingPolicies"]
    assert [one["PolicyARN"] for one in found] != [policy]
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["backlog"])["MetricAlarms"]
    assert alarm["AlarmActions"] == [policy]
    assert not canary.controller().has_suspended_scaling()


def test_a_new_registration_is_in_sync_with_the_state_after_a_refresh(canary: DeployedProgram) -> None:
    """The target's and the policy's ARNs are others then, and nothing else is."""
    client = scale_variants(canary)
    where = build_target(canary, "green")
    (before,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])[
        "ScalableTargets"
    ]
    controller = canary.controller()
    endpoint = controller.resource_names.endpoint
    ScalableTargets(client, controller.clients.cloudwatch, controller.control, endpoint, canary.clock).suspend(
        ["green"]
    )
    assert {one.rsplit(":", 1)[1] for one in changes(canary.up())} == {"EndpointDeployment"}
    (after,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])[
        "ScalableTargets"
    ]
    assert after["ScalableTargetARN"] != before["ScalableTargetARN"]
    assert after["SuspendedState"] == SUSPENDED
    assert len(client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]) == 2
    assert changes(canary.up()) == set()
    canary.stack.refresh()
    assert changes(canary.up()) == set()
