"""Triggers that make every alarm fire and clear: which alarms they cover, and the message for an alarm without one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from components import alarms_args
from rehearsal.alarm_coverage import coverage, data_triggers, serving_triggers, traffic_triggers, trigger
from rehearsal.alarm_coverage.catalog import ALARM_TRIGGERS
from rehearsal.alarm_coverage.coverage import (
    AlarmsNotCovered,
    CoveredAlarm,
    TriggerResult,
    build_coverage_table,
    describe_counts,
    write_coverage,
)
from rehearsal.alarm_coverage.trigger import AlarmTrigger
from rehearsal.gamedays import manual_changes
from rehearsal.gamedays.harness import Harness
from stacks.config.schema import StackSettings
from stacks.config.settings import load
from tidewatch.alarms import build_guardrail_composite
from tidewatch.slo import build_slo_alarms, build_slo_composites

ROOT = Path(__file__).parents[3]
MADE_HERE = {"abort", "endpoint", "variant-blue", "variant-green"}
"""Alarms that are no values: what stops a deployment, and what is made of all others."""


@pytest.fixture(scope="module")
def settings() -> StackSettings:
    config = yaml.safe_load((ROOT / "Pulumi.rehearsal.yaml").read_text())["config"]
    variants = {
        variant: {"version": version, "weight": 50, "instances": 2} for variant, version in (("blue", 1), ("green", 2))
    }
    return load({**config, "tidewatch:variants": variants, "tidewatch:rollbackTo": "blue"}, "rehearsal")


def _list_declared_alarms(settings: StackSettings) -> set[str]:
    of_variants = alarms_args.build_declared_variant_alarms(settings)
    keys = {f"{alarm.key}-{variant}" for variant, alarms in of_variants.items() for alarm in alarms}
    keys |= {
        f"{rolls.key}-{variant}"
        for variant, alarms in of_variants.items()
        if (rolls := build_guardrail_composite(alarms))
    }
    keys |= {alarm.key for alarm in alarms_args.build_declared_endpoint_alarms(settings)}
    for objective in settings.slo.objectives():
        keys |= {
            one.key for one in (*build_slo_alarms(objective, sorted(of_variants)), *build_slo_composites(objective))
        }
    return keys | MADE_HERE


def test_each_declared_alarm_is_what_one_drive_is_about(settings: StackSettings) -> None:
    about = Counter(key for one in ALARM_TRIGGERS for key in one.alarm_keys)
    assert set(about) == _list_declared_alarms(settings)
    assert set(about.values()) == {1}


def test_drives_have_names_of_their_own_and_say_what_is_done() -> None:
    assert len({one.name for one in ALARM_TRIGGERS}) == len(ALARM_TRIGGERS)
    assert all(one.cause.endswith(".") for one in ALARM_TRIGGERS)


@pytest.mark.parametrize(
    "module", [manual_changes, trigger, data_triggers, serving_triggers, traffic_triggers, coverage]
)
def test_no_metric_is_put_and_no_state_is_set(module: object) -> None:
    text = Path(str(getattr(module, "__file__", ""))).read_text()
    assert not [call for call in ("put_metric", "set_alarm_state", "set_state", "embedded") if call in text]


def _row(alarm: str, metric: str, by: str) -> CoveredAlarm:
    return CoveredAlarm(alarm, metric, by, "2026-01-05T09:24:00+00:00", "2026-01-05T09:34:00+00:00")


def _nothing(scene: Harness) -> None:
    del scene


def _build_trigger(name: str, *keys: str) -> AlarmTrigger:
    return AlarmTrigger(name, f"What {name} does.", keys, _nothing)


def test_a_row_is_of_the_drive_that_is_about_its_alarm() -> None:
    every = frozenset({"m-disk-1", "m-disk-2", "m-all-2"})
    both = {"m-disk-1": _row("disk", "Disk", "first."), "m-all-2": _row("all", "ALARM(disk) OR ALARM(x)", "first.")}
    own = {"m-disk-1": _row("disk", "Disk", "second."), "m-disk-2": _row("disk", "ALARM(disk)", "second.")}
    rows = build_coverage_table(
        [
            TriggerResult(_build_trigger("first"), both, every),
            TriggerResult(_build_trigger("second", "disk"), own, every),
        ]
    )
    assert [(row.alarm, row.metric, row.cause) for row in rows] == [
        ("all", "ALARM(disk) OR ALARM(x)", "first."),
        ("disk", "ALARM(disk)", "second."),
        ("disk", "Disk", "second."),
    ]


def test_an_alarm_without_a_drive_is_told_by_name() -> None:
    done = [
        TriggerResult(
            _build_trigger("first", "disk"),
            {"m-disk-1": _row("disk", "Disk", "first.")},
            frozenset({"m-disk-1", "m-x-2"}),
        )
    ]
    with pytest.raises(AlarmsNotCovered, match="no trigger for m-x-2"):
        build_coverage_table(done)


def test_an_alarm_that_its_drive_does_not_fire_and_clear_is_told_by_name() -> None:
    done = [TriggerResult(_build_trigger("first", "disk", "memory"), {}, frozenset(), "not OK: {'memory': 'ALARM'}")]
    with pytest.raises(AlarmsNotCovered, match=r"not OK: .*; first does not trigger disk, memory"):
        build_coverage_table(done)


def test_an_alarm_fired_by_the_way_only_is_not_proven() -> None:
    by_the_way = {"m-disk-1": _row("disk", "Disk", "first.")}
    with pytest.raises(AlarmsNotCovered, match="no trigger for m-disk-1"):
        build_coverage_table([TriggerResult(_build_trigger("first"), by_the_way, frozenset(by_the_way))])


def test_alarms_are_counted_by_kind() -> None:
    rows = [_row("disk", "Disk", "first."), _row("disk", 'ALARM("m-disk-1")', "first.")]
    assert describe_counts(rows) == "2 alarms, 1 metric alarms and 1 composites"


def test_the_table_is_written_as_a_list(tmp_path: Path) -> None:
    write_coverage([_row("disk", "Disk", "first.")], tmp_path / "rehearsal" / "alarm-coverage.json")
    (row,) = json.loads((tmp_path / "rehearsal" / "alarm-coverage.json").read_text())
    assert sorted(row) == ["alarm", "cause", "cleared_at", "fired_at", "metric"]
