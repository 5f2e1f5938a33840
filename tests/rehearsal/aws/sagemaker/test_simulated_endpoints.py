"""An endpoint's life: statuses, deployments, changes of weight, and every way they are rolled back."""

from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import TRUST, Account, variant

GUARD = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "abort"}]}}


def alarm(account: Account, name: str = "abort") -> None:
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName="m",
        Namespace="n",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )


def trip(account: Account, name: str = "abort") -> None:
    account.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="tripped")


def update(account: Account, config: str = "second", **fields: object) -> None:
    account.sagemaker.update_endpoint(EndpointName="flights", EndpointConfigName=config, **fields)


def flip(account: Account, **weights: float) -> None:
    changes = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="flights", DesiredWeightsAndCapacities=changes
    )


def test_an_endpoint_is_creating_for_its_stated_seconds_and_then_in_service(account: Account) -> None:
    """Source: botocore model docs, CreateEndpoint."""
    account.model("one")
    account.config("first", variant("blue"))
    account.sagemaker.create_endpoint(EndpointName="flights", EndpointConfigName="first")

    account.clock.advance(299)
    pending = account.endpoint()
    account.clock.advance(1)

    assert pending["EndpointStatus"] == "Creating"
    assert pending["PendingDeploymentSummary"]["EndpointConfigName"] == "first"
    assert account.endpoint()["EndpointStatus"] == "InService"


def test_a_weight_of_zero_is_described_as_zero(account: Account) -> None:
    """Source: botocore model docs, ProductionVariantSummary.CurrentWeight."""
    account.model("one")
    account.config("first", variant("blue", 1), variant("green", 0))

    account.serving()

    assert account.weights() == {"blue": 1.0, "green": 0.0}


def test_a_change_of_weights_keeps_the_instance_counts_and_the_variants_it_does_not_name(endpoint: Account) -> None:
    """Source: botocore model docs, UpdateEndpointWeightsAndCapacities."""
    flip(endpoint, green=0)
    during = endpoint.endpoint()
    endpoint.clock.advance(30)

    blue, green = endpoint.endpoint()["ProductionVariants"]
    assert during["EndpointStatus"] == "Updating"
    assert during["ProductionVariants"][1]["CurrentWeight"] == 5.0
    assert during["ProductionVariants"][1]["DesiredWeight"] == 0.0
    assert (blue["CurrentWeight"], green["CurrentWeight"]) == (95.0, 0.0)
    assert (blue["CurrentInstanceCount"], green["DesiredInstanceCount"]) == (2, 2)


def test_a_change_of_capacity_keeps_the_weights(endpoint: Account) -> None:
    """Source: botocore model docs, UpdateEndpointWeightsAndCapacities."""
    endpoint.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="flights",
        DesiredWeightsAndCapacities=[{"VariantName": "green", "DesiredInstanceCount": 5}],
    )
    endpoint.clock.advance(120)

    assert endpoint.weights() == {"blue": 95.0, "green": 5.0}
    assert endpoint.endpoint()["ProductionVariants"][1]["CurrentInstanceCount"] == 5


def test_weights_come_back_as_32_bit_floats(endpoint: Account) -> None:
    """Source: botocore model, VariantWeight is a float."""
    flip(endpoint, blue=0.95)
    endpoint.clock.advance(30)

    assert endpoint.weights()["blue"] == pytest.approx(0.95, abs=1e-7)
    assert endpoint.weights()["blue"] != 0.95


def test_a_change_of_weights_that_fails_rolls_back_to_the_weights_before(endpoint: Account) -> None:
    """Source: botocore model docs, EndpointStatus RollingBack."""
    endpoint.control.inject("change_rolls_back", endpoint="flights")
    flip(endpoint, blue=1, green=0)
    endpoint.clock.advance(30)
    during = endpoint.endpoint()
    endpoint.clock.advance(20)

    assert during["EndpointStatus"] == "RollingBack"
    assert "InsufficientInstanceCapacity" in during["FailureReason"]
    assert endpoint.endpoint()["EndpointStatus"] == "InService"
    assert endpoint.weights() == {"blue": 95.0, "green": 5.0}


def test_a_deployment_without_retention_goes_back_to_the_configured_weights(endpoint: Account) -> None:
    """Source: botocore model docs, UpdateEndpointInput.RetainAllVariantProperties, false by default."""
    flip(endpoint, blue=50, green=50)
    endpoint.clock.advance(30)
    update(endpoint)
    endpoint.clock.advance(300)

    assert endpoint.weights() == {"blue": 95.0, "green": 5.0}


