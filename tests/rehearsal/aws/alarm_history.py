"""Alarms for tests of the simulated CloudWatch: put with few words, read with fewer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from tests.rehearsal.aws.account import Account
from tidewatch.metrics import Metric

TOPIC = "arn:aws:sns:us-east-1:123456789012:pages"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:inbox"


def put_alarm(account: Account, name: str = "errors", **fields: Any) -> None:
    """An alarm on Mine/m: above 1 in the last minute, unless the fields say otherwise."""
    metric = {"Namespace": "Mine", "MetricName": "m", "Statistic": "Sum", "Period": 60}
    if "Metrics" in fields:
        metric = {}
    elif "ExtendedStatistic" in fields:
        del metric["Statistic"]
    rule = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "EvaluationPeriods": 1}
    account.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**metric, **rule, **fields})


def stat(name: str, of: str, statistic: str = "Sum", period: int = 60) -> dict[str, Any]:
    """A metric query on a metric of the namespace Mine."""
    metric = {"Namespace": "Mine", "MetricName": of}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}, "ReturnData": False}


def put_composite(account: Account, name: str, rule: str, **fields: Any) -> None:
    account.client("cloudwatch").put_composite_alarm(AlarmName=name, AlarmRule=rule, **fields)


def children(account: Account, *names: str) -> None:
    """Alarms that are OK, each on a metric of its own name."""
    for name in names:
        put_alarm(account, name, MetricName=name, TreatMissingData="notBreaching")
    account.clock.advance(60)


def measure(account: Account, *values: float, name: str = "m", **fields: Any) -> None:
    """Values measured now."""
    if values:
        datum = {"MetricName": name, "Values": list(values), "Timestamp": account.clock.now(), **fields}
        account.client("cloudwatch").put_metric_data(Namespace="Mine", MetricData=[datum])


def minutes(account: Account, rows: Iterable[float | None], **fields: Any) -> None:
    """A value a minute, or none, and the minute passed."""
    for value in rows:
        measure(account, *([] if value is None else [value]), **fields)
        account.clock.advance(60)


def describe_alarm(account: Account, name: str = "errors") -> dict[str, Any]:
    told = account.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [*told["MetricAlarms"], *told["CompositeAlarms"]][0]


def state(account: Account, name: str = "errors") -> str:
    return describe_alarm(account, name)["StateValue"]


def set_state(account: Account, value: str, name: str = "errors") -> None:
    account.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=value, StateReason="a drill")


def history(account: Account, name: str = "errors", kind: str = "StateUpdate") -> list[str]:
    """Summaries of the alarm's history, oldest first."""
    items = account.client("cloudwatch").describe_alarm_history(
        AlarmName=name,
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        HistoryItemType=kind,
        ScanBy="TimestampAscending",
    )["AlarmHistoryItems"]
    return [item["HistorySummary"] for item in items]


def states(account: Account, name: str = "errors") -> list[str]:
    """The states that the alarm came to, oldest first."""
    return [summary.rsplit(" ", 1)[1] for summary in history(account, name)]


def mailbox(account: Account) -> None:
    """A topic with a queue that keeps what it gets."""
    account.client("sns").create_topic(Name="pages")
    account.client("sqs").create_queue(QueueName="inbox")
    account.let_events(QUEUE)
    account.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)


def receive_messages(account: Account) -> list[Mapping[str, Any]]:
    """The bodies in the queue, taken out."""
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName="inbox")["QueueUrl"]
    found: list[Mapping[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def read_datapoints(
    account: Account, metric: Metric, statistic: str, minutes: int = 600, period: int = 60, **of: str
) -> Any:
    """The datapoints of the last minutes, oldest first."""
    asked = {
        "Metric": {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.build_dimensions(**of).items()],
        },
        "Period": period,
        "Stat": statistic,
        "Unit": metric.unit,
    }
    answer = account.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": asked}],
        StartTime=account.clock.now() - timedelta(minutes=minutes),
        EndTime=account.clock.now(),
        ScanBy="TimestampAscending",
    )
    return answer["MetricDataResults"][0]["Values"]


def watch(account: Account, metric: Metric, threshold: float, **of: str) -> None:
    """An alarm on one of the platform's metrics, that fires at a value and above."""
    dimensions = [{"Name": name, "Value": value} for name, value in of.items()]
    put_alarm(
        account,
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=dimensions,
        Statistic="Maximum",
        Threshold=threshold,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
