"""Verifies every alarm of the program: a real cause drives each one to ALARM and back to OK.

Nothing here puts a metric or sets a state: the alarms read metrics of requests, of runs of functions, and of events on
the control plane. The rollback function itself sets `abort`, its means to stop a deployment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cli.stack_health import format_alarm_counts
from rehearsal.alarm_coverage.catalog import ALARM_TRIGGERS
from rehearsal.alarm_coverage.trigger import AlarmTimeout, AlarmTrigger, parse_alarm_key
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.snapshot import Snapshot

AT_ONCE = 2
"""Copies at the same time: each keeps a core busy with its functions."""
COMPOSITE_RULE_PREFIX = "ALARM("
"""The beginning of the rule of each composite of the program."""


class AlarmsNotCovered(Exception):
    """The names of the alarms that did not fire or did not clear."""


@dataclass(frozen=True)
class CoveredAlarm:
    """An alarm that fired and cleared."""

    alarm: str
    """The key, with its variant."""
    metric: str
    """The metrics that the alarm reads, or the rule of a composite over keys."""
    cause: str
    """The cause that made it fire."""
    fired_at: str
    """When it went to ALARM, ISO 8601, by its history."""
    cleared_at: str
    """When it went from ALARM to OK, ISO 8601, by its history."""


@dataclass(frozen=True)
class TriggerResult:
    """The result of a trigger."""

    trigger: AlarmTrigger
    alarms: Mapping[str, CoveredAlarm]
    """The alarms of the stack that fired and cleared, by physical name."""
    all_alarm_names: frozenset[str]
    """The physical names of all alarms of the stack."""
    timeout: str = ""
    """The alarms that did not follow in time; "" if all did."""


def verify_alarms(snapshot: Snapshot, on_progress: Callable[[str], None] = lambda _: None) -> list[CoveredAlarm]:
    """A row for every alarm of the account, by key. Raises AlarmsNotCovered with each uncovered alarm."""
    results: list[TriggerResult] = []
    for first in range(0, len(ALARM_TRIGGERS), AT_ONCE):
        triggers = ALARM_TRIGGERS[first : first + AT_ONCE]
        on_progress(", ".join(trigger.name.replace("-", " ") for trigger in triggers))
        results += snapshot.run_on_copies([partial(run_trigger, trigger) for trigger in triggers])
    return build_coverage_table(results)


def run_trigger(trigger: AlarmTrigger, harness: Harness) -> TriggerResult:
    """Runs a trigger and reads its effect on all alarms."""
    timeout = ""
    try:
        trigger.run(harness)
    except AlarmTimeout as alarm:
        timeout = str(alarm)
    alarms_by_name = {stack_alarm["AlarmName"]: stack_alarm for stack_alarm in harness.list_stack_alarms()}
    rows = {
        name: CoveredAlarm(
            parse_alarm_key(harness, name),
            _describe_watched_metrics(harness, alarms_by_name[name]),
            trigger.cause,
            *span,
        )
        for name, span in _read_fired_and_cleared(harness).items()
        if name in alarms_by_name
    }
    return TriggerResult(trigger, rows, frozenset(alarms_by_name), timeout)


def build_coverage_table(results: Sequence[TriggerResult]) -> list[CoveredAlarm]:
    """A row for every alarm, from its own trigger. Raises AlarmsNotCovered.

    A composite without its own trigger consists of alarms that have one: its row is from the first of these in which it
    fired.
    """
    covered: dict[str, CoveredAlarm] = {}
    for is_match in (_is_targeted, _is_composite):
        for result in results:
            covered = {name: row for name, row in result.alarms.items() if is_match(result.trigger, row)} | covered
    problems = [*_list_failures(results)]
    if uncovered := sorted({name for each in results for name in each.all_alarm_names} - covered.keys()):
        problems.append(f"no trigger for {', '.join(uncovered)}")
    if problems:
        raise AlarmsNotCovered("; ".join(problems))
    return sorted(covered.values(), key=lambda row: (row.alarm, row.metric))


def _list_failures(results: Sequence[TriggerResult]) -> Iterator[str]:
    """The alarms that their trigger did not fire, as clauses."""
    for result in results:
        if result.timeout:
            yield f"{result.trigger.name}: {result.timeout}"
        if missing := sorted(set(result.trigger.alarm_keys) - {row.alarm for row in result.alarms.values()}):
            yield f"{result.trigger.name} does not trigger {', '.join(missing)}"


def _is_targeted(trigger: AlarmTrigger, row: CoveredAlarm) -> bool:
    return row.alarm in trigger.alarm_keys


def _is_composite(_trigger: AlarmTrigger, row: CoveredAlarm) -> bool:
    return row.metric.startswith(COMPOSITE_RULE_PREFIX)


def describe_counts(rows: Sequence[CoveredAlarm]) -> str:
    """How many alarms these are, by kind."""
    composite_count = sum(row.metric.startswith(COMPOSITE_RULE_PREFIX) for row in rows)
    return format_alarm_counts(len(rows) - composite_count, composite_count)


def write_coverage(rows: Sequence[CoveredAlarm], path: Path) -> None:
    """Writes the rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def _read_fired_and_cleared(harness: Harness) -> dict[str, tuple[str, str]]:
    """When each alarm first went to ALARM and, after that, first to OK; only for alarms that did both."""
    fired: dict[str, datetime] = {}
    cleared: dict[str, datetime] = {}
    for at, name, state in harness.alarm_changes():
        if state == "ALARM":
            fired.setdefault(name, at)
        elif state == "OK" and name in fired:
            cleared.setdefault(name, at)
    return {name: (fired[name].isoformat(), at.isoformat()) for name, at in cleared.items()}


def _describe_watched_metrics(harness: Harness, alarm: Mapping[str, Any]) -> str:
    """The names of the metrics that an alarm reads, each once, or its rule over keys."""
    if rule := alarm.get("AlarmRule"):
        return re.sub(r'"([^"]+)"', lambda name: parse_alarm_key(harness, name[1]), rule)
    if alarm.get("MetricName"):
        return str(alarm["MetricName"])
    names = [query["MetricStat"]["Metric"]["MetricName"] for query in alarm["Metrics"] if "MetricStat" in query]
    return ", ".join(dict.fromkeys(names))
