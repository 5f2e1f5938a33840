"""The stack's alarms around an incident: which were in ALARM when it was opened, which changed, and since when.

Sources: CloudWatch API reference, DescribeAlarms, DescribeAlarmHistory; CloudWatch user guide, "Alarm events and
EventBridge" (the reason data of a state).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidewatch.aws.cloudwatch import AlarmDescription, describe_alarms, read_state_changes

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

LOOKBACK = timedelta(hours=1)
"""How long before an incident a change of an alarm may belong to it."""
MAX_LEVELS = 6
"""The depth of the alarm tree: the endpoint's composite, a variant's, its guardrail, the guardrail's alarms, and what
people add in between."""
MAX_HISTORIES = 12
"""The largest number of alarms whose history is read. Those that caused the incident come first."""

_ALARM_REFERENCE = re.compile(r'\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|([^\s"()]+))\s*\)')
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


@dataclass(frozen=True)
class AlarmChange:
    """A change of an alarm's state."""

    at: datetime
    alarm: str
    before: str
    after: str
    reason: str
    first_bad_at: datetime | None = None
    """The first datapoint that put it into ALARM, or None if it is unknown."""

    def to_json(self) -> dict[str, object]:
        """Returns it as an item of an incident's timeline."""
        return {
            "kind": "alarm",
            "at": self.at.isoformat(),
            "alarm": self.alarm,
            "from": self.before,
            "to": self.after,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class AlarmSnapshot:
    """The state of an alarm when the incident was opened."""

    name: str
    state: str
    since: datetime | None
    """None if it is unknown."""
    reason: str

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "state": self.state,
            "since": self.since.isoformat() if self.since else None,
            "reason": self.reason or None,
        }


@dataclass(frozen=True)
class AlarmHistory:
    """The alarms of an incident."""

    snapshots: tuple[AlarmSnapshot, ...] = ()
    changes: tuple[AlarmChange, ...] = ()
    first_bad_at: datetime | None = None
    """The first datapoint that put the firing alarm into ALARM."""
    descriptions: tuple[str, ...] = ()
    """The descriptions of the alarms that caused the incident."""


NO_ALARMS = AlarmHistory()


def parse_alarm_name(name_or_arn: str) -> str:
    """Returns the name in an alarm's ARN or name."""
    return name_or_arn.rpartition(":alarm:")[2]


def read_alarms(
    cloudwatch: CloudWatchClient,
    composite: str,
    fired_alarm: str,
    opened_at: datetime,
    now: datetime,
    has_time: Callable[[], bool] = lambda: True,
) -> AlarmHistory:
    """Returns the alarms under `composite`, and the one that fired with those under it. "" is no alarm.

    Raises what CloudWatch raises. Stops reading when `has_time` returns False.
    """
    alarms = _describe_tree(cloudwatch, [composite, fired_alarm], has_time)
    causes = _collect_subtree(fired_alarm, alarms)
    since = opened_at - LOOKBACK
    changed_names = [
        name
        for name, alarm in alarms.items()
        if (changed_at := _get_transition_time(alarm)) is not None and changed_at >= since
    ]
    ordered = sorted(changed_names, key=lambda name: (name != fired_alarm, name not in causes, name))
    changes: list[AlarmChange] = []
    for name in ordered[:MAX_HISTORIES]:
        if not has_time():
            break
        changes += _read_history(cloudwatch, alarms[name], since, now)
    # A composite changes at the same moment as the alarm under it that causes the change.
    changes.sort(key=lambda change: (change.at, len(_collect_subtree(change.alarm, alarms))))
    snapshots = tuple(_build_snapshot(alarms[name], changes, opened_at) for name in sorted(alarms))
    alarmed_names = causes & {snapshot.name for snapshot in snapshots if snapshot.state == "ALARM"}
    alarm_changes = [
        change
        for change in changes
        if change.alarm in alarmed_names and change.after == "ALARM" and change.at <= opened_at
    ]
    first_bad_times = [change.first_bad_at for change in alarm_changes if change.first_bad_at is not None]
    descriptions = sorted(
        {str(alarms[name].get("AlarmDescription", "")) for name in alarmed_names if not _get_rule(alarms[name])} - {""}
    )
    return AlarmHistory(snapshots, tuple(changes), min(first_bad_times, default=None), tuple(descriptions))


