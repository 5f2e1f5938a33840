"""Functions run from the archive that was deployed, and nothing else of this project."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import Account, zip_function

ECHO = "def handler(event, context):\n    return {'event': event, 'name': context.function_name}\n"
FAIL = "def handler(event, context):\n    raise ValueError('no such flight')\n"
CLOCK = """
_clock = None
def install(clock):
    global _clock
    _clock = clock
def current():
    return _clock
"""


def body(answer: dict[str, Any]) -> Any:
    return json.loads(answer["Payload"].read())


def test_a_function_answers_from_its_archive(account: Account) -> None:
    account.function("echo", ECHO)

    answer = account.invoke("echo", {"a": 1})

    assert body(answer) == {"event": {"a": 1}, "name": "echo"}
    assert "FunctionError" not in answer


def test_an_exception_is_a_function_error_with_its_type_and_message(account: Account) -> None:
    """Source: Lambda developer guide, "Lambda function errors in Python"."""
    account.function("fail", FAIL)

    answer = account.invoke("fail")

    assert answer["FunctionError"] == "Unhandled"
    error = body(answer)
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such flight")


def test_the_projects_own_packages_are_not_there_unless_the_archive_holds_them(account: Account) -> None:
    source = "import importlib.util as u\ndef handler(e, c):\n    return [bool(u.find_spec(n)) for n in e]\n"
    account.function("look", source)
    account.function("carry", source, {"tidewatch/__init__.py": ""})
    names = ["tidewatch", "rehearsal", "pydantic", "boto3"]

    assert body(account.invoke("look", names)) == [False, False, False, True]
    assert body(account.invoke("carry", names)) == [True, False, False, True]


def test_a_compiled_package_in_the_archive_is_taken_from_the_environment(account: Account) -> None:
    """Source: Lambda's arm64 archives hold builds for another processor."""
    source = "import msgspec\ndef handler(e, c):\n    return msgspec.json.decode(b'[1]')\n"
    account.function("decode", source, {"msgspec/__init__.py": "raise ImportError", "msgspec/_core.so": "arm64"})

    assert body(account.invoke("decode")) == [1]


def test_a_function_reads_the_simulated_clock_through_the_projects_own(account: Account) -> None:
    source = (
        "from tidewatch import clock\ndef handler(e, c):\n"
        "    clock.current().sleep(45)\n    return clock.current().now().isoformat()\n"
    )
    account.function("tell", source, {"tidewatch/__init__.py": "", "tidewatch/clock.py": CLOCK}, Timeout=60)
    before = account.clock.now()

    told = body(account.invoke("tell"))

    assert (account.clock.now() - before).total_seconds() == pytest.approx(45)
    assert told == account.clock.now().isoformat()


def test_a_function_calls_the_simulator_with_its_own_environment(account: Account) -> None:
    source = (
        "import boto3, os\ndef handler(e, c):\n"
        "    boto3.client('s3').put_object(Bucket=os.environ['BUCKET'], Key='k', Body=b'v')\n"
    )
    account.client("s3").create_bucket(Bucket="reports")
    account.function("write", source, Environment={"Variables": {"BUCKET": "reports"}}, Timeout=30)

    assert "FunctionError" not in account.invoke("write")
    assert account.client("s3").get_object(Bucket="reports", Key="k")["Body"].read() == b"v"


def test_a_warm_function_keeps_its_process_and_new_code_gets_a_new_one(account: Account) -> None:
    source = "calls = []\ndef handler(e, c):\n    calls.append(1)\n    return len(calls)\n"
    account.function("count", source)

    first, second = body(account.invoke("count")), body(account.invoke("count"))
    account.client("lambda").update_function_code(
        FunctionName="count", ZipFile=zip_function({"handler.py": source + "\n"})
    )
    third = body(account.invoke("count"))

    assert [first, second, third] == [1, 2, 1]
    assert [one["cold"] for one in account.control.function_timings()] == [True, False, True]


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6 << 20), ("Event", 1 << 20)])
def test_a_payload_that_lambda_does_not_take_runs_nothing(account: Account, kind: str, limit: int) -> None:
    account.function("echo", ECHO)
    two_quotes = 2

    account.invoke("echo", "x" * (limit - two_quotes), InvocationType=kind)
    with pytest.raises(ClientError) as refused:
        account.invoke("echo", "x" * (limit - two_quotes + 1), InvocationType=kind)
    account.control.wait_for_functions()

    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert f"too large for the {kind} invocation type (limit {limit} bytes)" in str(refused.value)
    assert len(account.control.function_timings()) == 1


