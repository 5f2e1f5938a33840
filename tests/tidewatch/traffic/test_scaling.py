"""What hangs on a scalable target is there again after a deployment that had to take the target off."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.tidewatch.traffic.account import ENDPOINT, PLACE, Flights, build_model
from tests.tidewatch.traffic.interruptions import Fuse, Killed, mortal
from tidewatch.traffic import DeploymentFailed, DeploymentRecord, NoCapacity, TrafficController

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
TRACKING = {
    "TargetValue": 1000.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    "ScaleInCooldown": 300,
    "ScaleOutCooldown": 60,
}
STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2}],
    "Cooldown": 120,
}
ALARM = {
    "AlarmName": "flights-backlog",
    "AlarmDescription": "The queue before the endpoint.",
    "Namespace": "Flights",
    "MetricName": "Backlog",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 100.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
    "Dimensions": [{"Name": "Queue", "Value": "flights"}],
}


def build_target(variant: str = "green") -> Any:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{ENDPOINT}/variant/{variant}",
        "ScalableDimension": DIMENSION,
    }


def scaling(account: Flights) -> Any:
    assert account.clients.autoscaling is not None
    return account.clients.autoscaling


@pytest.fixture
def scaled_canary(canary: Flights) -> Flights:
    """Green scales, with all that a scalable target can have: what Pulumi made and what people made since."""
    client = scaling(canary)
    client.register_scalable_target(
        **build_target(),
        MinCapacity=2,
        MaxCapacity=6,
        SuspendedState={"DynamicScalingInSuspended": True, "ScheduledScalingSuspended": False},
        Tags={"team": "ml", "tidewatch:variant": "green"},
    )
    client.put_scaling_policy(
        **build_target(),
        PolicyName="tracking",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    steps = client.put_scaling_policy(
        **build_target(), PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=STEPS
    )["PolicyARN"]
    canary.clients.cloudwatch.put_metric_alarm(
        **ALARM,  # type: ignore[arg-type]
        AlarmActions=["arn:aws:sns:us-east-1:123456789012:P1", steps],
    )
    now = canary.clock.now()
    client.put_scheduled_action(
        **build_target(),
        ScheduledActionName="mornings",
        Schedule="cron(0 6 ? * MON-FRI *)",
        Timezone="Europe/Berlin",
        StartTime=now + timedelta(days=1),
        EndTime=now + timedelta(days=90),
        ScalableTargetAction={"MinCapacity": 4, "MaxCapacity": 6},
    )
    client.put_scheduled_action(
        **build_target(),
        ScheduledActionName="launch",
        Schedule="at(2030-01-01T00:00:00)",
        ScalableTargetAction={"MinCapacity": 5},
    )
    return canary


def hanging(account: Flights, variant: str = "green") -> dict[str, Any]:
    """All that hangs on a variant's target, without what AWS makes up anew."""
    client = scaling(account)
    where = build_target(variant)
    targets = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])
    if not targets["ScalableTargets"]:
        return {}
    (target,) = targets["ScalableTargets"]
    policies = client.describe_scaling_policies(**where)["ScalingPolicies"]
    actions = client.describe_scheduled_actions(**where)["ScheduledActions"]
    return {
        "bounds": (target["MinCapacity"], target["MaxCapacity"]),
        "suspended": target["SuspendedState"],
        "tags": client.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"],
        "policies": {
            one["PolicyName"]: {
                **without(one, "PolicyARN", "CreationTime", "Alarms"),
                "alarms": [alarm["AlarmName"] for alarm in one["Alarms"]],
            }
            for one in policies
        },
        "actions": {one["ScheduledActionName"]: without(one, "ScheduledActionARN", "CreationTime") for one in actions},
    }


def without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}


def alarm(account: Flights) -> dict[str, Any]:
    (found,) = account.clients.cloudwatch.describe_alarms(AlarmNames=["flights-backlog"])["MetricAlarms"]
    return {**found}


def make_retyped_config(account: Flights, instance_type: str) -> str:
    return account.make_config({"blue": 1.0, "green": 0.0}, instance_type=instance_type)


