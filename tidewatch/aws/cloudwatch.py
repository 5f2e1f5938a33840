"""Reads CloudWatch: metric series, alarms by name and state changes, with all pages of each.

Source of the limits: CloudWatch API reference, GetMetricData (500 queries, 100,800 datapoints a page), DescribeAlarms
(100 names).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tidewatch.metrics import Metric

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

AlarmType = Literal["MetricAlarm", "CompositeAlarm"]
AlarmDescription = Mapping[str, Any]
"""An alarm as in DescribeAlarms."""

ALARM_TYPES: Sequence[AlarmType] = ("MetricAlarm", "CompositeAlarm")
MAX_RECORDS = 100
"""The limit of names for DescribeAlarms, and of items that it and DescribeAlarmHistory return at once."""
COMPLETE = "Complete"


@dataclass
class MetricSeries:
    """The values of one query by the start of their period, in UTC."""

    values: dict[datetime, float] = field(default_factory=dict[datetime, float])
    status: str = COMPLETE
    """Complete if no value is missing."""


def build_metric_query(
    query_id: str, metric: Metric, dimensions: Mapping[str, str], period_seconds: int, statistic: str
) -> MetricDataQueryTypeDef:
    """Returns a query for one statistic of a metric."""
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": period_seconds,
            "Stat": statistic,
        },
    }


def read_metric_data(
    cloudwatch: CloudWatchClient, queries: Sequence[MetricDataQueryTypeDef], since: datetime, until: datetime
) -> dict[str, MetricSeries]:
    """Returns the series of each query by its id. A query without a response has none."""
    found: dict[str, MetricSeries] = {}
    if not queries:
        return found
    request: dict[str, Any] = {"MetricDataQueries": queries, "StartTime": since, "EndTime": until}
    while True:
        page = cloudwatch.get_metric_data(**request)
        for result in page["MetricDataResults"]:
            series = found.setdefault(result.get("Id", ""), MetricSeries())
            series.status = result.get("StatusCode", COMPLETE)
            for timestamp, value in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True):
                moment = timestamp.astimezone(UTC)
                series.values[moment] = series.values.get(moment, 0.0) + value
        if not (token := page.get("NextToken")):
            return found
        request["NextToken"] = token


def describe_alarms(
    cloudwatch: CloudWatchClient,
    names: Iterable[str],
    types: Sequence[AlarmType] = ALARM_TYPES,
    has_time: Callable[[], bool] = lambda: True,
) -> list[AlarmDescription]:
    """Returns the alarms of these names that exist, ignoring "". Stops reading once `has_time` returns False."""
    unique_names = sorted(set(filter(None, names)))
    found: list[AlarmDescription] = []
    for start in range(0, len(unique_names), MAX_RECORDS):
        if not has_time():
            break
        # With as many records as names there is no second page.
        page = cloudwatch.describe_alarms(
            AlarmNames=unique_names[start : start + MAX_RECORDS], AlarmTypes=types, MaxRecords=MAX_RECORDS
        )
        found += [*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())]
    return found


def list_in_alarm(cloudwatch: CloudWatchClient, names: Iterable[str]) -> frozenset[str]:
    """Returns those of the named alarms, metric or composite, that are in ALARM."""
    alarms = describe_alarms(cloudwatch, names)
    return frozenset(str(alarm.get("AlarmName", "")) for alarm in alarms if alarm.get("StateValue") == "ALARM")


def read_state_changes(
    cloudwatch: CloudWatchClient, alarm: str, since: datetime, until: datetime
) -> list[Mapping[str, Any]]:
    """Returns the state changes of an alarm in that time, as in DescribeAlarmHistory."""
    found: list[Mapping[str, Any]] = []
    request: dict[str, Any] = {
        "AlarmName": alarm,
        "AlarmTypes": ALARM_TYPES,
        "HistoryItemType": "StateUpdate",
        "StartDate": since,
        "EndDate": until,
        "MaxRecords": MAX_RECORDS,
    }
    while True:
        page = cloudwatch.describe_alarm_history(**request)
        found += page.get("AlarmHistoryItems", ())
        if not (token := page.get("NextToken")):
            return found
        request["NextToken"] = token
