"""An incident as it comes about: alarms over a bad canary, the call of one of them, and what was written of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.tidewatch.traffic.account import ENDPOINT, Flights, stamp
from tidewatch.rollback import RollbackResult

TOPIC = "arn:aws:sns:us-east-1:123456789012:P1"
TOLD: dict[str, Any] = {
    "guardrails": ("guardrail-green",),
    "monitoring_bucket": "flights-monitoring",
    "topic": TOPIC,
    "stack": "prod",
    "health_alarm": "everything",
    "runbooks": "https://example.com/runbooks",
    "dashboard": "https://example.com/oncall",
    "reports": "s3://flights-monitoring/drift/",
}


def watch(account: Flights) -> None:
    """An alarm on green's errors under a guardrail under a composite over everything, and a calm one beside it."""
    cloudwatch = account.clients.cloudwatch
    for name, variant in (("green-errors", "green"), ("blue-errors", "blue")):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription=f"{variant} fails. What to do is in runbooks/guardrail-latency.md.",
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": "EndpointName", "Value": ENDPOINT}, {"Name": "VariantName", "Value": variant}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=3,
            DatapointsToAlarm=2,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
    cloudwatch.put_composite_alarm(AlarmName="guardrail-green", AlarmRule='ALARM("green-errors")')
    cloudwatch.put_composite_alarm(
        AlarmName="everything", AlarmRule="ALARM(guardrail-green) OR (ALARM(blue-errors) AND NOT OK(green-errors))"
    )


def serve(account: Flights, variant: str, requests: int, errors: int) -> None:
    """Answers of this moment; each took 20 ms."""
    dimensions = [{"Name": "EndpointName", "Value": ENDPOINT}, {"Name": "VariantName", "Value": variant}]
    counted = {"Invocations": (1, requests), "Invocation5XXErrors": (1, errors), "ModelLatency": (20_000, requests)}
    cloudwatch: Any = account.clients.cloudwatch
    cloudwatch.put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": account.clock.now(),
                "Values": [value],
                "Counts": [times],
            }
            for name, (value, times) in counted.items()
            if times
        ],
    )


def break_green(account: Flights) -> datetime:
    """Two bad minutes after good ones; when the first of them began."""
    account.clock.advance(60 - account.clock.now().second)
    minutes = [(50, 0), (50, 0), (40, 9), (40, 8)]
    bad_since = account.clock.now() + timedelta(minutes=2)
    for requests, errors in minutes:
        account.clock.advance(5)
        serve(account, "green", requests, errors)
        serve(account, "blue", 950, 1)
        account.clock.advance(55)
    return bad_since.replace(second=0, microsecond=0)


def describe_fired_alarm(account: Flights, name: str = "guardrail-green") -> Mapping[str, Any]:
    (alarm,) = account.clients.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])[
        "CompositeAlarms"
    ]
    assert alarm["StateValue"] == "ALARM"
    return alarm


def answer(account: Flights, **plan: Any) -> RollbackResult:
    """The call that the guardrail makes."""
    alarm = describe_fired_alarm(account)
    request = account.request("alarm", alarm_arn=alarm["AlarmArn"], alarm_at=stamp(alarm["StateTransitionedTimestamp"]))
    return account.roll_back(request, **{**TOLD, **plan})


def read_document(account: Flights, incident: str, form: str = "json") -> Any:
    assert account.clients.s3 is not None
    body = account.clients.s3.get_object(Bucket="flights-monitoring", Key=f"incidents/{incident}.{form}")["Body"]
    text = body.read().decode()
    return json.loads(text) if form == "json" else text