def policies(account: Flights) -> list[dict[str, Any]]:
    return scaling(account).describe_scaling_policies(**build_target())["ScalingPolicies"]


def deploy(account: Flights, config: str, controller: TrafficController | None = None) -> DeploymentRecord:
    after = {**account.holds, "green": build_model("5")}
    return (controller or account.controller()).deploy(
        config, models=after, content="", changed_variants=frozenset({"green"})
    )


def test_a_deployment_that_takes_the_target_off_puts_everything_back(scaled_canary: Flights) -> None:
    before, was = hanging(scaled_canary), alarm(scaled_canary)
    assert before["policies"]["steps"]["alarms"] == ["flights-backlog"]
    config = make_retyped_config(scaled_canary, "ml.g5.2xlarge")
    deploy(scaled_canary, config)
    assert scaled_canary.controller().state().config == config
    assert hanging(scaled_canary) == before
    now = alarm(scaled_canary)
    assert now["AlarmActions"][0] == was["AlarmActions"][0]
    assert now["AlarmActions"][1] != was["AlarmActions"][1]
    assert {k: now[k] for k in ALARM} == {k: was[k] for k in ALARM}
    assert scaled_canary.controller().control.get("scaling") is None
    assert not scaled_canary.controller().has_suspended_scaling()


def test_a_deployment_that_fails_puts_everything_back(scaled_canary: Flights) -> None:
    before = hanging(scaled_canary)
    scaled_canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="capacity")
    with pytest.raises(DeploymentFailed):
        deploy(scaled_canary, make_retyped_config(scaled_canary, "ml.g5.2xlarge"))
    assert hanging(scaled_canary) == before
    assert scaled_canary.controller().control.get("scaling") is None


@pytest.mark.parametrize("code", ["InternalServiceException", "AccessDeniedException"])
def test_what_keeps_scaling_from_coming_back_hides_no_failure_and_keeps_no_traffic(
    scaled_canary: Flights, code: str
) -> None:
    before, split = hanging(scaled_canary), scaled_canary.live()
    scaled_canary.control.inject(
        "deployment_fails", endpoint=ENDPOINT, reason="InsufficientInstanceCapacity: none left."
    )
    scaled_canary.control.inject(
        "api", service="application-autoscaling", action="RegisterScalableTarget", code=code, status=400
    )
    config = make_retyped_config(scaled_canary, "ml.g5.2xlarge")
    with pytest.raises(NoCapacity, match=f"use another instance type.*scaling could not be restored .*{code}"):
        deploy(scaled_canary, config)
    assert scaled_canary.live() == split == {"blue": 0.95, "green": 0.05}
    assert scaled_canary.controller().has_suspended_scaling()
    deploy(scaled_canary, config)
    assert hanging(scaled_canary) == before


def test_an_alarm_that_the_deployer_may_not_put_is_told_and_owed_by_nobody(scaled_canary: Flights) -> None:
    before, was = hanging(scaled_canary), alarm(scaled_canary)
    scaled_canary.control.inject("api", service="cloudwatch", action="PutMetricAlarm", code="AccessDenied", status=403)
    (note,) = deploy(scaled_canary, make_retyped_config(scaled_canary, "ml.g5.2xlarge")).notes
    (steps,) = (one for one in policies(scaled_canary) if one["PolicyName"] == "steps")
    assert "The alarm flights-backlog still calls the step scaling policy steps of variant green" in note
    assert f"Put {steps['PolicyARN']} in its actions" in note
    assert alarm(scaled_canary)["AlarmActions"] == was["AlarmActions"]
    assert not scaled_canary.controller().has_suspended_scaling()
    now = hanging(scaled_canary)
    assert now["policies"].pop("steps") == {**before["policies"].pop("steps"), "alarms": []}
    assert now == before
    assert deploy(scaled_canary, make_retyped_config(scaled_canary, "ml.g5.4xlarge")).notes == ()


