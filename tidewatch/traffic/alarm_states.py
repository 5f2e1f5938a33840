"""What the stack's alarms said around an incident: who was in ALARM when it was opened, who changed, since when.

Sources: CloudWatch API reference, DescribeAlarms, DescribeAlarmHistory; CloudWatch user guide, "Alarm events and
EventBridge" (the reason data of a state).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

BEFORE = timedelta(hours=1)
"""How long before an incident a change of an alarm may have to do with it."""
MOST_LEVELS = 6
"""The endpoint's composite, a slot's, its guardrail, that one's alarms, and what somebody may put in between."""
MOST_HISTORIES = 12
"""Alarms whose history is read: those that say why come first."""
MOST_AT_ONCE = 100
"""Names that DescribeAlarms takes."""
KINDS: Sequence[Literal["MetricAlarm", "CompositeAlarm"]] = ("MetricAlarm", "CompositeAlarm")

_REFERENCE = re.compile(r'\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|([^\s"()]+))\s*\)')
_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}

Described = Mapping[str, Any]


@dataclass(frozen=True)
class AlarmChange:
    """An alarm changed its state. `began`: the first datapoint that made it ALARM, where that is known."""

    at: datetime
    alarm: str
    before: str
    after: str
    reason: str
    began: datetime | None = None

    def to_json(self) -> dict[str, object]:
        """As an item of an incident's timeline."""
        return {
            "kind": "alarm",
            "at": self.at.isoformat(),
            "alarm": self.alarm,
            "from": self.before,
            "to": self.after,
            "why": self.reason,
        }


@dataclass(frozen=True)
class AlarmStanding:
    """How an alarm stood when the incident was opened. `since` is None where it is not known."""

    name: str
    state: str
    since: datetime | None
    reason: str

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "state": self.state,
            "since": self.since.isoformat() if self.since else None,
            "reason": self.reason or None,
        }


@dataclass(frozen=True)
class AlarmRecord:
    """The alarms of an incident. `first_bad`: the first datapoint that made the firing alarm fire; `says`: what its
    causes are described as."""

    standings: tuple[AlarmStanding, ...] = ()
    changes: tuple[AlarmChange, ...] = ()
    first_bad: datetime | None = None
    says: tuple[str, ...] = ()


NO_ALARMS = AlarmRecord()


def alarm_name(reference: str) -> str:
    """The name in an alarm's ARN, or in its name."""
    return reference.rpartition(":alarm:")[2]


def read_alarms(
    cloudwatch: CloudWatchClient,
    overall: str,
    fired: str,
    opened: datetime,
    now: datetime,
    patient: Callable[[], bool] = lambda: True,
) -> AlarmRecord:
    """The alarms under the composite `overall`, and the alarm that fired with those under it; "" is none.

    Raises what CloudWatch raises. Reads no further when `patient` says no.
    """
    known = _described(cloudwatch, [overall, fired], patient)
    causes = _under(fired, known)
    since = opened - BEFORE
    moved = [name for name, one in known.items() if (at := _moved(one)) is not None and at >= since]
    ordered = sorted(moved, key=lambda name: (name != fired, name not in causes, name))
    changes: list[AlarmChange] = []
    for name in ordered[:MOST_HISTORIES]:
        if not patient():
            break
        changes += _history(cloudwatch, known[name], since, now)
    # A composite changes at the moment that one under it does, and because of it.
    changes.sort(key=lambda change: (change.at, len(_under(change.alarm, known))))
    standings = tuple(_standing(known[name], changes, opened) for name in sorted(known))
    alarmed = causes & {one.name for one in standings if one.state == "ALARM"}
    made = [one for one in changes if one.alarm in alarmed and one.after == "ALARM" and one.at <= opened]
    began = [one.began for one in made if one.began is not None]
    told = sorted({str(known[name].get("AlarmDescription", "")) for name in alarmed if not _rule(known[name])} - {""})
    return AlarmRecord(standings, tuple(changes), min(began, default=None), tuple(told))


