"""A metric alarm as a resource: an alarm value translated into CloudWatch's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from tidewatch.alarms import Alarm, DimensionResolver, MetricStat
from tidewatch.alarms import statistics as statistics

SIGNAL_ID = "signal"
"""The id of an alarm's expression among its metric queries."""
OPERATORS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


def create_metric_alarm(
    name: str,
    alarm: Alarm,
    names: DimensionResolver[pulumi.Output[str]],
    *,
    physical_name: pulumi.Input[str],
    variant: str,
    description: str,
    action: pulumi.Input[str] | None,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Creates the metric alarm of a variant, or of the endpoint if `variant` is "".

    `action` is the ARN that the alarm calls in ALARM. The program chooses the physical name, so that other resources
    can refer to the alarm before it exists. PutMetricAlarm accepts a name again that an interrupted `up` has used.
    """
    return aws.cloudwatch.MetricAlarm(
        name,
        name=physical_name,
        alarm_description=description,
        comparison_operator=OPERATORS[alarm.comparison],
        threshold=alarm.threshold,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.datapoints,
        treat_missing_data=alarm.missing.value,
        alarm_actions=None if action is None else [action],
        tags=tags,
        opts=opts,
        **_build_signal(alarm, names, variant),
    )


def _build_signal(alarm: Alarm, names: DimensionResolver[pulumi.Output[str]], variant: str) -> dict[str, Any]:
    if isinstance(alarm.signal, MetricStat):
        kind = "statistic" if alarm.signal.statistic in statistics.SIMPLE_STATISTICS else "extended_statistic"
        return {**_build_metric(alarm, alarm.signal, names, variant), kind: alarm.signal.statistic}
    inputs: list[dict[str, Any]] = [
        {
            "id": part,
            "metric": {**_build_metric(alarm, stat, names, variant), "stat": stat.statistic},
            "return_data": False,
        }
        for part, stat in alarm.signal.stats.items()
    ]
    result = {"id": SIGNAL_ID, "expression": alarm.signal.expression, "label": alarm.title, "return_data": True}
    return {"metric_queries": [*inputs, result]}


def _build_metric(
    alarm: Alarm, stat: MetricStat, names: DimensionResolver[pulumi.Output[str]], variant: str
) -> dict[str, Any]:
    return {
        "namespace": stat.metric.namespace,
        "metric_name": stat.metric.name,
        "dimensions": names.resolve(stat, variant),
        "period": alarm.period_s,
    }
