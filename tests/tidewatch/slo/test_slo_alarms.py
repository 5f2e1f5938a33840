"""The alarms of objectives: what burns fast enough fires, at any traffic, and what a promise may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.aws.cloudwatch.metric_math import parse_expression
from tests.tidewatch.alarms.alarm_datapoints import breaches, datapoint, evaluate_rule
from tidewatch import metrics, slo
from tidewatch.alarms import (
    BUILT_IN_ALARM_KEYS,
    Alarm,
    AlarmThresholds,
    DimensionResolver,
    InvalidAlarms,
    MetricStat,
    Severity,
    build_endpoint_alarms,
    build_variant_alarms,
)
from tidewatch.slo import Objective

THREE_NINES = 0.001
VARIANTS = ["green", "blue"]


def alarms(objective: Objective) -> dict[str, Alarm]:
    return {alarm.key: alarm for alarm in slo.build_slo_alarms(objective, VARIANTS)}


def firing(objective: Objective, ratios: dict[int, float], used: float = 0, requests: float = 1e6) -> set[str]:
    """The composites that hold, with these ratios of 5xx over windows by their seconds."""
    hit = {
        alarm.key
        for alarm in alarms(objective).values()
        if (alarm.key.endswith("budget-used") and used >= alarm.threshold)
        or (
            not alarm.key.endswith("budget-used") and breaches(alarm, n0=requests, b0=ratios[alarm.period_s] * requests)
        )
    }
    return {one.key for one in slo.build_slo_composites(objective) if evaluate_rule(one.rule, hit)}


def everywhere(ratio: float) -> dict[int, float]:
    return dict.fromkeys((300, 1800, 3600, 7200, 21_600, 86_400), ratio)


@given(st.floats(50, 99.999))
def test_a_total_outage_fires_every_burn_rate_whatever_was_promised(percent: float) -> None:
    objective = Objective("availability", percent)
    assert firing(objective, everywhere(1.0)) == {
        f"availability-{name}" for name in ("burn-fast", "burn", "burn-slow", "budget-half")
    }
    thresholds = [burn.compute_threshold(objective.budget) for burn in slo.BURN_RATE_ALERTS]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] < 1
    assert thresholds[2] > objective.budget


def test_where_a_rate_can_be_reached_it_is_the_workbooks() -> None:
    for burn in slo.BURN_RATE_ALERTS:
        assert burn.compute_threshold(THREE_NINES) == burn.rate * THREE_NINES


@pytest.mark.parametrize(
    ("burn", "expected"),
    [
        (0.4, set[str]()),
        (0.6, {"budget-half"}),
        (3.1, {"budget-half", "burn-slow"}),
        (6.1, {"budget-half", "burn-slow", "burn"}),
        (14.5, {"budget-half", "burn-slow", "burn", "burn-fast"}),
    ],
)
def test_a_steady_burn_fires_what_it_exceeds(burn: float, expected: set[str]) -> None:
    found = firing(Objective("availability", 99.9), everywhere(burn * THREE_NINES))
    assert found == {f"availability-{name}" for name in expected}


def test_what_no_longer_burns_clears_with_the_short_window() -> None:
    over = everywhere(0.02) | {300: 0.0}
    assert "availability-burn-fast" not in firing(Objective("availability", 99.9), over)
    assert "availability-burn-fast" in firing(Objective("availability", 99.9), over | {300: 0.02})


def test_a_short_burst_alone_fires_nothing() -> None:
    assert not firing(Objective("availability", 99.9), everywhere(0.0001) | {300: 1.0})


def test_a_single_failure_at_little_traffic_wakes_nobody() -> None:
    assert not firing(Objective("availability", 99.9), everywhere(0.1), requests=10)
    assert firing(Objective("availability", 99.9), everywhere(1), requests=10)


def test_a_budget_that_is_used_up_pages_only_while_it_still_burns() -> None:
    objective = Objective("availability", 99.9)
    assert "availability-budget" in firing(objective, everywhere(0.002), used=1.1)
    assert "availability-budget" not in firing(objective, everywhere(0.0), used=1.1)
    assert "availability-budget" not in firing(objective, everywhere(0.002) | {1800: 0.0}, used=1.1)
    assert "availability-budget" not in firing(objective, everywhere(0.002), used=0.9)
    page = next(one for one in slo.build_slo_composites(objective) if one.key == "availability-budget")
    assert page.severity is Severity.P1


def test_availability_counts_5xx_of_all_variants_together() -> None:
    alarm = alarms(Objective("availability", 99))["availability-burning-short"]
    assert breaches(alarm, n0=950, n1=50, b0=0, b1=11)
    assert not breaches(alarm, n0=950, n1=50, b0=0, b1=10)
    assert breaches(alarm, n1=50, b1=50)


@pytest.mark.parametrize("kind", ["availability", "latency"])
def test_once_requests_stop_no_older_window_is_judged_in_the_place_of_an_empty_one(kind: str) -> None:
    for alarm in slo.build_slo_alarms(Objective(kind, 99, milliseconds=200), ["blue", "green"]):  # type: ignore[arg-type]
        if not alarm.key.endswith("budget-used"):
            assert datapoint(alarm, o=0) == 0, alarm.key


def test_latency_counts_predictions_over_the_limit_in_microseconds() -> None:
    alarm = alarms(Objective("latency", 99, milliseconds=200))["latency-burning-short"]
    of_latency = {stat.statistic for stat in alarm.stats if stat.metric is metrics.MODEL_LATENCY}
    assert of_latency == {"SampleCount", "TC(:200000)"}
    assert breaches(alarm, n0=950, n1=50, g0=950, g1=39)
    assert not breaches(alarm, n0=950, n1=50, g0=950, g1=40)
    assert breaches(alarm, n0=10)


@given(
    st.sampled_from(["availability", "latency"]),
    st.floats(50, 99.999),
    st.sampled_from([28, 30]),
    st.floats(1, 50_000),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
)
def test_alarms_of_any_objective_pass_their_own_checks(
    kind: Any, percent: float, days: int, milliseconds: float, variants: list[str]
) -> None:
    objective = Objective(kind, percent, days, milliseconds)
    found = slo.build_slo_alarms(objective, variants)
    known = {alarm.key for alarm in found}
    names = DimensionResolver("tidewatch/dev/flights", "flights-1", "", {}, {})
    for alarm in found:
        assert not alarm.notifies
        assert alarm.runbook == objective.runbook
        for stat in alarm.stats:
            assert stat.metric in (*metrics.EMITTED_METRICS, *metrics.PLATFORM_METRICS)
            assert all(names.resolve(stat).values())
        if not isinstance(alarm.signal, MetricStat):
            assert parse_expression(alarm.signal.expression).names == set(alarm.signal.stats)
    composites = slo.build_slo_composites(objective)
    assert {child for one in composites for child in one.children} == known
    assert {parent for one in composites for parent in one.parents} <= {one.key for one in composites} | set(
        BUILT_IN_ALARM_KEYS
    )


def test_keys_of_objectives_and_of_the_catalog_are_distinct() -> None:
    limits = AlarmThresholds()
    keys = [alarm.key for alarm in build_variant_alarms(limits, {"blue": 1, "green": 0}, "blue")["green"]]
    keys += [alarm.key for alarm in build_endpoint_alarms(limits, VARIANTS)]
    for objective in (Objective("availability", 99.9), Objective("latency", 99, milliseconds=200)):
        keys += [alarm.key for alarm in slo.build_slo_alarms(objective, VARIANTS)]
        keys += [one.key for one in slo.build_slo_composites(objective)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"percent": 100}, "percent: 100 leaves no error budget; use at most 99.9999, like 99.9"),
        ({"percent": 99.9999999999999}, "percent: 100 leaves no error budget"),
        ({"percent": 120}, "percent: 120 leaves no error budget"),
        ({"percent": float("nan")}, "percent: nan leaves no error budget"),
        ({"percent": 49.9}, "percent: 49.9 is too low for an objective; use 50 or more"),
        ({"days": 365}, "days: 365 is not a supported window; use 28 or 30"),
        ({"kind": "latency"}, "milliseconds: is missing"),
        ({"kind": "latency", "milliseconds": 0}, "milliseconds: 0 is out of range"),
        ({"kind": "latency", "milliseconds": 70_000}, "milliseconds: 70000 is out of range"),
    ],
)
def test_an_objective_that_cannot_be_kept_or_told_is_refused_with_its_path(given_: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidAlarms) as found:
        Objective(**{"kind": "availability", "percent": 99.9} | given_)
    assert str(found.value).startswith(says)