def _described(cloudwatch: CloudWatchClient, roots: Iterable[str], patient: Callable[[], bool]) -> dict[str, Described]:
    """The alarms of these names and all that their rules name."""
    found: dict[str, Described] = {}
    wanted = sorted(set(filter(None, roots)))
    for _ in range(MOST_LEVELS):
        level: list[Described] = []
        for place in range(0, len(wanted), MOST_AT_ONCE):
            if patient():
                names = wanted[place : place + MOST_AT_ONCE]
                page = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=[*KINDS], MaxRecords=MOST_AT_ONCE)
                level += [*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())]
        found |= {str(one["AlarmName"]): one for one in level}
        wanted = sorted({child for one in level for child in _children(one)} - found.keys())
        if not wanted:
            break
    return found


def _rule(one: Described) -> str:
    return str(one.get("AlarmRule") or "")


def _children(one: Described) -> set[str]:
    return {alarm_name(quoted or plain) for quoted, plain in _REFERENCE.findall(_rule(one))}


def _under(name: str, known: Mapping[str, Described]) -> frozenset[str]:
    """An alarm and all that its rule names, near and far."""
    found: set[str] = set()
    todo = [name]
    while todo:
        one = todo.pop()
        if one in known and one not in found:
            found.add(one)
            todo += _children(known[one])
    return frozenset(found)


def _moved(one: Described) -> datetime | None:
    """When its state changed last. StateUpdatedTimestamp also moves when nothing but the evaluation does."""
    return _aware(one.get("StateTransitionedTimestamp") or one.get("StateUpdatedTimestamp"))


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _history(cloudwatch: CloudWatchClient, one: Described, since: datetime, until: datetime) -> list[AlarmChange]:
    page = cloudwatch.describe_alarm_history(
        AlarmName=one["AlarmName"],
        AlarmTypes=[*KINDS],
        HistoryItemType="StateUpdate",
        StartDate=since,
        EndDate=until,
        MaxRecords=MOST_AT_ONCE,
    )
    return [_change(item, one) for item in page.get("AlarmHistoryItems", ())]


def _change(item: Mapping[str, Any], one: Described) -> AlarmChange:
    """CloudWatch cuts long history data off, which is then no JSON any more; the summary still says what changed."""
    name, at = str(one["AlarmName"]), _aware(item.get("Timestamp"))
    assert at is not None
    try:
        data = json.loads(item.get("HistoryData", ""))
        before, after = str(data["oldState"]["stateValue"]), str(data["newState"]["stateValue"])
        reason, because = str(data["newState"].get("stateReason", "")), data["newState"].get("stateReasonData")
    except (ValueError, KeyError, TypeError):
        reason, because = str(item.get("HistorySummary", "")), None
        found = re.search(r"from (\w+) to (\w+)", reason)
        before, after = found.groups() if found else ("", "")
    if not because and after == one.get("StateValue") and at == _moved(one):
        because = one.get("StateReasonData")
    return AlarmChange(at, name, before, after, reason, _began(because, one) if after == "ALARM" else None)


def _began(because: Any, one: Described) -> datetime | None:
    """The oldest datapoint beyond the threshold, in the reason data of a metric alarm's state."""
    if not because or _rule(one):
        return None
    try:
        data: dict[str, Any] = json.loads(because) if isinstance(because, str) else because
        breaches = _BREACHES.get(str(one.get("ComparisonOperator")))
        threshold = data.get("threshold", one.get("Threshold"))
        bad = [
            str(point["timestamp"])
            for point in data.get("evaluatedDatapoints", ())
            if breaches and threshold is not None and "value" in point and breaches(point["value"], threshold)
        ]
        started = [datetime.fromisoformat(text) for text in bad or filter(None, [data.get("startDate")])]
    except (ValueError, KeyError, TypeError):
        return None
    return min(started, default=None)


def _standing(one: Described, changes: Iterable[AlarmChange], opened: datetime) -> AlarmStanding:
    name = str(one["AlarmName"])
    mine = [change for change in changes if change.alarm == name]
    if earlier := [change for change in mine if change.at <= opened]:
        return AlarmStanding(name, earlier[-1].after, earlier[-1].at, earlier[-1].reason)
    if mine:
        return AlarmStanding(name, mine[0].before, None, "")
    return AlarmStanding(name, str(one.get("StateValue", "")), _moved(one), str(one.get("StateReason", "")))
