"""The proof that every alarm fires and clears: what its drives are about, and what is told of an alarm without one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from simulator.scenarios import by_hand, drive, drives_of_data, drives_of_serving, drives_of_traffic, proof
from simulator.scenarios.drive import Drive
from simulator.scenarios.drives import DRIVES
from simulator.scenarios.proof import Driven, NotProven, Proven, table, write
from simulator.scenarios.scene import Scene
from stacks import declare
from stacks.schema import Settings
from stacks.settings import load
from tidewatch.alarms import guardrail
from tidewatch.slo import slo_alarms, slo_composites

ROOT = Path(__file__).parents[3]
MADE_HERE = {"abort", "endpoint", "variant-blue", "variant-green"}
"""Alarms that are no values: what stops a deployment, and what is made of all others."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    config = yaml.safe_load((ROOT / "Pulumi.rehearsal.yaml").read_text())["config"]
    variants = {
        slot: {"version": version, "weight": 50, "instances": 2} for slot, version in (("blue", 1), ("green", 2))
    }
    return load({**config, "tidewatch:variants": variants, "tidewatch:rollbackTo": "blue"}, "rehearsal")


def _declared(settings: Settings) -> set[str]:
    of_slots = declare.slot_alarms(settings)
    keys = {f"{alarm.key}-{slot}" for slot, alarms in of_slots.items() for alarm in alarms}
    keys |= {f"{rolls.key}-{slot}" for slot, alarms in of_slots.items() if (rolls := guardrail(alarms))}
    keys |= {alarm.key for alarm in declare.shared_alarms(settings)}
    for objective in settings.slo.objectives():
        keys |= {one.key for one in (*slo_alarms(objective, sorted(of_slots)), *slo_composites(objective))}
    return keys | MADE_HERE


def test_each_declared_alarm_is_what_one_drive_is_about(settings: Settings) -> None:
    about = Counter(key for one in DRIVES for key in one.keys)
    assert set(about) == _declared(settings)
    assert set(about.values()) == {1}


def test_drives_have_names_of_their_own_and_say_what_is_done() -> None:
    assert len({one.name for one in DRIVES}) == len(DRIVES)
    assert all(one.driven_by.endswith(".") for one in DRIVES)


@pytest.mark.parametrize("module", [by_hand, drive, drives_of_data, drives_of_serving, drives_of_traffic, proof])
def test_no_metric_is_put_and_no_state_is_set(module: object) -> None:
    text = Path(str(getattr(module, "__file__", ""))).read_text()
    assert not [call for call in ("put_metric", "set_alarm_state", "set_state", "embedded") if call in text]


def _row(alarm: str, metric: str, by: str) -> Proven:
    return Proven(alarm, metric, by, "2026-01-05T09:24:00+00:00", "2026-01-05T09:34:00+00:00")


def _nothing(scene: Scene) -> None:
    del scene


def _drive(name: str, *keys: str) -> Drive:
    return Drive(name, f"What {name} does.", keys, _nothing)


def test_a_row_is_of_the_drive_that_is_about_its_alarm() -> None:
    every = frozenset({"m-disk-1", "m-disk-2", "m-all-2"})
    both = {"m-disk-1": _row("disk", "Disk", "first."), "m-all-2": _row("all", "ALARM(disk) OR ALARM(x)", "first.")}
    own = {"m-disk-1": _row("disk", "Disk", "second."), "m-disk-2": _row("disk", "ALARM(disk)", "second.")}
    rows = table([Driven(_drive("first"), both, every), Driven(_drive("second", "disk"), own, every)])
    assert [(row.alarm, row.metric, row.driven_by) for row in rows] == [
        ("all", "ALARM(disk) OR ALARM(x)", "first."),
        ("disk", "ALARM(disk)", "second."),
        ("disk", "Disk", "second."),
    ]


def test_an_alarm_without_a_drive_is_told_by_name() -> None:
    done = [
        Driven(_drive("first", "disk"), {"m-disk-1": _row("disk", "Disk", "first.")}, frozenset({"m-disk-1", "m-x-2"}))
    ]
    with pytest.raises(NotProven, match="nothing drives m-x-2"):
        table(done)


def test_an_alarm_that_its_drive_does_not_fire_and_clear_is_told_by_name() -> None:
    done = [Driven(_drive("first", "disk", "memory"), {}, frozenset(), "not OK: {'memory': 'ALARM'}")]
    with pytest.raises(NotProven, match=r"not OK: .*; first does not drive disk, memory"):
        table(done)


def test_an_alarm_fired_by_the_way_only_is_not_proven() -> None:
    by_the_way = {"m-disk-1": _row("disk", "Disk", "first.")}
    with pytest.raises(NotProven, match="nothing drives m-disk-1"):
        table([Driven(_drive("first"), by_the_way, frozenset(by_the_way))])


def test_the_table_is_written_as_a_list(tmp_path: Path) -> None:
    write([_row("disk", "Disk", "first.")], tmp_path / "rehearsal" / "alarms.json")
    (row,) = json.loads((tmp_path / "rehearsal" / "alarms.json").read_text())
    assert sorted(row) == ["alarm", "cleared", "driven_by", "fired", "metric"]
