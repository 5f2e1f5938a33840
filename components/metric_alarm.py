"""A metric alarm as a resource: what the value says, in CloudWatch's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from tidewatch.alarms import Alarm, Names, Stat
from tidewatch.alarms import statistic as statistics

SIGNAL = "signal"
"""The id of an alarm's expression among its queries."""
OPERATORS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


def metric_alarm(
    name: str,
    alarm: Alarm,
    names: Names[pulumi.Output[str]],
    *,
    called: pulumi.Input[str],
    slot: str,
    says: str,
    action: pulumi.Input[str] | None,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """The alarm of a slot, or with "" of the endpoint.

    called: its physical name; says: its description; action: what it calls in ALARM.

    It has its name from us, so that what is said of it is known before it is made: PutMetricAlarm takes a name again
    that an interrupted `up` has used.
    """
    return aws.cloudwatch.MetricAlarm(
        name,
        name=called,
        alarm_description=says,
        comparison_operator=OPERATORS[alarm.comparison],
        threshold=alarm.threshold,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.datapoints,
        treat_missing_data=alarm.missing.value,
        alarm_actions=None if action is None else [action],
        tags=tags,
        opts=opts,
        **_signal(alarm, names, slot),
    )


def _signal(alarm: Alarm, names: Names[pulumi.Output[str]], slot: str) -> dict[str, Any]:
    if isinstance(alarm.signal, Stat):
        kind = "statistic" if alarm.signal.statistic in statistics.PLAIN else "extended_statistic"
        return {**_metric(alarm, alarm.signal, names, slot), kind: alarm.signal.statistic}
    read: list[dict[str, Any]] = [
        {"id": part, "metric": {**_metric(alarm, stat, names, slot), "stat": stat.statistic}, "return_data": False}
        for part, stat in alarm.signal.parts.items()
    ]
    shown = {"id": SIGNAL, "expression": alarm.signal.expression, "label": alarm.title, "return_data": True}
    return {"metric_queries": [*read, shown]}


def _metric(alarm: Alarm, stat: Stat, names: Names[pulumi.Output[str]], slot: str) -> dict[str, Any]:
    return {
        "namespace": stat.metric.namespace,
        "metric_name": stat.metric.name,
        "dimensions": names.of(stat, slot),
        "period": alarm.period_s,
    }
