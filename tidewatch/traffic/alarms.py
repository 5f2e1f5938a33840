"""Alarms as the traffic code needs them: which are in ALARM, which fired, and our own that stops a deployment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidewatch.items import DENIED, error_code

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


def in_alarm(cloudwatch: CloudWatchClient, names: Iterable[str]) -> frozenset[str]:
    """Those of the named alarms, metric or composite, that are in ALARM. At most 100 names, DescribeAlarms' limit."""
    asked = sorted(set(filter(None, names)))
    if not asked:
        return frozenset()
    found = cloudwatch.describe_alarms(AlarmNames=asked, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
    return frozenset(one.get("AlarmName", "") for one in alarms if one.get("StateValue") == "ALARM")


def fired_since(cloudwatch: CloudWatchClient, names: Sequence[str], since: datetime, until: datetime) -> str:
    """Which of the alarms went to ALARM in that time, as a clause of a sentence; "none fired" is an answer too."""
    fired: list[str] = []
    for name in names:
        try:
            history = cloudwatch.describe_alarm_history(
                AlarmName=name,
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
                HistoryItemType="StateUpdate",
                StartDate=since,
                EndDate=until,
            )
        except Exception as error:
            return f"the alarm history could not be read ({error})"
        fired += [name for one in history.get("AlarmHistoryItems", ()) if _to_alarm(one.get("HistoryData", ""))][:1]
    watched = ", ".join(names) or "none"
    return f"alarms that fired: {', '.join(fired)}" if fired else f"of the deployment's alarms ({watched}) none fired"


def _to_alarm(history_data: str) -> bool:
    try:
        return json.loads(history_data)["newState"]["stateValue"] == "ALARM"
    except (ValueError, KeyError, TypeError):
        return False


def set_state(cloudwatch: CloudWatchClient, name: str, state: str, reason: str) -> None:
    """SetAlarmState: how our own alarm stops a deployment, and how it is put back."""
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM" if state == "ALARM" else "OK", StateReason=reason)


_DEFINITION = (
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
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


def point_alarms(cloudwatch: CloudWatchClient, names: Sequence[str], olds: Sequence[str], new: str) -> tuple[str, ...]:
    """Lets the actions of these metric alarms call `new` where they called one of `olds`; all else stays as it is.

    The names of those that the caller may not put: people give alarms names that are none of the stack's.
    """
    gone, kept = {old for old in olds if old != new}, list[str]()
    if not gone or not names:
        return ()
    for alarm in cloudwatch.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])["MetricAlarms"]:
        whole: Any = alarm
        if any(gone & set(whole.get(kind, ())) for kind in _ACTIONS):
            wanted: Any = {name: whole[name] for name in _DEFINITION if whole.get(name) not in (None, [])}
            for kind in _ACTIONS:
                wanted[kind] = [new if action in gone else action for action in whole.get(kind, ())]
            try:
                cloudwatch.put_metric_alarm(**wanted)
            except Exception as error:
                if error_code(error) not in DENIED:
                    raise
                kept.append(wanted["AlarmName"])
    return tuple(kept)
