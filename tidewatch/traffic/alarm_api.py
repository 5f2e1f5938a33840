"""The CloudWatch alarms that a deployment reads and changes.

It reads which alarms fired, sets the abort alarm that stops it, and updates the actions of alarms after it replaced a
scaling policy.
"""

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
    """Returns the alarms that went to ALARM between the two times, as a clause of a sentence.

    If none fired, the clause states that.
    """
    fired: list[str] = []
    for name in names:
        try:
            changes = read_state_changes(cloudwatch, name, since, until)
        except Exception as error:
            return f"the alarm history could not be read ({error})"
        fired += [name for item in changes if _is_transition_to_alarm(item.get("HistoryData", ""))][:1]
    all_names = ", ".join(names) or "none"
    return f"alarms that fired: {', '.join(fired)}" if fired else f"none of the deployment's alarms ({all_names}) fired"


def _is_transition_to_alarm(history_data: str) -> bool:
    try:
        return json.loads(history_data)["newState"]["stateValue"] == "ALARM"
    except (ValueError, KeyError, TypeError):
        return False


def set_alarm_state(cloudwatch: CloudWatchClient, name: str, state: str, reason: str) -> None:
    """Calls SetAlarmState, to stop a deployment with the abort alarm and to reset that alarm."""
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
"""The keys that a metric alarm of DescribeAlarms shares with PutMetricAlarm."""
_ACTION_KEYS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def retarget_alarm_actions(
    cloudwatch: CloudWatchClient, names: Sequence[str], old_arns: Sequence[str], new_arn: str
) -> tuple[str, ...]:
    """Replaces `old_arns` by `new_arn` among the actions of these metric alarms, and leaves the rest as it is.

    Returns the names of the alarms that the caller may not change: people's own alarms may have names outside the
    stack's prefix.
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
