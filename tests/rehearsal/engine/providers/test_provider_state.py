"""Tables, parameters, alarms and dashboards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import current_account
from rehearsal.engine.providers.errors import InitFailed
from tests.rehearsal.engine.providers.conftest import Aws, Resource

TABLE = "aws:dynamodb/table:Table"
ALARM: dict[str, Any] = {
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 1.0,
    "threshold": 0.5,
}


@contextmanager
def refusing(service: str, action: str) -> Iterator[None]:
    """AWS refuses every call of one action."""
    fault = current_account().faults.inject("api", times=99, service=service, action=action)
    yield
    current_account().faults.clear(fault)


@pytest.fixture
def table_inputs() -> dict[str, Any]:
    return {
        "attributes": [{"name": "endpoint", "type": "S"}, {"name": "sequence", "type": "N"}],
        "hashKey": "endpoint",
        "rangeKey": "sequence",
        "billingMode": "PAY_PER_REQUEST",
        "pointInTimeRecovery": {"enabled": True},
    }


@pytest.fixture
def table(aws: Aws, table_inputs: dict[str, Any]) -> Resource:
    return aws.create_resource(TABLE, "ledger", **table_inputs)


def test_a_table_is_made_as_declared(aws: Aws, table: Resource) -> None:
    said = aws.client("dynamodb").describe_table(TableName=table.id)["Table"]
    assert [(k["AttributeName"], k["KeyType"]) for k in said["KeySchema"]] == [
        ("endpoint", "HASH"),
        ("sequence", "RANGE"),
    ]
    backups = aws.client("dynamodb").describe_continuous_backups(TableName=table.id)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert table.read().inputs is None


def test_a_table_whose_settings_fail_is_kept_and_stays_without_them(aws: Aws, table_inputs: dict[str, Any]) -> None:
    """As in the provider: its state says what was asked for, so that the next update finds nothing to change."""
    table = aws.resource(TABLE, "ledger")
    with refusing("dynamodb", "UpdateContinuousBackups"), pytest.raises(InitFailed, match="UpdateContinuousBackups"):
        table.create(**table_inputs)
    assert table.exists()
    assert "arn" not in table.outs
    assert table.update(**table.inputs)["arn"]
    backups = aws.client("dynamodb").describe_continuous_backups(TableName=table.id)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    assert table.read().inputs == {**table.inputs, "pointInTimeRecovery": {"enabled": False}}


def test_an_update_that_fails_is_kept_as_it_was_asked_for(
    aws: Aws, table: Resource, table_inputs: dict[str, Any]
) -> None:
    arn = table.outs["arn"]
    with refusing("dynamodb", "UpdateTable"), pytest.raises(InitFailed, match="UpdateTable"):
        table.update(**table_inputs, deletionProtectionEnabled=True)
    assert (table.outs["arn"], table.outs["deletionProtectionEnabled"]) == (arn, True)
    table.update(**table_inputs, deletionProtectionEnabled=True)
    assert not aws.client("dynamodb").describe_table(TableName=table.id)["Table"]["DeletionProtectionEnabled"]


@pytest.mark.parametrize(
    ("token", "given", "service", "action"),
    [
        ("aws:kms/key:Key", {"enableKeyRotation": True}, "kms", "EnableKeyRotation"),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 30.0}, "logs", "PutRetentionPolicy"),
    ],
)
def test_what_is_made_before_a_later_call_fails_is_kept(
    aws: Aws, token: str, given: dict[str, Any], service: str, action: str
) -> None:
    thing = aws.resource(token)
    with refusing(service, action), pytest.raises(InitFailed, match=action):
        thing.create(**given)
    assert thing.id
    assert thing.exists()


def test_keys_replace_a_table_and_the_rest_changes_in_place(
    aws: Aws, table: Resource, table_inputs: dict[str, Any]
) -> None:
    other = {
        **table_inputs,
        "attributes": [{"name": "endpoint", "type": "S"}, {"name": "key", "type": "S"}],
        "rangeKey": "key",
    }
    assert table.replaced_by(**other) == ["rangeKey"]
    table.update(**table_inputs, deletionProtectionEnabled=True, ttl={"attributeName": "expires", "enabled": True})
    said = aws.client("dynamodb").describe_table(TableName=table.id)["Table"]
    assert said["DeletionProtectionEnabled"]
    expiry = aws.client("dynamodb").describe_time_to_live(TableName=table.id)["TimeToLiveDescription"]
    assert expiry["AttributeName"] == "expires"


def test_a_table_that_is_protected_stays(aws: Aws, table_inputs: dict[str, Any]) -> None:
    table = aws.create_resource(TABLE, **table_inputs, deletionProtectionEnabled=True)
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        table.delete()
    table.update(**table_inputs)
    table.delete()
    assert not table.exists()
    table.delete()


def test_an_attribute_no_key_uses_is_refused(aws: Aws, table_inputs: dict[str, Any]) -> None:
    table_inputs["attributes"].append({"name": "extra", "type": "S"})
    assert "must be indexed" in aws.resource(TABLE).type.check({}, table_inputs).failures[0].reason


def test_a_table_takes_a_policy_of_its_own(aws: Aws, table: Resource) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        "Resource": table.outs["arn"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = aws.create_resource(
        "aws:dynamodb/resourcePolicy:ResourcePolicy", resourceArn=table.outs["arn"], policy=policy
    )
    assert made.read().inputs is None
    assert made.replaced_by(resourceArn="arn:other", policy=policy) == ["resourceArn"]
    made.delete()
    assert not made.exists()


def test_a_parameter_counts_its_versions(aws: Aws) -> None:
    token = "aws:ssm/parameter:Parameter"
    parameter = aws.create_resource(token, name="/tidewatch/registry", type="String", value="{}")
    assert parameter.update(name="/tidewatch/registry", type="String", value="[]")["version"] == 2
    aws.client("ssm").put_parameter(Name="/tidewatch/registry", Value="changed", Overwrite=True)
    assert parameter.read().inputs["value"] == "changed"
    assert parameter.replaced_by(name="/other", type="String", value="[]") == ["name"]
    parameter.delete()
    assert not parameter.exists()
    parameter.delete()


def test_an_alarm_on_a_metric(aws: Aws) -> None:
    metric = {"metricName": "Invocation5XXErrors", "namespace": "AWS/SageMaker", "statistic": "Average", "period": 60.0}
    where = {"dimensions": {"EndpointName": "flights", "VariantName": "green"}}
    alarm = aws.create_resource("aws:cloudwatch/metricAlarm:MetricAlarm", "green-5xx", **ALARM, **metric, **where)
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm.id])["MetricAlarms"][0]
    assert {d["Name"]: d["Value"] for d in said["Dimensions"]} == where["dimensions"]
    assert (said["Threshold"], said["TreatMissingData"], said["ActionsEnabled"]) == (0.5, "missing", True)
    alarm.update(**{**ALARM, "threshold": 2.0}, **metric, **where, treatMissingData="notBreaching")
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm.id])["MetricAlarms"][0]
    assert (said["Threshold"], said["TreatMissingData"]) == (2, "notBreaching")
    assert alarm.read().inputs is None
    assert alarm.replaced_by(**ALARM, **metric, **where, name="other") == ["name"]
    alarm.delete()
    assert not alarm.exists()
    alarm.delete()


def test_an_alarm_on_metric_math(aws: Aws) -> None:
    queries = [
        {
            "id": "invocations",
            "metric": {
                "metricName": "Invocations",
                "namespace": "AWS/SageMaker",
                "period": 60.0,
                "stat": "Sum",
                "dimensions": {"VariantName": "green"},
            },
        },
        {"id": "rate", "expression": "IF(invocations >= 10, 1, 0)", "label": "rate", "returnData": True},
    ]
    alarm = aws.create_resource("aws:cloudwatch/metricAlarm:MetricAlarm", **ALARM, metricQueries=queries)
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm.id])["MetricAlarms"][0]["Metrics"]
    assert said[0]["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "VariantName", "Value": "green"}]
    assert said[1]["Expression"] == "IF(invocations >= 10, 1, 0)"
    assert alarm.read().inputs is None
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm.id,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{**said[0], "ReturnData": True}],
    )
    assert len(alarm.read().inputs["metricQueries"]) == 1
    refused = alarm.type.check({}, {**ALARM, "metricQueries": queries, "metricName": "x"}).failures
    assert "conflicts with metricName" in refused[0].reason


def test_a_composite_alarm_has_the_name_it_is_given(aws: Aws) -> None:
    metric = {"metricName": "m", "namespace": "n", "statistic": "Sum", "period": 60.0}
    aws.create_resource("aws:cloudwatch/metricAlarm:MetricAlarm", name="child", **ALARM, **metric)
    token = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
    alarm = aws.create_resource(token, alarmName="rollback", alarmRule="ALARM(child)")
    assert alarm.exists()
    alarm.update(alarmName="rollback", alarmRule="NOT ALARM(child)")
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=["rollback"], AlarmTypes=["CompositeAlarm"])
    assert said["CompositeAlarms"][0]["AlarmRule"] == "NOT ALARM(child)"
    assert alarm.replaced_by(alarmName="rollback", alarmRule="ALARM(child)", actionsEnabled=False) == ["actionsEnabled"]
    alarm.delete()
    assert not alarm.exists()


def test_an_alarm_on_a_trimmed_mean_and_one_on_a_percentile_of_few_samples(aws: Aws) -> None:
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    metric = {"metricName": "ModelLatency", "namespace": "AWS/SageMaker", "period": 60.0}
    trimmed = aws.create_resource(token, **ALARM, **metric, extendedStatistic="TM(5%:95%)")
    few = aws.create_resource(
        token, **ALARM, **metric, extendedStatistic="p99", evaluateLowSampleCountPercentiles="ignore"
    )
    assert trimmed.read().inputs is None
    assert few.read().inputs is None
    assert few.read().outs["evaluateLowSampleCountPercentiles"] == "ignore"


def test_a_composite_alarm_with_a_suppressor(aws: Aws) -> None:
    metric = {"metricName": "m", "namespace": "n", "statistic": "Sum", "period": 60.0}
    for name in ("child", "deploying"):
        aws.create_resource("aws:cloudwatch/metricAlarm:MetricAlarm", name=name, **ALARM, **metric)
    suppressor = {"alarm": "deploying", "extensionPeriod": 60.0, "waitPeriod": 120.0}
    given: dict[str, Any] = {"alarmName": "pages", "alarmRule": "ALARM(child)"}
    alarm = aws.create_resource("aws:cloudwatch/compositeAlarm:CompositeAlarm", **given, actionsSuppressor=suppressor)
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=["pages"], AlarmTypes=["CompositeAlarm"])
    assert said["CompositeAlarms"][0]["ActionsSuppressorWaitPeriod"] == 120
    assert alarm.read().inputs is None
    alarm.update(**given, actionsSuppressor={**suppressor, "waitPeriod": 30.0})
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=["pages"], AlarmTypes=["CompositeAlarm"])
    assert said["CompositeAlarms"][0]["ActionsSuppressorWaitPeriod"] == 30


def test_a_dashboard_that_cloudwatch_would_refuse(aws: Aws) -> None:
    widget = {"type": "text", "x": 20, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "# on call"}}
    board = aws.resource("aws:cloudwatch/dashboard:Dashboard")
    with pytest.raises(Exception, match="/widgets/0"):
        board.create(dashboardName="oncall", dashboardBody=json.dumps({"widgets": [widget]}))
    board.create(dashboardName="oncall", dashboardBody=json.dumps({"widgets": [{**widget, "x": 18}]}))
    assert board.exists()


def test_a_dashboard(aws: Aws) -> None:
    body = json.dumps({"widgets": []})
    board = aws.create_resource("aws:cloudwatch/dashboard:Dashboard", dashboardName="oncall", dashboardBody=body)
    assert board.outs["dashboardArn"].endswith(":dashboard/oncall")
    assert board.read().inputs is None
    board.delete()
    assert not board.exists()
