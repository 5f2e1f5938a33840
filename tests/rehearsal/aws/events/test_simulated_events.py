"""EventBridge: what reaches functions, topics and queues, and when schedules fire."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from rehearsal.aws.cloudwatch import alarm_evaluation
from rehearsal.aws.events.rules import MAX_CATCH_UP
from tests.rehearsal.aws.account import Account

QUEUE = "arn:aws:sqs:us-east-1:123456789012:seen"
NOTE = (
    "import boto3, json\ndef handler(event, context):\n"
    "    boto3.client('sqs').send_message(QueueUrl='http://localhost/123456789012/seen', "
    "MessageBody=json.dumps(event))\n"
)


def rule(account: Account, target: dict, **fields: object) -> str:
    account.client("sqs").create_queue(QueueName="seen")
    account.let_events(target.get("Arn", QUEUE))
    account.client("events").put_rule(Name="rule", **fields)
    account.client("events").put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": QUEUE, **target}])
    return "http://localhost/123456789012/seen"


def receive_events(account: Account) -> list[dict]:
    url = account.client("sqs").get_queue_url(QueueName="seen")["QueueUrl"]
    account.control.wait_for_functions()
    found = []
    while messages := account.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
    return found


PATTERN = json.dumps({"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]})


def test_every_status_of_an_endpoint_is_an_event_in_the_form_of_events(endpoint: Account) -> None:
    """Source: SageMaker developer guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge"."""
    rule(endpoint, {}, EventPattern=PATTERN)
    endpoint.control.inject("deployment_fails", endpoint="flights")
    endpoint.sagemaker.update_endpoint(EndpointName="flights", EndpointConfigName="second")
    endpoint.clock.advance(500)

    events = receive_events(endpoint)
    assert [event["detail"]["EndpointStatus"] for event in events] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert events[1]["detail"]["EndpointName"] == "flights"
    assert events[1]["source"] == "aws.sagemaker"
    assert events[1]["resources"] == [endpoint.endpoint()["EndpointArn"]]


def test_an_event_calls_a_function_with_transformed_input(endpoint: Account) -> None:
    """Source: EventBridge user guide, "Amazon EventBridge input transformation"."""
    arn = endpoint.function("note", NOTE, Timeout=30)
    transformer = {
        "InputPathsMap": {"status": "$.detail.EndpointStatus", "name": "$.detail.EndpointName"},
        "InputTemplate": '{"action": "event", "status": <status>, "text": "endpoint <name>"}',
    }
    rule(endpoint, {"Arn": arn, "InputTransformer": transformer}, EventPattern=PATTERN)
    endpoint.sagemaker.update_endpoint(EndpointName="flights", EndpointConfigName="second")

    assert receive_events(endpoint) == [{"action": "event", "status": "UPDATING", "text": "endpoint flights"}]


def test_put_events_reaches_a_function_by_pattern_only(account: Account) -> None:
    arn = account.function("note", NOTE, Timeout=30)
    rule(account, {"Arn": arn}, EventPattern=json.dumps({"source": ["mine"]}))
    entries = [{"Source": name, "DetailType": "t", "Detail": json.dumps({"a": 1})} for name in ("mine", "other")]
    account.client("events").put_events(Entries=entries)

    assert [event["source"] for event in receive_events(account)] == ["mine"]


def test_a_schedule_fires_each_time_the_clock_passes_it(account: Account) -> None:
    """Source: EventBridge user guide, "Rate expressions": the first firing is one period after the rule is made."""
    rule(account, {"Input": json.dumps({"action": "sweep"})}, ScheduleExpression="rate(1 minute)")
    account.clock.advance(1)
    account.clock.advance(58)
    before = receive_events(account)
    account.clock.advance(2)
    account.clock.advance(60)

    assert before == []
    assert receive_events(account) == [{"action": "sweep"}] * 2


def test_a_jump_of_hours_fires_a_schedule_only_a_few_times(account: Account) -> None:
    rule(account, {"Input": "{}"}, ScheduleExpression="rate(1 minute)")
    account.clock.advance(1)
    account.clock.advance(7200)

    assert len(receive_events(account)) == MAX_CATCH_UP


def sum_hours(account: Account, name: str) -> float:
    answer = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": "FunctionName", "Value": "note"}],
        StartTime=account.clock.now() - timedelta(hours=4),
        EndTime=account.clock.now() + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(each["Sum"] for each in answer["Datapoints"])


def list_state_changes(account: Account, alarm: str) -> list[str]:
    history = account.client("cloudwatch").describe_alarm_history(AlarmName=alarm, HistoryItemType="StateUpdate")
    return [item["HistoryData"] for item in history["AlarmHistoryItems"]]


@pytest.mark.parametrize("is_failing", [False, True])
def test_the_firings_that_a_jump_skips_count_as_invocations_that_end_like_the_last_one(
    account: Account, is_failing: bool
) -> None:
    """Otherwise an alarm on a function that must run each minute would fire in each jump."""
    arn = account.function(
        "note", "def handler(event, context):\n    raise OSError\n" if is_failing else NOTE, Timeout=30
    )
    account.client("lambda").put_function_event_invoke_config(FunctionName="note", MaximumRetryAttempts=0)
    rule(account, {"Arn": arn, "Input": "{}"}, ScheduleExpression="rate(1 minute)")
    account.clock.advance(1)
    account.clock.advance(60)
    account.control.wait_for_functions()
    account.clock.advance(3 * 3600)
    account.control.wait_for_functions()

    calls = 1 + 179 + MAX_CATCH_UP
    assert sum_hours(account, "Invocations") == calls
    assert sum_hours(account, "Errors") == (calls if is_failing else 0)


@pytest.mark.parametrize(("expression", "period", "periods"), [("rate(1 minute)", 300, 1), ("rate(1 hour)", 3600, 3)])
def test_a_jump_of_months_is_evaluated_at_once_and_no_scheduled_function_stopped_in_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, expression: str, period: int, periods: int
) -> None:
    arn = account.function("note", NOTE, Timeout=30)
    rule(account, {"Arn": arn, "Input": "{}"}, ScheduleExpression=expression)
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="stopped",
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": "note"}],
        Statistic="Sum",
        Period=period,
        EvaluationPeriods=periods,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )
    for _ in range(8):
        account.clock.advance(period / 5)
        account.control.wait_for_functions()
    evaluated: list[float] = []
    evaluate_at = alarm_evaluation.evaluate_at
    monkeypatch.setattr(
        alarm_evaluation, "evaluate_at", lambda on, moment: evaluated.append(moment) or evaluate_at(on, moment)
    )
    before = list_state_changes(account, "stopped")
    account.clock.advance(90 * 86400)
    account.control.wait_for_functions()
    assert len(evaluated) < 400
    assert list_state_changes(account, "stopped") == before


def test_the_firings_that_a_jump_skips_do_not_count_for_a_throttled_function(account: Account) -> None:
    arn = account.function("note", NOTE, Timeout=30)
    rule(account, {"Arn": arn, "Input": "{}"}, ScheduleExpression="rate(1 minute)")
    account.clock.advance(1)
    account.clock.advance(60)
    account.control.wait_for_functions()
    account.control.inject("function_throttled", function="note")
    account.clock.advance(3 * 3600)
    account.control.wait_for_functions()

    assert sum_hours(account, "Invocations") == 1


def test_a_disabled_rule_does_not_fire(account: Account) -> None:
    rule(account, {"Input": "{}"}, ScheduleExpression="rate(1 minute)", State="DISABLED")
    account.clock.advance(300)

    assert receive_events(account) == []
