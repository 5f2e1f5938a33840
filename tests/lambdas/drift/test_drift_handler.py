"""The drift function: what each event makes it do, what it emits, and what it needs to start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
import pytest

from lambdas.drift import handler as function
from rehearsal.aws import simulate_aws
from rehearsal.simulated_clock import ManualClock
from tests.aws_clients import make_client
from tests.rehearsal.aws.account import LAYOUT, from_events, pack_model
from tests.stacks.deployed_program import DESCRIPTION
from tidewatch import clock as clocks
from tidewatch import metrics
from tidewatch.drift.statistics import DriftSeverity
from tidewatch.drift.training.reference_builder import build_reference
from tidewatch.registry import ModelRegistry

VARIABLES = {
    "STACK_KEY": "tidewatch/dev/flights",
    "MODEL": "flights",
    "ENDPOINT": "flights-endpoint",
    "CAPTURE_BUCKET": "flights-capture",
    "CAPTURE_PREFIX": "capture",
    "MONITORING_BUCKET": "flights-monitoring",
    "REGISTRY_BUCKET": "flights-registry",
    "CONTROL_TABLE": "control",
    "THRESHOLDS": '{"psi_warn": 0.1, "psi_drift": 0.2}',
    "LAG_MINUTES": "20",
    "LOOK_BACK_HOURS": "3",
}
HOUR = datetime(2026, 1, 5, 8, tzinfo=UTC)
"""The last hour that has ended when the clock starts, at nine."""
EVENTS = "arn:aws:sqs:us-east-1:123456789012:events"


@pytest.fixture
def captured_hour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ManualClock]:
    """An hour of records of version 1 in blue, in a process that is the function's, twenty minutes after its end."""
    for name, value in {**VARIABLES, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with simulate_aws() as clock:
        before = clocks.get_clock()
        clocks.install(clock)
        forget()
        _account(tmp_path)
        capture(HOUR, shift=3)
        clock.advance(20 * 60)
        yield clock
        clocks.install(before)
        forget()


def forget() -> None:
    for kept in (function.get_environment, function.get_clients):
        kept.cache_clear()


def _account(folder: Path) -> None:
    s3, dynamodb = map(make_client, ("s3", "dynamodb"))
    for bucket in ("flights-capture", "flights-monitoring", "flights-registry"):
        s3.create_bucket(Bucket=bucket)
    keys = (("stack", "HASH"), ("key", "RANGE"))
    dynamodb.create_table(
        TableName="control",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
    )
    artifact, reference = folder / "model.tar.gz", folder / "reference.json"
    artifact.write_bytes(pack_model(LAYOUT))
    reference.write_bytes(build_reference({"hour": np.random.default_rng(1).normal(size=1000)}).encode())
    ModelRegistry(s3, "flights-registry", "flights").publish("1", artifact, DESCRIPTION, reference=reference)
    deployment = {"configuration": "abc", "variants": {"blue": {"version": "1"}}}
    s3.put_object(Bucket="flights-monitoring", Key="deployments/abc.json", Body=json.dumps(deployment))


def capture(hour: datetime, shift: float, rows: int = 200, configuration: str = "abc") -> None:
    """A capture file of one-column CSV requests, and one record that is none."""
    values = np.random.default_rng(2).normal(shift, size=rows)
    lines = [
        json.dumps(
            {
                "captureData": {
                    "endpointInput": {"observedContentType": "text/csv", "data": f"{value}", "encoding": "CSV"}
                },
                "eventMetadata": {"eventId": str(number), "inferenceTime": f"{hour:%Y-%m-%dT%H:%M:%SZ}"},
                "eventVersion": "0",
            }
        )
        for number, value in enumerate(values)
    ]
    key = f"capture/{configuration}/flights-endpoint/blue/{hour:%Y/%m/%d/%H}/one.jsonl"
    boto3.client("s3").put_object(Bucket="flights-capture", Key=key, Body="\n".join([*lines, "no record"]) + "\n")


def read_emitted_metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


@pytest.mark.usefixtures("captured_hour")
def test_the_hour_that_is_due_is_read_once() -> None:
    answer: Any = function.handler({})
    (hour,) = answer["hours"]
    assert (hour["variant"], hour["version"], hour["hour"]) == ("blue", "1", "2026-01-05T08")
    assert (hour["records_read"], hour["records_rejected"], hour["rows"]) == (201, 1, 200)
    assert hour["verdict"] == "drift"
    assert (answer["skipped"], answer["remaining"], answer["problems"]) == (False, 0, [])
    assert json.loads(json.dumps(answer)) == answer
    assert function.handler({})["hours"] == []
    assert hour["report_url"].startswith("s3://flights-monitoring/drift/blue/2026/01/05/08/")


@pytest.mark.usefixtures("captured_hour")
def test_an_hour_that_is_named_is_read_again_and_gives_the_same() -> None:
    first = function.handler(None)["hours"]
    assert function.handler({"hour": "2026-01-05T08"})["hours"] == first


@pytest.mark.usefixtures("captured_hour")
def test_an_hour_emits_its_metrics_by_variant(capsys: pytest.CaptureFixture[str]) -> None:
    function.handler({})
    line, run = read_emitted_metrics(capsys)
    assert (run["Stack"], run["HoursFailing"]) == ("tidewatch/dev/flights", 0)
    assert line["_aws"]["Timestamp"] == int((HOUR + timedelta(minutes=60)).timestamp() * 1000)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Stack", "Variant"]]
    assert (line["Stack"], line["Variant"]) == ("tidewatch/dev/flights", "blue")
    assert (line["FeaturesChecked"], line["RecordsRead"], line["RecordsRejected"]) == (1, 201, 1)
    assert (line["FeaturesDrifting"], line["DriftInsufficient"]) == (1, 0)
    assert line["MaxPsi"] > 0.2
    assert line["DriftSeverity"] == 1, "one feature alone informs"
    units = {one["Name"]: one["Unit"] for one in directive["Metrics"]}
    ours = [
        one
        for one in metrics.EMITTED_METRICS
        if one.dimensions == ("Stack", "Variant") and one is not metrics.LIVE_SHARE
    ]
    assert units == {one.name: one.unit for one in metrics.EMITTED_METRICS if one in ours}


@pytest.mark.usefixtures("captured_hour")
def test_records_that_nobody_can_judge_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    capture(HOUR, 0, configuration="unknown")
    answer: Any = function.handler({})
    (problem,) = answer["problems"]
    assert "deployments/unknown.json" in problem
    assert ("WARNING", problem) in [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.mark.usefixtures("captured_hour")
def test_a_key_with_lines_of_its_own_is_no_metric(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    forged = '{"_aws": {"CloudWatchMetrics": []}, "HoursFailing": 0}'
    capture(HOUR, 0, configuration=f"unknown\n{forged}\n")
    function.handler({})
    assert sum("HoursFailing" in line for line in read_emitted_metrics(capsys)) == 1
    assert any(forged in message for message in caplog.messages)
    assert not any("\n" in message for message in caplog.messages)


@pytest.mark.usefixtures("captured_hour")
def test_a_change_of_the_verdict_reaches_a_rule() -> None:
    policy = {"Policy": from_events(EVENTS)}
    url = make_client("sqs").create_queue(QueueName="events", Attributes=policy)["QueueUrl"]
    pattern = {"source": ["tidewatch"], "detail-type": ["Drift Verdict Changed"]}
    boto3.client("events").put_rule(Name="drift", EventPattern=json.dumps(pattern))
    boto3.client("events").put_targets(Rule="drift", Targets=[{"Id": "1", "Arn": EVENTS}])
    function.handler({})
    (message,) = boto3.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["detail"]["current"] == {
        "version": "1",
        "verdict": "drift",
        "severity": "inform",
    }


def test_hours_are_left_for_the_next_run_where_time_is_short(captured_hour: ManualClock) -> None:
    capture(HOUR - timedelta(hours=1), shift=0)
    answer: Any = function.handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 5_000))
    assert (answer["hours"], answer["remaining"]) == ([], 2)
    answer = function.handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000))
    assert (len(answer["hours"]), answer["remaining"]) == (2, 0)
    assert function.compute_deadline(
        SimpleNamespace(get_remaining_time_in_millis=lambda: 1_000)
    ) == captured_hour.now() + timedelta(seconds=1)
    assert function.compute_deadline(None) is None


