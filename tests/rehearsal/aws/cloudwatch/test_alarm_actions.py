"""What alarms do when their state changes: topics, functions, events, deployments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.aws.cloudwatch.alarm_actions import PRINCIPAL
from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import (
    QUEUE,
    TOPIC,
    history,
    mailbox,
    measure,
    minutes,
    put_alarm,
    put_composite,
    receive_messages,
    set_state,
    stat,
)

NOTE = """
import json, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl="http://localhost/123456789012/inbox", MessageBody=json.dumps(event))
"""


def notifications(account: Account) -> list[dict[str, Any]]:
    return [json.loads(message["Message"]) for message in receive_messages(account)]


def test_a_topic_gets_one_message_for_each_change_of_state(account: Account) -> None:
    """Source: user guide, "Alarm actions": "the actions happen only on state transitions"."""
    mailbox(account)
    put_alarm(account, AlarmActions=[TOPIC], OKActions=[TOPIC], TreatMissingData="notBreaching")
    minutes(account, [0, 5, 5, 5, 0, 0])

    assert [one["NewStateValue"] for one in notifications(account)] == ["OK", "ALARM", "OK"]


def test_the_message_of_a_metric_alarm(account: Account) -> None:
    mailbox(account)
    dimensions = [{"Name": "Stack", "Value": "flights"}]
    put_alarm(account, AlarmActions=[TOPIC], AlarmDescription="too many", Dimensions=dimensions)
    minutes(account, [5], Dimensions=dimensions)
    (message,) = receive_messages(account)
    told = json.loads(message["Message"])

    assert message["Subject"] == 'ALARM: "errors" in US East (N. Virginia)'
    assert told.pop("NewStateReason").startswith("Threshold Crossed: 1 out of the last 1 datapoints [5.0 (05/01/26")
    assert told == {
        "AlarmName": "errors",
        "AlarmDescription": "too many",
        "AWSAccountId": "123456789012",
        "AlarmConfigurationUpdatedTimestamp": "2026-01-05T09:00:00.000+0000",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-01-05T09:01:00.000+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors",
        "OldStateValue": "INSUFFICIENT_DATA",
        "OKActions": [],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "m",
            "Namespace": "Mine",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": None,
            "Dimensions": [{"value": "flights", "name": "Stack"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 1.0,
            "TreatMissingData": "",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_the_message_of_a_composite_alarm_names_the_children_that_triggered_it(account: Account) -> None:
    mailbox(account)
    put_alarm(account)
    put_composite(account, "all", "ALARM(errors)", AlarmActions=[TOPIC])
    minutes(account, [5])
    (told,) = notifications(account)

    assert told["AlarmRule"] == "ALARM(errors)"
    assert told["TriggeringChildren"] == [
        {
            "Arn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors",
            "State": {"Value": "ALARM", "Timestamp": "2026-01-05T09:01:00.000+0000"},
        }
    ]


def allow_alarm(account: Account, alarm: str = "errors") -> str:
    arn = account.function("note", NOTE)
    account.client("lambda").add_permission(
        FunctionName="note",
        StatementId="alarm",
        Action="lambda:InvokeFunction",
        Principal=PRINCIPAL,
        SourceAccount="123456789012",
        SourceArn=f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{alarm}",
    )
    return arn


def test_a_function_is_called_with_the_documented_event(account: Account) -> None:
    """Source: user guide, "Invoke a Lambda function from an alarm", the event of a metric alarm."""
    mailbox(account)
    put_alarm(account, AlarmActions=[allow_alarm(account)], AlarmDescription="too many")
    minutes(account, [5])
    account.control.wait_for_functions()
    (event,) = receive_messages(account)

    data = event["alarmData"]
    assert (event["source"], event["accountId"], event["region"]) == ("aws.cloudwatch", "123456789012", "us-east-1")
    assert event["alarmArn"] == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"
    assert event["time"] == "2026-01-05T09:01:00.000+0000"
    assert (data["alarmName"], data["state"]["value"]) == ("errors", "ALARM")
    assert data["state"]["timestamp"] == "2026-01-05T09:01:00.000+0000"
    assert json.loads(data["state"]["reasonData"])["recentDatapoints"] == [5.0]
    assert data["previousState"] == {
        "value": "INSUFFICIENT_DATA",
        "reason": "Unchecked: Initial alarm creation",
        "timestamp": "2026-01-05T09:00:00.000+0000",
    }
    metric = {"namespace": "Mine", "name": "m", "dimensions": {}}
    assert data["configuration"] == {
        "description": "too many",
        "metrics": [
            {"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}, "returnData": True},
        ],
    }


def test_a_function_that_does_not_allow_alarms_is_not_called_and_the_history_says_so(account: Account) -> None:
    """Source: the same page: the principal lambda.alarms.cloudwatch.amazonaws.com needs lambda:InvokeFunction."""
    mailbox(account)
    put_alarm(account, AlarmActions=[allow_alarm(account, "another"), TOPIC])
    minutes(account, [5])
    account.control.wait_for_functions()

    (message,) = receive_messages(account)
    failed, done = history(account, kind="Action")
    assert message["Subject"].startswith("ALARM")
    assert failed.startswith("Failed to execute action arn:aws:lambda:us-east-1:123456789012:function:note")
    assert "not authorized to perform lambda:InvokeFunction" in failed
    assert done == f"Successfully executed action {TOPIC}"


@pytest.mark.parametrize(
    "action",
    [
        "arn:aws:sns:us-east-1:123456789012:nowhere",
        "arn:aws:lambda:us-east-1:123456789012:function:nobody",
        "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Stop/1.0",
    ],
)
def test_an_action_on_nothing_fails_and_nothing_else_does(account: Account, action: str) -> None:
    """Source: user guide, "Alarm actions": "CloudWatch doesn't test or validate the actions that you specify"."""
    put_alarm(account, AlarmActions=[action])
    minutes(account, [5])

    (failed,) = history(account, kind="Action")
    assert failed.startswith(f"Failed to execute action {action}")


def test_disabled_actions_are_not_taken_while_the_state_changes_all_the_same(account: Account) -> None:
    """Source: API reference, DisableAlarmActions."""
    mailbox(account)
    put_alarm(account, AlarmActions=[TOPIC], OKActions=[TOPIC])
    cloudwatch = account.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=["errors"])
    minutes(account, [5])
    silent = receive_messages(account)
    cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    minutes(account, [0])

    assert silent == []
    assert [one["NewStateValue"] for one in notifications(account)] == ["OK"]


def test_a_drill_runs_the_actions(account: Account) -> None:
    """Source: API reference, SetAlarmState."""
    mailbox(account)
    put_alarm(account, AlarmActions=[TOPIC])
    set_state(account, "ALARM")
    set_state(account, "ALARM")

    (told,) = notifications(account)
    assert told["NewStateReason"] == "a drill"


def test_every_change_of_state_is_an_event(account: Account) -> None:
    """Source: user guide, "Alarm events and EventBridge"."""
    mailbox(account)
    events = account.client("events")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}
    events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": QUEUE}])
    rate = {"Id": "rate", "Expression": "100 * e / r", "Label": "errors in percent", "ReturnData": True}
    put_alarm(account, Metrics=[stat("e", "m"), stat("r", "m"), rate], Threshold=50)
    minutes(account, [5, 0])
    (event,) = receive_messages(account)

    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"]
    assert event["time"] == "2026-01-05T09:01:00Z"
    detail = event["detail"]
    assert (detail["alarmName"], detail["previousState"]["value"]) == ("errors", "INSUFFICIENT_DATA")
    assert detail["configuration"]["metrics"][2] == {
        "id": "rate",
        "expression": "100 * e / r",
        "label": "errors in percent",
        "returnData": True,
    }


def test_an_alarm_within_a_jump_of_the_clock_stops_the_deployment_that_ran_then(endpoint: Account) -> None:
    """Source: SageMaker developer guide, "Auto-Rollback Configuration and Monitoring"."""
    put_alarm(endpoint)
    endpoint.sagemaker.update_endpoint(
        EndpointName="flights",
        EndpointConfigName="second",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
        },
    )
    measure(endpoint, 5)
    endpoint.clock.advance(3600)

    assert endpoint.endpoint()["EndpointConfigName"] == "first"
    assert endpoint.control.operations()[-2]["outcome"] == "rolled back"
