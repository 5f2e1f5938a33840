"""The metrics that the platform itself sends: of functions and queues."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import current_account
from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import read_datapoints, state, states, watch
from tidewatch import metrics
from tidewatch.metrics import Metric

FAIL = "def handler(event, context):\n    raise ValueError('no such flight')\n"
OK = "def handler(event, context):\n    return 1\n"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:failed"


def test_an_invocation_counts_with_its_error_and_its_duration(account: Account) -> None:
    """Source: Lambda developer guide, "Types of metrics for Lambda functions"."""
    account.function("ok", OK)
    account.function("fail", FAIL)
    for name in ("ok", "fail", "fail"):
        account.invoke(name)
    account.clock.advance(60)

    def of(name: str) -> list[list[float]]:
        calls = (metrics.CALLS, metrics.CALL_ERRORS, metrics.CALL_THROTTLES)
        return [read_datapoints(account, metric, "Sum", FunctionName=name) for metric in calls]

    assert of("ok") == [[1], [0], [0]]
    assert of("fail") == [[2], [2], [0]]
    assert 0 < read_datapoints(account, metrics.CALL_DURATION, "Maximum", FunctionName="ok")[0] < 3000


def test_an_error_counts_in_the_minute_of_its_invocation_and_lasts_as_long_as_the_clock_says(account: Account) -> None:
    source = "from tidewatch import clock\ndef handler(e, c):\n    clock.current().sleep(150)\n    raise ValueError\n"
    module = "_c = None\ndef install(c):\n    global _c\n    _c = c\ndef current():\n    return _c\n"
    account.function("slow", source, {"tidewatch/__init__.py": "", "tidewatch/clock.py": module}, Timeout=200)
    began = account.clock.now()
    account.invoke("slow")
    account.clock.advance(60)

    points = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": "slow"}],
        StartTime=began - timedelta(minutes=1),
        EndTime=account.clock.now(),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert [(point["Timestamp"], point["Sum"]) for point in points] == [(began.replace(second=0, microsecond=0), 1)]
    assert read_datapoints(account, metrics.CALL_DURATION, "Maximum", FunctionName="slow")[0] == pytest.approx(
        150_000, rel=0.1
    )


def test_a_throttled_call_is_refused_and_counts_as_throttled_alone(account: Account) -> None:
    account.function("ok", OK)
    fault = account.control.inject("function_throttled", function="ok")
    with pytest.raises(ClientError, match=r"TooManyRequestsException.*Rate Exceeded"):
        account.client("lambda", retries=0).invoke(FunctionName="ok")
    account.clock.advance(60)
    assert read_datapoints(account, metrics.CALL_THROTTLES, "Sum", FunctionName="ok") == [1]
    assert read_datapoints(account, metrics.CALLS, "Sum", FunctionName="ok") == []
    account.control.clear(fault)
    assert "FunctionError" not in account.invoke("ok")


def test_a_throttled_event_waits_longer_each_time_and_runs_once_there_is_room(account: Account) -> None:
    """Source: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation"."""
    account.function("ok", OK)
    fault = account.control.inject("function_throttled", function="ok")
    account.invoke("ok", InvocationType="Event")
    waits = []
    for _ in range(11):
        account.control.wait_for_functions()
        (waiting,) = current_account().retries
        waits.append((waiting.due_at - account.clock.now()).total_seconds())
        account.clock.advance_to(waiting.due_at)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    account.control.clear(fault)
    account.control.wait_for_functions()
    account.clock.advance(300)
    account.control.wait_for_functions()
    account.clock.advance(60)
    assert sum(read_datapoints(account, metrics.CALL_THROTTLES, "Sum", FunctionName="ok")) == 12
    assert sum(read_datapoints(account, metrics.CALLS, "Sum", FunctionName="ok")) == 1


def test_an_event_that_waited_for_too_long_is_given_up_on_and_reported(account: Account) -> None:
    queue = account.client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    account.function("ok", OK)
    account.client("lambda").put_function_event_invoke_config(
        FunctionName="ok", MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": QUEUE}}
    )
    account.control.inject("function_throttled", function="ok")
    account.invoke("ok", {"a": 1}, InvocationType="Event")
    for _ in range(3):
        account.control.wait_for_functions()
        account.clock.advance(60)
    message = json.loads(account.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    assert message["requestContext"]["condition"] == "EventAgeExceeded"
    assert (message["requestContext"]["approximateInvokeCount"], message["requestPayload"]) == (0, {"a": 1})


@pytest.mark.parametrize(("there", "undelivered"), [(True, []), (False, [1])])
def test_an_event_is_counted_when_it_comes_when_it_is_dropped_and_when_nobody_can_be_told(
    account: Account, there: bool, undelivered: list[float]
) -> None:
    if there:
        account.client("sqs").create_queue(QueueName="failed")
    account.function("fail", FAIL)
    account.client("lambda").put_function_event_invoke_config(
        FunctionName="fail", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": QUEUE}}
    )
    account.invoke("fail", InvocationType="Event")
    account.control.wait_for_functions()
    account.clock.advance(60)

    def of(name: str) -> list[float]:
        metric = Metric(name, "Count", ("FunctionName",), "", metrics.LAMBDA)
        return read_datapoints(account, metric, "Sum", FunctionName="fail")

    assert [of("AsyncEventsReceived"), of("AsyncEventsDropped")] == [[1], [1]]
    assert of("DestinationDeliveryFailures") == undelivered


def test_a_queue_shows_each_minute_how_many_messages_wait(account: Account) -> None:
    """Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS"."""
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="failed")["QueueUrl"]
    account.clock.advance(120)
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="given up")
    account.clock.advance(180)
    sqs.purge_queue(QueueUrl=url)
    account.clock.advance(60)
    assert read_datapoints(account, metrics.MESSAGES, "Maximum", QueueName="failed") == [0, 0, 2, 2, 2, 0]
    assert read_datapoints(account, metrics.MESSAGES, "Sum", period=120, QueueName="failed") == [0, 4, 2]
    assert read_datapoints(account, metrics.MESSAGES, "Maximum", minutes=3, QueueName="failed") == [2, 2, 0]


def test_an_alarm_sees_a_message_in_the_minute_it_came_and_its_absence_in_the_next(account: Account) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="failed")["QueueUrl"]
    watch(account, metrics.MESSAGES, 1, QueueName="failed")
    account.clock.advance(600)
    sqs.send_message(QueueUrl=url, MessageBody="given up")
    account.clock.advance(60)
    assert state(account) == "ALARM"
    account.clock.advance(86400)
    sqs.purge_queue(QueueUrl=url)
    account.clock.advance(60)
    sqs.send_message(QueueUrl=url, MessageBody="again")
    account.clock.advance(86400)
    assert states(account) == ["OK", "ALARM", "OK", "ALARM"]


def test_a_queue_that_is_deleted_leaves_its_alarm_without_data(account: Account) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="failed")["QueueUrl"]
    watch(account, metrics.MESSAGES, 1, QueueName="failed")
    account.clock.advance(600)
    sqs.delete_queue(QueueUrl=url)
    account.clock.advance(600)
    assert states(account) == ["OK", "INSUFFICIENT_DATA"]