@pytest.mark.parametrize("event", [{"hour": "08"}, {"hour": "2026-01-05"}, {"hour": 8}, {"hours": []}, {"Records": []}])
@pytest.mark.usefixtures("captured_hour")
def test_a_stray_event_reads_nothing(event: dict[str, Any]) -> None:
    with pytest.raises(function.UnknownDriftEvent, match=r"send \{\} for the hours that are due"):
        function.handler(event)
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="flights-monitoring", Prefix="drift/")


def test_every_severity_has_its_number() -> None:
    assert [
        function.SEVERITY_RANKS[one]
        for one in (DriftSeverity.NONE, DriftSeverity.INFORM, DriftSeverity.TICKET, DriftSeverity.PAGE)
    ] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("CONTROL_TABLE", None, KeyError),
        ("THRESHOLDS", '{"psi": 1}', TypeError),
        ("THRESHOLDS", '{"psi_warn": 1}', ValueError),
    ],
)
def test_an_environment_that_cannot_be_meant_is_refused(name: str, value: str | None, error: type[Exception]) -> None:
    variables = {**VARIABLES, name: value}
    with pytest.raises(error, match=name if value is None else "psi"):
        function.DriftEnvironment.from_variables({key: text for key, text in variables.items() if text is not None})


def test_the_function_loads_without_what_its_package_does_not_hold() -> None:
    heavy = ("boto3", "polars", "scipy", "pandas", "pydantic", "pulumi")
    script = f"import sys, lambdas.drift.handler; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
