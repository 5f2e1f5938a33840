"""The time that each alarm spent in ALARM during a game day, and its recipients."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from rehearsal.charts.timeline import AlarmSpan
from rehearsal.gamedays.alarm_history import ALARM_TYPES, list_alarms
from rehearsal.gamedays.harness import Harness


def collect_spans(harness: Harness) -> Iterator[AlarmSpan]:
    """The spans that each alarm spent in ALARM, from its history, with its description and recipients."""
    keys = {name: key for key, name in harness.outputs["alarms"]["names"].items()}
    open_since: dict[str, float] = {}
    firings: list[tuple[str, float, float | None]] = []
    for at, name, state in list_transitions(harness):
        if name not in keys:
            continue
        if state == "ALARM":
            open_since.setdefault(name, at)
        elif name in open_since:
            firings.append((name, open_since.pop(name), at))
    firings += [(name, since, None) for name, since in open_since.items()]
    alarms_by_name = (
        {alarm["AlarmName"]: alarm for alarm in list_alarms(harness.get_client("cloudwatch"))} if firings else {}
    )
    recipients = [
        _list_recipients(harness, _find_notifying_alarm(name, alarms_by_name), since, until)
        for name, since, until in firings
    ]
    notified_firings = [
        stay for stay, who in zip(firings, recipients, strict=True) if who and not who.startswith("nobody")
    ]
    for (name, since, until), who in zip(firings, recipients, strict=True):
        description = alarms_by_name.get(name, {}).get("AlarmDescription", "").partition(" What to do is in ")[0]
        concurrent = [firing for firing in notified_firings if _has_overlap(firing[1:], (since, until))]
        recipient_text = who or explain_suppression(
            _find_notifying_alarm(name, alarms_by_name), alarms_by_name, concurrent, keys
        )
        yield AlarmSpan(keys[name], "ALARM", since, until, _classify_alarm(harness, name), description, recipient_text)


def _find_notifying_alarm(name: str, alarms_by_name: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The composite that notifies for a metric alarm, because it can be suppressed; otherwise the alarm itself."""
    alarm = alarms_by_name.get(name, {})
    return next(
        (candidate for candidate in alarms_by_name.values() if candidate.get("AlarmRule") == f'ALARM("{name}")'), alarm
    )


def _list_recipients(harness: Harness, alarm: Mapping[str, Any], since: float, until: float | None) -> str:
    """The recipients of an alarm's notifications during ALARM, from its history; empty if it was suppressed."""
    if not alarm.get("AlarmActions"):
        return "nobody: it is part of a composite"
    end = harness.control.get_time() if until is None else harness.started_at + timedelta(seconds=until)
    items = harness.get_client("cloudwatch").describe_alarm_history(
        AlarmName=alarm["AlarmName"], AlarmTypes=ALARM_TYPES, HistoryItemType="Action",
        StartDate=harness.started_at + timedelta(seconds=since), EndDate=end,
    )["AlarmHistoryItems"]  # fmt: skip
    actions = [json.loads(item["HistoryData"]) for item in items]
    notified_arns = [each["notificationResource"] for each in actions if each["actionState"] == "Succeeded"]
    return ", ".join(sorted({_name_recipient(arn) for arn in notified_arns}))


def explain_suppression(
    alarm: Mapping[str, Any],
    alarms_by_name: Mapping[str, Mapping[str, Any]],
    concurrent: Sequence[tuple[str, float, float | None]],
    keys: Mapping[str, str],
) -> str:
    """Why an alarm notified nobody: its suppressor watches alarms that notified somebody at the same time."""
    suppressor = alarm.get("ActionsSuppressor", "").rpartition(":")[2]
    rule = alarms_by_name.get(suppressor, {}).get("AlarmRule", "") or f'"{suppressor}"'
    others = dict.fromkeys(keys[name] for name, *_ in concurrent if f'"{name}"' in rule)
    return f"nobody: it is suppressed by {', '.join(others) or 'another'}"


def _has_overlap(first: tuple[float, float | None], other: tuple[float, float | None]) -> bool:
    """Whether two spans have a second in common; an end of None is still open."""
    ends = [math.inf if end is None else end for _, end in (first, other)]
    return max(first[0], other[0]) <= min(ends)


def _name_recipient(arn: str) -> str:
    """A topic by its severity, or a function by its purpose."""
    service, name = arn.split(":")[2], arn.rpartition(":")[2]
    return name.split("-")[-2] if service == "sns" else "the rollback function"


def _classify_alarm(harness: Harness, name: str) -> Literal["metric", "composite", "guardrail"]:
    if name in harness.outputs["alarms"]["guardrails"].values():
        return "guardrail"
    return "composite" if "burn" in name or "budget" in name else "metric"


def list_transitions(harness: Harness) -> list[tuple[float, str, str]]:
    """Seconds from the start, alarm and new state, in chronological order."""
    return [
        ((change.at - harness.started_at).total_seconds(), change.alarm, change.state)
        for change in harness.alarm_changes()
    ]
