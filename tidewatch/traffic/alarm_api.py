"""Alarms as a deployment needs them: which fired, our own that stops it, and those that call what it replaced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidewatch.aws.cloudwatch import describe_alarms, read_state_changes
from tidewatch.aws.errors import ACCESS_DENIED_CODES, get_error_code

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


def describe_fired_alarms(cloudwatch: CloudWatchClient, names: Sequence[str], since: datetime, until: datetime) -> str:
    """Which of the alarms went to ALARM in that time, as a clause of a sentence; "none fired" is an answer too."""
    fired: list[str] = []
    for name in names:
        try:
            changes = read_state_changes(cloudwatch, name, since, until)
        except Exception as error:
            return f"the alarm history could not be read ({error})"
        fired += [name for item in changes if _is_transition_to_alarm(item.get("HistoryData", ""))][:1]
    all_names = ", ".join(names) or "none"
    return f"alarms that fired: {', '.join(fired)}" if fired else f"of the deployment's alarms ({all_names}) none fired"


def _is_transition_to_alarm(history_data: str) -> bool:
    try:
        return json.loads(history_data)["newState"]["stateValue"] == "ALARM"
    except (ValueError, KeyError, TypeError):
        return False


def set_alarm_state(cloudwatch: CloudWatchClient, name: str, state: str, reason: str) -> None:
    """SetAlarmState: how our own alarm stops a deployment, and how it is put back."""
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM" if state == "ALARM" else "OK", StateReason=reason)


_DEFINITION_KEYS = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
)
"""What DescribeAlarms tells of a metric alarm and PutMetricAlarm takes."""
_ACTION_KEYS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def retarget_alarm_actions(
    cloudwatch: CloudWatchClient, names: Sequence[str], old_arns: Sequence[str], new_arn: str
) -> tuple[str, ...]:
    """Lets the actions of these metric alarms call `new` where they called one of `olds`; all else stays as it is.

    The names of those that the caller may not put: people give alarms names that are none of the stack's.
    """
    stale_arns, denied_names = {arn for arn in old_arns if arn != new_arn}, list[str]()
    if not stale_arns or not names:
        return ()
    for alarm in describe_alarms(cloudwatch, names, ["MetricAlarm"]):
        definition: Any = alarm
        if any(stale_arns & set(definition.get(kind, ())) for kind in _ACTION_KEYS):
            new_definition: Any = {
                name: definition[name] for name in _DEFINITION_KEYS if definition.get(name) not in (None, [])
            }
            for kind in _ACTION_KEYS:
                new_definition[kind] = [
                    new_arn if action in stale_arns else action for action in definition.get(kind, ())
                ]
            try:
                cloudwatch.put_metric_alarm(**new_definition)
            except Exception as error:
                if get_error_code(error) not in ACCESS_DENIED_CODES:
                    raise
                denied_names.append(new_definition["AlarmName"])
    return tuple(denied_names)
