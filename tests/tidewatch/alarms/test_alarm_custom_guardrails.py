"""Guardrails on the user's own metrics roll back like those that are built in, and mistakes in them are named."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stacks.config.settings import SettingsError, load
from tests.stacks.test_stack_settings import CONFIG
from tests.tidewatch.alarms.alarm_datapoints import CONVERSION, breaches, datapoint, state
from tidewatch.alarms import (
    Alarm,
    AlarmThresholds,
    DimensionResolver,
    MetricMath,
    MetricStat,
    Severity,
    any_of,
    build_guardrail_composite,
    build_variant_alarms,
    render_rule,
)
from tidewatch.alarms.custom_guardrails import MAX_GUARDRAILS

GIVEN: dict[str, object] = {**CONVERSION, "dimensions": {"Model": "flights", "Variant": "$variant"}}


def parse(*given: Any) -> tuple[Alarm, ...]:
    return load({**CONFIG, "tidewatch:alarms": {"guardrails": list(given)}}).alarms.custom_guardrails


def parse_alarm(**changed: object) -> Alarm:
    (alarm,) = parse(GIVEN | changed)
    return alarm


def mistakes(*given: Any) -> list[str]:
    with pytest.raises(SettingsError) as found:
        parse(*given)
    return [re.sub(r"^tidewatch:alarms\.guardrails(\.|: )", "", mistake) for mistake in found.value.mistakes]


def test_it_pages_within_two_minutes_unless_the_config_says_otherwise() -> None:
    alarm = parse_alarm()
    assert (alarm.period_s, alarm.periods, alarm.datapoints, alarm.severity) == (60, 2, 2, Severity.P1)
    assert state(alarm, [0.2, 0.05, 0.05]) == "ALARM"
    assert state(alarm, [None, None, None, None]) == "OK"
    slower = parse_alarm(period=300, periods=3, datapoints=2, severity="P2")
    assert (slower.period_s, slower.periods, slower.datapoints, slower.severity) == (300, 3, 2, Severity.P2)


def test_it_is_part_of_what_rolls_a_challenger_back_and_the_champion_has_none() -> None:
    alarms = build_variant_alarms(AlarmThresholds(), {"blue": 0.95, "green": 0.05}, "blue", custom=[parse_alarm()])
    found = build_guardrail_composite(alarms["green"])
    assert found is not None
    assert "guardrail-metric-conversion" in found.children
    assert not any(alarm.guardrail for alarm in alarms["blue"])
    assert parse_alarm().runbook == "guardrail-metric"


def test_as_many_as_are_taken_fit_with_all_others_of_a_variant_into_one_composite_alarm() -> None:
    """Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule: 100 alarms, 10,240 characters."""
    longest = [{**GIVEN, "name": "n" * 38 + f"{number:02d}"} for number in range(MAX_GUARDRAILS)]
    alarms = build_variant_alarms(AlarmThresholds(), {"blue": 0.95, "green": 0.05}, "blue", custom=parse(*longest))[
        "green"
    ]
    rule = render_rule(any_of(*(alarm.key for alarm in alarms)), lambda key: f"{'m' * 32}-{key}-green-mc0123456")
    assert len(alarms) < 100
    assert len(rule) < 10_240
    assert mistakes(*longest, {**GIVEN, "name": "more"}) == [
        "are 21; one composite alarm takes at most 20 guardrails of your own"
    ]


def test_the_variant_stands_for_its_placeholder() -> None:
    alarm = parse_alarm(dimensions={"Model": "flights", "Variant": "v-$variant"})
    assert isinstance(alarm.signal, MetricStat)
    names = DimensionResolver("tidewatch/dev/flights", "flights-1", "blue", {}, {})
    assert names.resolve(alarm.signal, "green") == {"Model": "flights", "Variant": "v-green"}


def test_fewer_samples_than_the_minimum_are_no_datapoint_where_0_would_breach() -> None:
    alarm = parse_alarm(minimumSamples="50")
    assert isinstance(alarm.signal, MetricMath)
    assert datapoint(alarm, n=49, x=0.05) is None
    assert breaches(alarm, n=50, x=0.05)
    assert not breaches(alarm, n=50, x=0.1)


def test_numbers_may_be_text_as_the_command_line_stores_them() -> None:
    assert parse_alarm(threshold="0.25", period="120").threshold == 0.25


@pytest.mark.parametrize("dimensions", [None, {}, [], "Variant", "$variant"])
def test_a_metric_without_dimensions_is_refused(dimensions: object) -> None:
    (found,) = mistakes(GIVEN | {"dimensions": dimensions})
    assert found.startswith("0.dimensions: ")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"severity": "P0"}, '0.severity: "P0" is not a severity; use P1'),
        ({"severity": "p1"}, '0.severity: "p1" is not a severity'),
        ({"comparison": "=>"}, '0.comparison: "=>" is not a comparison'),
        ({"statistic": "median"}, '0.statistic: "median" is not a statistic'),
        ({"statistic": "p99"}, "0.statistic: p99 of a variant with little traffic"),
        ({"statistic": "SampleCount", "threshold": 0}, "0.threshold: 0 is outside the metric's range"),
        ({"period": 45}, "0.period: 45 seconds is not a CloudWatch period"),
        ({"period": 60, "periods": 2000}, "0.periods: 2000 periods of 60 seconds are over a day"),
        ({"period": 3600, "periods": 200}, "0.periods: 200 periods of 3600 seconds are over seven days"),
        (
            {"period": 691_200},
            "0.period: 2 periods of 691200 seconds are over seven days (604800 seconds), the maximum with a period of "
            "an hour or more; use a period of 302400 seconds or less",
        ),
        ({"datapoints": 3}, "0.datapoints: 3 of 2 datapoints is impossible"),
        ({"threshold": "much"}, "0.threshold: 'much' is not a number"),
        ({"minimumSamples": 0}, "0.minimumSamples: 0 is too small"),
        ({"dimensions": {"Variant": "$model"}}, '0.dimensions.Variant: "$model" is not a placeholder; use $variant'),
        ({"dimensions": {"Variant": 3}}, "0.dimensions.Variant: 3 is not text"),
        ({"namespace": ":Shop"}, '0.namespace: ":Shop" is not a valid CloudWatch namespace'),
        ({"name": "Conversion rate"}, '0.name: "Conversion rate" is not a valid guardrail name'),
        ({"tresholt": 3}, "0.tresholt: unknown key; did you mean threshold?"),
    ],
)
def test_a_mistake_is_told_with_its_path_and_what_would_be_right(changed: dict[str, object], says: str) -> None:
    (found,) = mistakes(GIVEN | changed)
    assert found.startswith(says)


@pytest.mark.parametrize("key", ["name", "namespace", "metric", "statistic", "comparison", "threshold"])
def test_what_is_required_is_missed(key: str) -> None:
    assert mistakes({name: value for name, value in GIVEN.items() if name != key}) == [f"0.{key}: is missing"]


def test_two_of_one_name_are_refused() -> None:
    assert mistakes(GIVEN, GIVEN | {"metric": "Revenue"}) == [
        '1.name: "conversion" is also the name of guardrail 0; give each its own name'
    ]


def test_every_mistake_of_every_guardrail_is_named_at_once() -> None:
    found = mistakes(GIVEN | {"severity": "P9", "period": 61.5}, "conversion", GIVEN | {"name": "x", "threshold": None})
    assert [one.partition(":")[0] for one in found] == ["0.period", "0.severity", "1", "2.threshold"]


@pytest.mark.parametrize(
    ("periods", "path", "remedy"),
    [(200, "0.period:", "use a period of 420 seconds or less"), (9000, "0.periods:", "use 1440 periods or fewer")],
)
def test_a_period_that_is_suggested_is_one_that_is_accepted(periods: int, path: str, remedy: str) -> None:
    (found,) = mistakes(GIVEN | {"period": 691_200, "periods": periods})
    assert found.startswith(path)
    assert remedy in found
    assert parse_alarm(period=420, periods=200).period_s == 420