def test_an_alarm_that_cannot_be_put_for_another_reason_stays_owed(scaled_canary: Flights) -> None:
    before = hanging(scaled_canary)
    scaled_canary.control.inject(
        "api", service="cloudwatch", action="PutMetricAlarm", code="InternalServiceFault", status=400
    )
    config = make_retyped_config(scaled_canary, "ml.g5.2xlarge")
    with pytest.raises(ClientError, match="PutMetricAlarm"):
        deploy(scaled_canary, config)
    assert scaled_canary.controller().has_suspended_scaling()
    deploy(scaled_canary, config)
    assert hanging(scaled_canary) == before


@pytest.mark.slow
def test_a_deployment_killed_after_any_call_leaves_it_to_the_next(scaled_canary: Flights) -> None:
    before = hanging(scaled_canary)
    types = ("ml.g5.2xlarge", "ml.g5.xlarge")
    number = 0
    for number in count(1):
        wanted = make_retyped_config(scaled_canary, types[number % 2])
        try:
            deploy(scaled_canary, wanted, dying(scaled_canary, Fuse(number)))
        except Killed:
            scaled_canary.clock.advance(1000)
            deploy(scaled_canary, wanted)
        else:
            break
        assert hanging(scaled_canary) == before, f"killed after call {number}"
        assert not scaled_canary.controller().has_suspended_scaling()
    assert number > 12


def test_a_deployment_of_another_type_after_a_kill_in_the_putting_back_loses_nothing(scaled_canary: Flights) -> None:
    before = hanging(scaled_canary)
    scaled_canary.control.inject(
        "api",
        service="application-autoscaling",
        action="PutScheduledAction",
        code="InternalServiceException",
        status=400,
    )
    with pytest.raises(ClientError, match="InternalServiceException"):
        deploy(scaled_canary, make_retyped_config(scaled_canary, "ml.g5.2xlarge"))
    assert scaled_canary.controller().has_suspended_scaling()
    assert hanging(scaled_canary)["actions"] != before["actions"]
    deploy(scaled_canary, make_retyped_config(scaled_canary, "ml.g5.4xlarge"))
    assert hanging(scaled_canary) == before


def test_what_was_edited_before_the_target_went_is_what_comes_back(scaled_canary: Flights) -> None:
    """Killed once it was written down, before it was taken off: people go on editing."""
    fuse = Fuse(10_000)
    config = make_retyped_config(scaled_canary, "ml.g5.2xlarge")
    scaled_canary.control.inject(
        "api",
        service="application-autoscaling",
        action="DeregisterScalableTarget",
        code="InternalServiceException",
        status=400,
    )
    with pytest.raises(ClientError, match="InternalServiceException"):
        deploy(scaled_canary, config, dying(scaled_canary, fuse))
    scaling(scaled_canary).register_scalable_target(**build_target(), MaxCapacity=9)
    deploy(scaled_canary, config)
    assert hanging(scaled_canary)["bounds"] == (2, 9)


def test_an_action_whose_time_came_meanwhile_is_put_back_as_far_as_aws_takes_it(scaled_canary: Flights) -> None:
    """Whether a start that has passed is refused is not documented: it is tried, and left out where it is."""
    actions = hanging(scaled_canary)["actions"]
    scaled_canary.clock.advance(timedelta(days=2).total_seconds())
    scaled_canary.control.inject(
        "api", service="application-autoscaling", action="PutScheduledAction", code="ValidationException", status=400
    )
    deploy(scaled_canary, make_retyped_config(scaled_canary, "ml.g5.2xlarge"))
    now = hanging(scaled_canary)["actions"]
    assert now["mornings"] == without(actions["mornings"], "StartTime")
    assert isinstance(actions["mornings"]["StartTime"], datetime)


def test_the_targets_of_variants_that_go_are_forgotten(scaled_canary: Flights) -> None:
    config = scaled_canary.make_config({"blue": 1.0})
    scaled_canary.controller().deploy(
        config, models={"blue": scaled_canary.holds["blue"]}, content="", changed_variants=frozenset()
    )
    assert hanging(scaled_canary) == {}
    assert not scaled_canary.controller().has_suspended_scaling()


def dying(account: Flights, fuse: Fuse) -> TrafficController:
    return TrafficController(mortal(account.clients, fuse), PLACE, account.clock)
