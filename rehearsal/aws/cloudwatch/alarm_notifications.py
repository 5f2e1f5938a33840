"""The notifications of an alarm's change of state: the topic's message and the function's event.

Source: CloudWatch user guide, "Invoke a Lambda function from an alarm", "Alarm events and EventBridge", "Acting on
alarm changes"; the topic's message has the members of real notifications, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm

from rehearsal.aws.constants import ACCOUNT

REGION_NAMES = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
}
"""The names of regions in notifications; others have their code."""
MAX_SUBJECT_LENGTH = 100
_STATISTICS = {"SampleCount": "SAMPLE_COUNT"}

AlarmState = dict[str, str]


def format_timestamp(moment: datetime) -> str:
    """A time in the format of alarms: 2023-08-04T12:36:15.490+0000."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware:%Y-%m-%dT%H:%M:%S}.{aware.microsecond // 1000:03d}+0000"


def describe_state(alarm: Alarm) -> AlarmState:
    """An alarm's state in the form of events."""
    state = {"value": alarm.state_value, "reason": alarm.state_reason}
    if alarm.state_reason_data and alarm.state_reason_data != "{}":
        state["reasonData"] = alarm.state_reason_data
    state["timestamp"] = format_timestamp(alarm.state_updated_timestamp)
    if suppressor := getattr(alarm, "ActionsSuppressedBy", None):
        state["actionsSuppressedBy"] = suppressor
        state["actionsSuppressedReason"] = f"Actions suppressed by {suppressor}"
    return state


def describe_configuration(alarm: Alarm) -> dict[str, Any]:
    """An alarm's configuration in the form of events."""
    params: Mapping[str, Any] = getattr(alarm, "request_params", {})
    description = {"description": alarm.description} if alarm.description else {}
    if alarm.rule is not None:
        members = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
        suppressor = {_lower_first(member): params[member] for member in members if params.get(member) is not None}
        return {**description, "alarmRule": alarm.rule, **suppressor}
    if queries := params.get("Metrics"):
        return {**description, "metrics": [_format_event_query(query) for query in queries]}
    stat = {"Metric": params, "Period": params.get("Period"), "Stat": alarm.statistic or alarm.extended_statistic}
    return {**description, "metrics": [_format_event_query({"Id": "m1", "MetricStat": stat, "ReturnData": True})]}


def build_function_event(alarm: Alarm, state: AlarmState, previous: AlarmState, moment: datetime) -> dict[str, Any]:
    """The event for a function that is an alarm's action."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": ACCOUNT,
        "time": format_timestamp(moment),
        "region": alarm.region_name,
        "alarmData": {
            "alarmName": alarm.name,
            "state": state,
            "previousState": previous,
            "configuration": describe_configuration(alarm),
        },
    }


def build_subject(alarm: Alarm, state: AlarmState) -> str:
    """The subject of a topic's message."""
    region_name = REGION_NAMES.get(alarm.region_name, alarm.region_name)
    return f'{state["value"]}: "{alarm.name}" in {region_name}'[:MAX_SUBJECT_LENGTH]


def build_notification(alarm: Alarm, state: AlarmState, previous: AlarmState) -> str:
    """The message of a topic."""
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": format_timestamp(alarm.configuration_updated_timestamp),
        "NewStateValue": state["value"],
        "NewStateReason": state["reason"],
        "StateChangeTime": state["timestamp"],
        "Region": REGION_NAMES.get(alarm.region_name, alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": previous["value"],
        "OKActions": alarm.ok_actions or [],
        "AlarmActions": alarm.alarm_actions or [],
        "InsufficientDataActions": alarm.insufficient_data_actions or [],
    }
    if alarm.rule is None:
        return json.dumps({**message, "Trigger": _build_trigger(alarm)})
    children = json.loads(state.get("reasonData", "{}")).get("triggeringAlarms", [])
    triggering = [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in children
    ]
    return json.dumps({**message, "AlarmRule": alarm.rule, "TriggeringChildren": triggering})


def _build_trigger(alarm: Alarm) -> dict[str, Any]:
    params: Mapping[str, Any] = getattr(alarm, "request_params", {})
    rule = {
        "Period": params.get("Period"),
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "",
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    if queries := params.get("Metrics"):
        return {**rule, "Period": None, "Metrics": [_format_notification_query(query) for query in queries]}
    extended = alarm.extended_statistic
    statistic = _STATISTICS.get(alarm.statistic, (alarm.statistic or "").upper())
    kind = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended} if extended else {}
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        **(kind or {"StatisticType": "Statistic", "Statistic": statistic}),
        "Unit": alarm.unit,
        "Dimensions": _format_dimensions(params),
        **rule,
    }


def _format_dimensions(metric: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in metric.get("Dimensions") or ()]


def _format_notification_query(query: Mapping[str, Any]) -> dict[str, Any]:
    fields = {member: query[member] for member in ("Id", "Label", "Expression") if query.get(member)}
    if stat := query.get("MetricStat"):
        metric = {**stat["Metric"], "Dimensions": _format_dimensions(stat["Metric"])}
        fields["MetricStat"] = {**stat, "Metric": metric}
    return {**fields, "ReturnData": query.get("ReturnData", True)}


def _format_event_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A metric query in the form of events: names in lower case, dimensions as a mapping."""
    fields: dict[str, Any] = {"id": query["Id"]}
    if stat := query.get("MetricStat"):
        metric = stat["Metric"]
        fields["metricStat"] = {
            "metric": {
                "namespace": metric.get("Namespace"),
                "name": metric.get("MetricName"),
                "dimensions": {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions") or ()},
            },
            "period": stat.get("Period"),
            "stat": stat.get("Stat"),
        }
    fields |= {_lower_first(member): query[member] for member in ("Expression", "Label") if query.get(member)}
    return {**fields, "returnData": query.get("ReturnData", True)}


def _lower_first(name: str) -> str:
    return name[0].lower() + name[1:]