def _describe_tree(
    cloudwatch: CloudWatchClient, roots: Iterable[str], has_time: Callable[[], bool]
) -> dict[str, AlarmDescription]:
    """Returns the alarms of these names and all alarms that their rules name."""
    alarms: dict[str, AlarmDescription] = {}
    pending_names = sorted(set(filter(None, roots)))
    for _ in range(MAX_LEVELS):
        level = describe_alarms(cloudwatch, pending_names, has_time=has_time)
        alarms |= {str(alarm["AlarmName"]): alarm for alarm in level}
        pending_names = sorted({child for alarm in level for child in _list_children(alarm)} - alarms.keys())
        if not pending_names:
            break
    return alarms


def _get_rule(alarm: AlarmDescription) -> str:
    return str(alarm.get("AlarmRule") or "")


def _list_children(alarm: AlarmDescription) -> set[str]:
    return {parse_alarm_name(quoted or bare) for quoted, bare in _ALARM_REFERENCE.findall(_get_rule(alarm))}


def _collect_subtree(name: str, alarms: Mapping[str, AlarmDescription]) -> frozenset[str]:
    """Returns an alarm and all alarms under it."""
    found: set[str] = set()
    pending = [name]
    while pending:
        current = pending.pop()
        if current in alarms and current not in found:
            found.add(current)
            pending += _list_children(alarms[current])
    return frozenset(found)


def _get_transition_time(alarm: AlarmDescription) -> datetime | None:
    """Returns when its state changed last. StateUpdatedTimestamp also changes at evaluations without a change."""
    return _ensure_utc(alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp"))


def _ensure_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _read_history(
    cloudwatch: CloudWatchClient, alarm: AlarmDescription, since: datetime, until: datetime
) -> list[AlarmChange]:
    changes = read_state_changes(cloudwatch, str(alarm["AlarmName"]), since, until)
    return [_parse_change(item, alarm) for item in changes]


def _parse_change(item: Mapping[str, Any], alarm: AlarmDescription) -> AlarmChange:
    """Returns the change in a history item.

    CloudWatch cuts off long history data, which is no valid JSON then; the summary still has the change.
    """
    name, changed_at = str(alarm["AlarmName"]), _ensure_utc(item.get("Timestamp"))
    assert changed_at is not None
    try:
        data = json.loads(item.get("HistoryData", ""))
        before, after = str(data["oldState"]["stateValue"]), str(data["newState"]["stateValue"])
        reason, reason_data = str(data["newState"].get("stateReason", "")), data["newState"].get("stateReasonData")
    except (ValueError, KeyError, TypeError):
        reason, reason_data = str(item.get("HistorySummary", "")), None
        found = re.search(r"from (\w+) to (\w+)", reason)
        before, after = found.groups() if found else ("", "")
    if not reason_data and after == alarm.get("StateValue") and changed_at == _get_transition_time(alarm):
        reason_data = alarm.get("StateReasonData")
    return AlarmChange(
        changed_at,
        name,
        before,
        after,
        reason,
        _find_first_bad_datapoint(reason_data, alarm) if after == "ALARM" else None,
    )


def _find_first_bad_datapoint(reason_data: Any, alarm: AlarmDescription) -> datetime | None:
    """Returns the time of the oldest datapoint beyond the threshold, from the reason data of a metric alarm's state."""
    if not reason_data or _get_rule(alarm):
        return None
    try:
        data: dict[str, Any] = json.loads(reason_data) if isinstance(reason_data, str) else reason_data
        is_breach = _COMPARISONS.get(str(alarm.get("ComparisonOperator")))
        threshold = data.get("threshold", alarm.get("Threshold"))
        bad_timestamps = [
            str(point["timestamp"])
            for point in data.get("evaluatedDatapoints", ())
            if is_breach and threshold is not None and "value" in point and is_breach(point["value"], threshold)
        ]
        bad_times = [datetime.fromisoformat(text) for text in bad_timestamps or filter(None, [data.get("startDate")])]
    except (ValueError, KeyError, TypeError):
        return None
    return min(bad_times, default=None)


def _build_snapshot(alarm: AlarmDescription, changes: Iterable[AlarmChange], opened_at: datetime) -> AlarmSnapshot:
    name = str(alarm["AlarmName"])
    own_changes = [change for change in changes if change.alarm == name]
    if earlier := [change for change in own_changes if change.at <= opened_at]:
        return AlarmSnapshot(name, earlier[-1].after, earlier[-1].at, earlier[-1].reason)
    if own_changes:
        return AlarmSnapshot(name, own_changes[0].before, None, "")
    return AlarmSnapshot(
        name, str(alarm.get("StateValue", "")), _get_transition_time(alarm), str(alarm.get("StateReason", ""))
    )