def test_a_function_that_hangs_is_ended_at_its_timeout(account: Account) -> None:
    """Source: Lambda developer guide, "Configure Lambda function timeout"."""
    account.function("hang", "import time\ndef handler(e, c):\n    time.sleep(60)\n", Timeout=1)

    answer = account.invoke("hang")

    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in body(answer)["errorMessage"]


def test_a_function_can_be_killed_after_a_call_it_made(account: Account) -> None:
    source = (
        "import boto3\ndef handler(e, c):\n    s3 = boto3.client('s3')\n"
        "    for key in 'abc':\n        s3.put_object(Bucket='reports', Key=key, Body=b'')\n"
    )
    account.client("s3").create_bucket(Bucket="reports")
    account.function("write", source, Timeout=30)
    account.control.inject("function_killed", function="write", calls=2)

    answer = account.invoke("write")

    assert body(answer)["errorType"] == "Runtime.ExitError"
    written = account.client("s3").list_objects_v2(Bucket="reports")["Contents"]
    assert [one["Key"] for one in written] == ["a", "b"]
    assert "FunctionError" not in account.invoke("write")


def test_an_asynchronous_failure_is_retried_twice_and_then_reported(account: Account) -> None:
    """Source: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation"."""
    queue = account.client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    account.function("fail", FAIL)
    account.client("lambda").put_function_event_invoke_config(
        FunctionName="fail",
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:failed"}},
    )

    assert account.invoke("fail", {"a": 1}, InvocationType="Event")["StatusCode"] == 202
    for _ in range(3):
        account.control.wait_for_functions()
        account.clock.advance(120)
    message = json.loads(account.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"])

    assert len(account.control.function_timings()) == 3
    assert message["requestPayload"] == {"a": 1}
    assert message["requestContext"]["condition"] == "RetriesExhausted"
    assert message["responsePayload"]["errorMessage"] == "no such flight"


def test_what_a_function_prints_is_in_its_log_group(account: Account) -> None:
    account.function("talk", "def handler(e, c):\n    print('tide is out')\n")
    account.invoke("talk")

    events = account.client("logs").filter_log_events(logGroupName="/aws/lambda/talk")["events"]
    assert "tide is out" in [event["message"] for event in events]


LOGS_A_FORGED_LINE = """import logging
def handler(e, c):
    logging.getLogger("tides").warning("ebb %s", '\\n{"_aws": {}}')
    return c.aws_request_id
"""


@pytest.mark.parametrize("log_format", ["JSON", "Text"])
def test_what_a_function_logs_is_written_in_its_log_format(account: Account, log_format: str) -> None:
    account.client("logs").create_log_group(logGroupName="tides")
    logging_config = {"LogGroup": "tides", "LogFormat": log_format}
    account.function("talk", LOGS_A_FORGED_LINE, LoggingConfig=logging_config)
    request_id = json.loads(account.invoke("talk")["Payload"].read())

    events = account.client("logs").filter_log_events(logGroupName="tides", filterPattern="WARNING")["events"]
    (message,) = [event["message"] for event in events]
    if log_format == "JSON":
        record = json.loads(message)
        assert record.pop("timestamp").endswith("Z")
        assert record == {
            "level": "WARNING",
            "message": 'ebb \n{"_aws": {}}',
            "logger": "tides",
            "requestId": request_id,
        }
    else:
        assert message.startswith("[WARNING]\t")
        assert message.endswith(f"\t{request_id}\tebb ")


def test_a_function_logs_to_the_group_that_it_was_given(account: Account) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="tides")
    account.function("talk", "def handler(e, c):\n    print('tide is out')\n", LoggingConfig={"LogGroup": "tides"})
    account.invoke("talk")

    assert "tide is out" in [event["message"] for event in logs.filter_log_events(logGroupName="tides")["events"]]
    logs.delete_log_group(logGroupName="tides")
    account.invoke("talk")
    assert logs.describe_log_groups()["logGroups"] == [], "a group that is gone does not come back"
