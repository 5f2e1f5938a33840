"""The proof that every alarm of the program works: each was driven to ALARM and back to OK, by causes alone.

No metric is put and no state is set here: what an alarm looks at comes from requests, from runs of functions, and from
what happens on the control plane. `abort`, which the rollback sets to stop a deployment, is set by its function.
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

from simulator.scenarios.drive import AlarmStuck, Drive, key_of
from simulator.scenarios.drives import DRIVES
from simulator.scenarios.scene import Scene
from simulator.scenarios.snapshot import Snapshot

AT_ONCE = 2
"""Copies at the same time: each keeps a core busy with its functions."""
RULE = "ALARM("
"""How the rule of each composite of the program begins."""


class NotProven(Exception):
    """Alarms that did not fire or did not clear, by name."""


@dataclass(frozen=True)
class Proven:
    """alarm: its key, with its slot. metric: the metrics it looks at, or the rule of a composite over keys. driven_by:
    what was done. fired, cleared: when it went to ALARM and from there to OK, ISO 8601, by its history.
    """

    alarm: str
    metric: str
    driven_by: str
    fired: str
    cleared: str


@dataclass(frozen=True)
class Driven:
    """What came of a drive. alarms: those of the stack that fired and cleared, every: all it has, by physical name.
    stuck: what did not come, "" where all did.
    """

    drive: Drive
    alarms: Mapping[str, Proven]
    every: frozenset[str]
    stuck: str = ""


def prove(snapshot: Snapshot, say: Callable[[str], None] = lambda _: None) -> list[Proven]:
    """A row for every alarm of the account, by key. Raises NotProven, naming each that no drive drove."""
    done: list[Driven] = []
    for first in range(0, len(DRIVES), AT_ONCE):
        group = DRIVES[first : first + AT_ONCE]
        say(", ".join(drive.name.replace("-", " ") for drive in group))
        done += snapshot.copies([partial(driven, drive) for drive in group])
    return table(done)


def driven(drive: Drive, scene: Scene) -> Driven:
    """Plays a drive, and reads of all alarms what came of it."""
    stuck = ""
    try:
        drive.play(scene)
    except AlarmStuck as alarm:
        stuck = str(alarm)
    described = {one["AlarmName"]: one for one in scene.own_alarms()}
    rows = {
        name: Proven(key_of(scene, name), _watched(scene, described[name]), drive.driven_by, *span)
        for name, span in _spans(scene).items()
        if name in described
    }
    return Driven(drive, rows, frozenset(described), stuck)


def table(done: Sequence[Driven]) -> list[Proven]:
    """A row for every alarm, of the drive that is about it. Raises NotProven.

    A composite that no drive is about is made of alarms that drives are about: the first of these in which it fired.
    """
    found: dict[str, Proven] = {}
    for about in (_named, _composite):
        for each in done:
            found = {name: row for name, row in each.alarms.items() if about(each.drive, row)} | found
    problems = [*_undriven(done)]
    if never := sorted({name for each in done for name in each.every} - found.keys()):
        problems.append(f"nothing drives {', '.join(never)}")
    if problems:
        raise NotProven("; ".join(problems))
    return sorted(found.values(), key=lambda row: (row.alarm, row.metric))


def _undriven(done: Sequence[Driven]) -> Iterator[str]:
    """What did not come that a drive is about, as half sentences."""
    for each in done:
        if each.stuck:
            yield f"{each.drive.name}: {each.stuck}"
        if missing := sorted(set(each.drive.keys) - {row.alarm for row in each.alarms.values()}):
            yield f"{each.drive.name} does not drive {', '.join(missing)}"


def _named(drive: Drive, row: Proven) -> bool:
    return row.alarm in drive.keys


def _composite(_drive: Drive, row: Proven) -> bool:
    return row.metric.startswith(RULE)


def write(rows: Sequence[Proven], path: Path) -> None:
    """The rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def _spans(scene: Scene) -> dict[str, tuple[str, str]]:
    """When each alarm first went to ALARM and when, after that, first to OK; only those that did both."""
    fired: dict[str, datetime] = {}
    cleared: dict[str, datetime] = {}
    for at, name, state in scene.alarm_changes():
        if state == "ALARM":
            fired.setdefault(name, at)
        elif state == "OK" and name in fired:
            cleared.setdefault(name, at)
    return {name: (fired[name].isoformat(), at.isoformat()) for name, at in cleared.items()}


def _watched(scene: Scene, alarm: Mapping[str, Any]) -> str:
    """What an alarm looks at: the names of metrics, each once, or its rule over keys."""
    if rule := alarm.get("AlarmRule"):
        return re.sub(r'"([^"]+)"', lambda name: key_of(scene, name[1]), rule)
    if alarm.get("MetricName"):
        return str(alarm["MetricName"])
    names = [one["MetricStat"]["Metric"]["MetricName"] for one in alarm["Metrics"] if "MetricStat" in one]
    return ", ".join(dict.fromkeys(names))
