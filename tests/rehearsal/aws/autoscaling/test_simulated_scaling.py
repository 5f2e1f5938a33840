"""Source of every rule: botocore's model of Application Auto Scaling, documentation of the operation that is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import Account, scalable

PLACE = scalable("green")
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
}


@pytest.fixture
def scaling(endpoint: Account) -> Any:
    client = endpoint.client("application-autoscaling")
    client.register_scalable_target(**PLACE, MinCapacity=1, MaxCapacity=4, Tags={"team": "ml"})
    return client


def target(scaling: Any) -> dict[str, Any]:
    (found,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return found


def track(scaling: Any) -> str:
    return scaling.put_scaling_policy(
        **PLACE,
        PolicyName="tracking",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )["PolicyARN"]


def schedule(scaling: Any, **given: Any) -> None:
    scaling.put_scheduled_action(**PLACE, ScheduledActionName="mornings", **given)


def test_deregistering_deletes_policies_scheduled_actions_suspension_and_tags(scaling: Any) -> None:
    """DeregisterScalableTarget."""
    scaling.register_scalable_target(**PLACE, SuspendedState={"ScheduledScalingSuspended": True})
    track(scaling)
    schedule(scaling, Schedule="cron(0 6 * * ? *)", ScalableTargetAction={"MinCapacity": 2})
    before = target(scaling)
    scaling.deregister_scalable_target(**PLACE)

    scaling.register_scalable_target(**PLACE, MinCapacity=1, MaxCapacity=4)
    after = target(scaling)
    assert after["ScalableTargetARN"] != before["ScalableTargetARN"]
    assert not any(after["SuspendedState"].values())
    assert scaling.list_tags_for_resource(ResourceARN=after["ScalableTargetARN"])["Tags"] == {}
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scaling.tag_resource(ResourceARN=before["ScalableTargetARN"], Tags={"a": "1"})


def test_an_update_changes_what_it_names(scaling: Any) -> None:
    """RegisterScalableTarget: "any parameters that you don't specify are not changed"."""
    scaling.register_scalable_target(**PLACE, SuspendedState={"DynamicScalingInSuspended": True})
    before = target(scaling)
    scaling.register_scalable_target(**PLACE, MaxCapacity=9)
    after = target(scaling)
    assert (after["MinCapacity"], after["MaxCapacity"]) == (1, 9)
    assert after["SuspendedState"] == before["SuspendedState"]
    assert after["SuspendedState"]["DynamicScalingInSuspended"]
    assert after["ScalableTargetARN"] == before["ScalableTargetARN"]
    assert scaling.list_tags_for_resource(ResourceARN=after["ScalableTargetARN"])["Tags"] == {"team": "ml"}


def test_a_new_target_needs_both_bounds_in_their_order(endpoint: Account) -> None:
    """RegisterScalableTarget, MinCapacity and MaxCapacity: required when registering a new scalable target."""
    client = endpoint.client("application-autoscaling")
    for bounds in ({}, {"MinCapacity": 1}, {"MinCapacity": 3, "MaxCapacity": 2}):
        with pytest.raises(ClientError, match="ValidationException"):
            client.register_scalable_target(**PLACE, **bounds)


def test_nothing_hangs_on_a_target_that_is_not_registered(endpoint: Account) -> None:
    """PutScalingPolicy, PutScheduledAction: "you cannot create ... until you have registered the resource"."""
    client = endpoint.client("application-autoscaling")
    calls = (
        lambda: track(client),
        lambda: schedule(client, Schedule="rate(1 hour)", ScalableTargetAction={"MinCapacity": 2}),
        lambda: client.deregister_scalable_target(**PLACE),
        lambda: client.delete_scaling_policy(**PLACE, PolicyName="tracking"),
        lambda: client.delete_scheduled_action(**PLACE, ScheduledActionName="mornings"),
    )
    for call in calls:
        with pytest.raises(ClientError, match="ObjectNotFoundException"):
            call()


def test_a_scheduled_action_keeps_what_an_update_leaves_out_but_its_times(scaling: Any) -> None:
    """PutScheduledAction: "if you don't specify start and end times, the old values are deleted"."""
    start, end = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    schedule(
        scaling, Schedule="cron(0 6 * * ? *)", Timezone="Europe/Berlin", StartTime=start, EndTime=end,
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    )  # fmt: skip
    (action,) = scaling.describe_scheduled_actions(**PLACE)["ScheduledActions"]
    assert (action["StartTime"], action["EndTime"], action["Timezone"]) == (start, end, "Europe/Berlin")
    schedule(scaling, ScalableTargetAction={"MinCapacity": 1})
    (action,) = scaling.describe_scheduled_actions(**PLACE)["ScheduledActions"]
    assert (action["Schedule"], action["Timezone"]) == ("cron(0 6 * * ? *)", "Europe/Berlin")
    assert action["ScalableTargetAction"] == {"MinCapacity": 1}
    assert "StartTime" not in action
    assert "EndTime" not in action
    scaling.delete_scheduled_action(**PLACE, ScheduledActionName="mornings")
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []


def test_a_policy_keeps_its_arn_when_it_is_put_again_and_knows_the_alarms_that_call_it(
    endpoint: Account, scaling: Any
) -> None:
    """ScalingPolicy.Alarms: "the CloudWatch alarms associated with the scaling policy"."""
    assert track(scaling) == track(scaling)
    arn = scaling.put_scaling_policy(
        **PLACE, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=STEPS
    )["PolicyARN"]
    endpoint.client("cloudwatch").put_metric_alarm(
        AlarmName="backlog", Namespace="Flights", MetricName="Backlog", Statistic="Maximum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn],
    )  # fmt: skip
    found = scaling.describe_scaling_policies(**PLACE, PolicyNames=["steps"])["ScalingPolicies"]
    assert [[alarm["AlarmName"] for alarm in policy["Alarms"]] for policy in found] == [["backlog"]]