def test_a_deployment_with_retention_keeps_weights_and_instance_counts(endpoint: Account) -> None:
    """Source: botocore model docs, UpdateEndpointInput.RetainAllVariantProperties; a count edited in the
    configuration alone is not applied."""
    endpoint.config("third", variant("blue", 1, instances=9), variant("green", 1), variant("red", 7, instances=3))
    flip(endpoint, blue=50, green=50)
    endpoint.clock.advance(30)
    update(endpoint, "third", RetainAllVariantProperties=True)
    pending = endpoint.endpoint()
    endpoint.clock.advance(300)

    assert pending["EndpointConfigName"] == "first"
    assert pending["PendingDeploymentSummary"]["EndpointConfigName"] == "third"
    assert endpoint.weights() == {"blue": 50.0, "green": 50.0, "red": 7.0}
    counts = [one["CurrentInstanceCount"] for one in endpoint.endpoint()["ProductionVariants"]]
    assert counts == [2, 2, 3]
    assert "PendingDeploymentSummary" not in endpoint.endpoint()


def test_excluded_properties_are_not_retained(endpoint: Account) -> None:
    """Source: botocore model docs, VariantProperty."""
    endpoint.config("third", variant("blue", 1, instances=9), variant("green", 1))
    flip(endpoint, blue=50, green=50)
    endpoint.clock.advance(30)
    update(
        endpoint,
        "third",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    endpoint.clock.advance(300)

    blue = endpoint.endpoint()["ProductionVariants"][0]
    assert (blue["CurrentWeight"], blue["CurrentInstanceCount"]) == (50.0, 9)


def test_an_alarm_of_the_auto_rollback_configuration_ends_the_deployment_on_the_old_configuration(
    endpoint: Account,
) -> None:
    """Source: SageMaker developer guide, "Auto-Rollback Configuration and Monitoring"."""
    alarm(endpoint)
    update(endpoint, DeploymentConfig=GUARD)
    endpoint.clock.advance(100)
    trip(endpoint)
    during = endpoint.endpoint()
    endpoint.clock.advance(60)

    after = endpoint.endpoint()
    assert (during["EndpointStatus"], "abort" in during["FailureReason"]) == ("RollingBack", True)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "first")
    assert "FailureReason" not in after
    assert after["LastDeploymentConfig"] == GUARD


def test_an_alarm_that_is_not_listed_stops_nothing(endpoint: Account) -> None:
    """Source: botocore model docs, AutoRollbackConfig.Alarms."""
    alarm(endpoint)
    alarm(endpoint, "other")
    update(endpoint, DeploymentConfig=GUARD)
    trip(endpoint, "other")
    endpoint.clock.advance(300)

    assert endpoint.endpoint()["EndpointConfigName"] == "second"


@pytest.mark.parametrize(
    ("reason", "words"), [("capacity", "InsufficientInstanceCapacity"), ("health_check", "ping health check")]
)
def test_a_deployment_that_fails_is_rolled_back_silently(endpoint: Account, reason: str, words: str) -> None:
    """Source: observed behaviour, not documented (hashicorp/terraform-provider-aws issue 48997, pull request 49020):
    the endpoint ends InService on the old configuration, its reason gone."""
    endpoint.control.inject("deployment_fails", endpoint="flights", reason=reason)
    update(endpoint)
    endpoint.clock.advance(120)
    during = endpoint.endpoint()
    endpoint.clock.advance(60)

    after = endpoint.endpoint()
    assert (during["EndpointStatus"], words in during["FailureReason"]) == ("RollingBack", True)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "first")
    assert "FailureReason" not in after


def test_the_reason_of_a_silent_rollback_can_stay_while_in_service(endpoint: Account) -> None:
    """Source: observed behaviour, not documented (hashicorp/terraform-provider-aws issue 39099,
    aws-controllers-k8s/sagemaker-controller pull request 7): FailureReason is sometimes set while InService."""
    endpoint.control.inject("deployment_fails", endpoint="flights", keep_reason=True)
    update(endpoint)
    endpoint.clock.advance(500)

    assert endpoint.endpoint()["EndpointStatus"] == "InService"
    assert "InsufficientInstanceCapacity" in endpoint.endpoint()["FailureReason"]


def test_a_rollback_to_a_deleted_configuration_fails(endpoint: Account) -> None:
    """Source: botocore model docs, DeleteEndpointConfig ("You must not delete...") and UpdateRollbackFailed."""
    endpoint.control.inject("deployment_fails", endpoint="flights")
    update(endpoint)
    endpoint.sagemaker.delete_endpoint_config(EndpointConfigName="first")
    endpoint.clock.advance(500)

    assert endpoint.endpoint()["EndpointStatus"] == "UpdateRollbackFailed"


def test_an_endpoint_whose_configuration_was_deleted_cannot_be_updated(endpoint: Account) -> None:
    """Source: observed behaviour, not documented (hashicorp/terraform-provider-aws issues 40048, 48997); the model docs
    of DeleteEndpointConfig only warn ("You must not delete...")."""
    endpoint.sagemaker.delete_endpoint_config(EndpointConfigName="first")

    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        update(endpoint)


