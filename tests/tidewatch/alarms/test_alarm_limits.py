"""Thresholds from the stack config: read as they come, refused with their path."""

from __future__ import annotations

import pytest

from stacks.config.settings import SettingsError, load
from tests.stacks.test_stack_settings import CONFIG
from tidewatch.alarms import AlarmThresholds, InvalidAlarms


def parse(**config: object) -> AlarmThresholds:
    return load({**CONFIG, "tidewatch:alarms": config}).alarms.thresholds


def mistakes(**config: object) -> list[str]:
    with pytest.raises(SettingsError) as found:
        parse(**config)
    return [mistake.removeprefix("tidewatch:alarms.") for mistake in found.value.mistakes]


def test_an_empty_section_is_the_defaults() -> None:
    assert parse() == AlarmThresholds()


def test_numbers_may_be_text_as_the_command_line_stores_them() -> None:
    limits = parse(serverErrorPercent="0.5", silenceMinutes="30", minimumRequests=50.0)
    assert (limits.server_error_percent, limits.silence_minutes, limits.minimum_requests) == (0.5, 30, 50)
    assert isinstance(limits.minimum_requests, int)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("latencyMilliseconds", -3, "-3 is out of range; use 1 to 50000"),
        ("latencyMilliseconds", "fast", "'fast' is not a number"),
        ("latencyMilliseconds", True, "True is not a number"),
        ("latencyMilliseconds", None, "None is not a number"),
        ("latencyMilliseconds", "nan", "'nan' is not a finite number"),
        ("serverErrorPercent", 100, "100 is out of range"),
        ("silenceMinutes", 7, "7 is not a multiple of 5; use one like 10"),
        ("silenceMinutes", 7.5, "7.5 is not a whole number"),
        ("diskPercnt", 75, "unknown key; did you mean diskPercent?"),
        ("whatever", 75, "unknown key; the keys here are"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_path(key: str, value: object, says: str) -> None:
    found = mistakes(**{key: value})
    assert len(found) == 1
    assert found[0].startswith(f"{key}: {says}")


def test_every_mistake_is_named_at_once() -> None:
    assert [one.partition(":")[0] for one in mistakes(nothing=1, diskPercent=0, memoryPercent="x")] == [
        "memoryPercent",
        "diskPercent",
        "nothing",
    ]


def test_limits_made_in_code_are_held_to_the_same_ranges() -> None:
    with pytest.raises(InvalidAlarms, match="guardrailLatencyRatio: 1 is out of range"):
        AlarmThresholds(guardrail_latency_ratio=1)
