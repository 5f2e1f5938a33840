"""What CloudWatch tells others when an alarm changes its state: the topic's message and the function's event.

Source: CloudWatch user guide, "Invoke a Lambda function from an alarm", "Alarm events and EventBridge", "Acting on
alarm changes"; the topic's message has the members that notifications carry, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm

from simulator.aws.world import ACCOUNT

REGION_NAMES = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
}
"""Regions as notifications name them; another one goes by its code."""
LONGEST_SUBJECT = 100
_STATISTICS = {"SampleCount": "SAMPLE_COUNT"}

State = dict[str, str]


def stamp(moment: datetime) -> str:
    """A time as alarms write it: 2023-08-04T12:36:15.490+0000."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware:%Y-%m-%dT%H:%M:%S}.{aware.microsecond // 1000:03d}+0000"


def state_of(alarm: Alarm) -> State:
    """An alarm's state as events have it."""
    state = {"value": alarm.state_value, "reason": alarm.state_reason}
    if alarm.state_reason_data and alarm.state_reason_data != "{}":
        state["reasonData"] = alarm.state_reason_data
    state["timestamp"] = stamp(alarm.state_updated_timestamp)
    if suppressor := getattr(alarm, "ActionsSuppressedBy", None):
        state["actionsSuppressedBy"] = suppressor
        state["actionsSuppressedReason"] = f"Actions suppressed by {suppressor}"
    return state


def configuration_of(alarm: Alarm) -> dict[str, Any]:
    """An alarm's configuration as events have it."""
    given: Mapping[str, Any] = getattr(alarm, "given", {})
    described = {"description": alarm.description} if alarm.description else {}
    if alarm.rule is not None:
        members = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
        suppressor = {_small(member): given[member] for member in members if given.get(member) is not None}
        return {**described, "alarmRule": alarm.rule, **suppressor}
    if queries := given.get("Metrics"):
        return {**described, "metrics": [_query(query) for query in queries]}
    stat = {"Metric": given, "Period": given.get("Period"), "Stat": alarm.statistic or alarm.extended_statistic}
    return {**described, "metrics": [_query({"Id": "m1", "MetricStat": stat, "ReturnData": True})]}


def function_event(alarm: Alarm, state: State, before: State, moment: datetime) -> dict[str, Any]:
    """What a function gets that is an alarm's action."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": ACCOUNT,
        "time": stamp(moment),
        "region": alarm.region_name,
        "alarmData": {
            "alarmName": alarm.name,
            "state": state,
            "previousState": before,
            "configuration": configuration_of(alarm),
        },
    }


def subject(alarm: Alarm, state: State) -> str:
    """The subject of a topic's message."""
    where = REGION_NAMES.get(alarm.region_name, alarm.region_name)
    return f'{state["value"]}: "{alarm.name}" in {where}'[:LONGEST_SUBJECT]


def notification(alarm: Alarm, state: State, before: State) -> str:
    """The message that a topic gets."""
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configuration_updated_timestamp),
        "NewStateValue": state["value"],
        "NewStateReason": state["reason"],
        "StateChangeTime": state["timestamp"],
        "Region": REGION_NAMES.get(alarm.region_name, alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before["value"],
        "OKActions": alarm.ok_actions or [],
        "AlarmActions": alarm.alarm_actions or [],
        "InsufficientDataActions": alarm.insufficient_data_actions or [],
    }
    if alarm.rule is None:
        return json.dumps({**message, "Trigger": _trigger(alarm)})
    children = json.loads(state.get("reasonData", "{}")).get("triggeringAlarms", [])
    triggering = [
        {"Arn": one["arn"], "State": {"Value": one["state"]["value"], "Timestamp": one["state"]["timestamp"]}}
        for one in children
    ]
    return json.dumps({**message, "AlarmRule": alarm.rule, "TriggeringChildren": triggering})


def _trigger(alarm: Alarm) -> dict[str, Any]:
    given: Mapping[str, Any] = getattr(alarm, "given", {})
    rule = {
        "Period": given.get("Period"),
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "",
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    if queries := given.get("Metrics"):
        return {**rule, "Period": None, "Metrics": [_notified(query) for query in queries]}
    extended = alarm.extended_statistic
    plain = _STATISTICS.get(alarm.statistic, (alarm.statistic or "").upper())
    kind = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended} if extended else {}
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        **(kind or {"StatisticType": "Statistic", "Statistic": plain}),
        "Unit": alarm.unit,
        "Dimensions": _dimensions(given),
        **rule,
    }


def _dimensions(metric: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"value": one["Value"], "name": one["Name"]} for one in metric.get("Dimensions") or ()]


def _notified(query: Mapping[str, Any]) -> dict[str, Any]:
    shown = {member: query[member] for member in ("Id", "Label", "Expression") if query.get(member)}
    if stat := query.get("MetricStat"):
        metric = {**stat["Metric"], "Dimensions": _dimensions(stat["Metric"])}
        shown["MetricStat"] = {**stat, "Metric": metric}
    return {**shown, "ReturnData": query.get("ReturnData", True)}


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A metric query as events have it: names in lower case, dimensions as a mapping."""
    shown: dict[str, Any] = {"id": query["Id"]}
    if stat := query.get("MetricStat"):
        metric = stat["Metric"]
        shown["metricStat"] = {
            "metric": {
                "namespace": metric.get("Namespace"),
                "name": metric.get("MetricName"),
                "dimensions": {one["Name"]: one["Value"] for one in metric.get("Dimensions") or ()},
            },
            "period": stat.get("Period"),
            "stat": stat.get("Stat"),
        }
    shown |= {_small(member): query[member] for member in ("Expression", "Label") if query.get(member)}
    return {**shown, "returnData": query.get("ReturnData", True)}


def _small(name: str) -> str:
    return name[0].lower() + name[1:]