@pytest.mark.parametrize("status", ["SystemUpdating", "RollingBack"])
def test_the_platforms_own_maintenance_ends_by_itself(endpoint: Account, status: str) -> None:
    """Source: botocore model docs, EndpointStatus SystemUpdating."""
    endpoint.control.inject("status", endpoint="flights", status=status, seconds=90)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        flip(endpoint, blue=1)
    endpoint.clock.advance(90)

    flip(endpoint, blue=1)
    assert endpoint.endpoint()["EndpointStatus"] == "Updating"


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_a_status_that_only_the_platform_sets_stays(endpoint: Account, status: str) -> None:
    """Source: botocore model docs, EndpointStatus."""
    endpoint.control.inject("status", endpoint="flights", status=status, reason="because")
    endpoint.clock.advance(10_000)

    assert endpoint.endpoint()["EndpointStatus"] == status
    assert endpoint.endpoint()["FailureReason"] == "because"


def test_autoscaling_makes_the_endpoint_busy(endpoint: Account) -> None:
    """Source: developer guide, "Auto scaling prerequisites": auto scaling needs UpdateEndpointWeightsAndCapacities,
    which sets Updating (model docs of that operation)."""
    endpoint.control.inject("scaling", endpoint="flights", variant="blue", instances=4)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        flip(endpoint, blue=1)
    endpoint.clock.advance(120)

    assert endpoint.endpoint()["ProductionVariants"][0]["CurrentInstanceCount"] == 4


def test_a_deleted_endpoint_is_gone_after_its_stated_seconds(endpoint: Account) -> None:
    """Source: botocore model docs, DeleteEndpoint."""
    endpoint.sagemaker.delete_endpoint(EndpointName="flights")
    assert endpoint.endpoint()["EndpointStatus"] == "Deleting"
    endpoint.clock.advance(10)

    with pytest.raises(ClientError, match="Could not find endpoint"):
        endpoint.endpoint()


def test_an_endpoint_without_capacity_fails_with_the_reason(account: Account) -> None:
    """Source: botocore model docs, DescribeEndpointOutput.FailureReason."""
    account.model("one")
    account.config("first", variant("blue"))
    account.control.inject("create_fails", endpoint="flights", reason="capacity")
    account.sagemaker.create_endpoint(EndpointName="flights", EndpointConfigName="first")
    account.clock.advance(120)

    assert account.endpoint()["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in account.endpoint()["FailureReason"]


def test_a_model_whose_role_was_deleted_cannot_be_deployed(endpoint: Account) -> None:
    """Source: model docs, CreateModelInput.ExecutionRoleArn: SageMaker assumes the role to fetch the artifact and the
    image when it deploys."""
    iam = endpoint.client("iam")
    iam.create_role(RoleName="flights", AssumeRolePolicyDocument=TRUST)
    endpoint.model("two")
    endpoint.config("third", variant("blue", model="two"), variant("green"))
    iam.delete_role(RoleName="flights")
    update(endpoint, "third")
    endpoint.clock.advance(300)

    assert "execution role" in endpoint.endpoint()["FailureReason"]


def test_the_journal_tells_stated_from_wall_seconds(endpoint: Account) -> None:
    flip(endpoint, blue=1)
    endpoint.clock.advance(30)

    last = endpoint.control.operations()[-1]
    assert (last["kind"], last["simulated_seconds"], last["outcome"]) == ("weights", 30.0, "done")
    assert last["wall_seconds"] < 30


def test_an_alarm_keeps_its_state_when_it_is_put_again_and_tells_its_history(account: Account) -> None:
    """Source: CloudWatch API reference, PutMetricAlarm and DescribeAlarmHistory."""
    cloudwatch = account.client("cloudwatch")
    alarm(account)
    new = cloudwatch.describe_alarms(AlarmNames=["abort"])["MetricAlarms"][0]["StateValue"]
    trip(account)
    alarm(account)

    told = cloudwatch.describe_alarm_history(AlarmName="abort", HistoryItemType="StateUpdate")
    (item,) = told["AlarmHistoryItems"]
    assert new == "INSUFFICIENT_DATA"
    assert cloudwatch.describe_alarms(AlarmNames=["abort"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    assert item["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"


def test_an_alarm_may_use_a_trimmed_mean(account: Account) -> None:
    """Source: CloudWatch user guide, "CloudWatch statistics definitions"."""
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="slow",
        MetricName="ModelLatency",
        Namespace="AWS/SageMaker",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        ExtendedStatistic="tm99",
    )
    (put,) = account.client("cloudwatch").describe_alarms(AlarmNames=["slow"])["MetricAlarms"]
    assert put["ExtendedStatistic"] == "tm99"


def test_two_conditional_appends_of_one_sequence_number_one_wins(account: Account) -> None:
    """Source: DynamoDB developer guide, "Condition expressions": a condition and its write are one."""
    dynamodb = account.client("dynamodb")
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "endpoint", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "endpoint", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    won: list[int] = []

    def append(writer: int) -> None:
        try:
            dynamodb.put_item(
                TableName="ledger",
                Item={"endpoint": {"S": "flights"}},
                ConditionExpression="attribute_not_exists(endpoint)",
            )
            won.append(writer)
        except ClientError:
            return

    threads = [threading.Thread(target=append, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
