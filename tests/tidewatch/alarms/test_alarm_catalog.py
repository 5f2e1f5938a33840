"""The catalog: every alarm the contract names, each able to fire and to clear, whatever the limits."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rehearsal.aws.cloudwatch import metric_statistics
from rehearsal.aws.cloudwatch.metric_math import parse_expression
from tests.tidewatch.alarms.alarm_datapoints import VARIANTS, custom_guardrail
from tidewatch import metrics
from tidewatch.alarms import (
    ALARM_RUNBOOKS,
    BUILT_IN_ALARM_KEYS,
    Alarm,
    AlarmThresholds,
    DimensionResolver,
    InvalidAlarms,
    MetricMath,
    MissingData,
    Severity,
    build_endpoint_alarms,
    build_variant_alarms,
)

NAMES = DimensionResolver(
    "tidewatch/dev/flights",
    "flights-4b53caf",
    "blue",
    {"rollback": "f-r", "drift": "f-d"},
    {"rollback": "q-r", "drift": "q-d"},
    {"break-glass": "r-b"},
)


def _limits() -> st.SearchStrategy[AlarmThresholds]:
    def values(each: dataclasses.Field[float]) -> st.SearchStrategy[float]:
        least, most, step = (each.metadata[key] for key in ("minimum", "maximum", "step"))
        if step:
            return st.integers(math.ceil(least / step), most // step).map(lambda number: number * step)
        return st.floats(least, most)

    return st.builds(AlarmThresholds, **{each.name: values(each) for each in dataclasses.fields(AlarmThresholds)})


SHARES = st.dictionaries(st.sampled_from(["blue", "green", "red", "grey"]), st.floats(0, 1), min_size=1)


def everything(limits: AlarmThresholds, variants: dict[str, float], gpus: int = 1) -> list[Alarm]:
    of_variants = build_variant_alarms(limits, variants, min(variants), gpu_count=gpus, custom=[custom_guardrail()])
    return [
        *(alarm for alarms in of_variants.values() for alarm in alarms),
        *build_endpoint_alarms(limits, list(variants), escalation_minutes=15),
    ]


@given(_limits(), SHARES, st.integers(0, 16))
def test_a_catalog_for_any_limits_passes_its_own_checks(
    limits: AlarmThresholds, variants: dict[str, float], gpus: int
) -> None:
    for alarm in everything(limits, variants, gpus):
        least, most = alarm.bounds
        assert least <= alarm.threshold <= most
        assert len(alarm.stats) <= 10
        assert alarm.period_s * alarm.periods <= (86_400 if alarm.period_s < 3600 else 604_800)
        for stat in alarm.stats:
            metric_statistics.require_known_statistic(stat.statistic)
        if isinstance(alarm.signal, MetricMath):
            assert parse_expression(alarm.signal.expression).names == set(alarm.signal.stats)
            assert len(alarm.signal.expression) <= 2048


@pytest.mark.parametrize("lasts", range(1, 11))
def test_one_burst_fires_an_alarm_once(lasts: int) -> None:
    """CloudWatch looks each minute, at periods that end with it: with some of them bad, a burst could pass by twice.

    Time is counted in fifths of a period. Periods of a minute do not slide.
    """
    for alarm in (one for one in everything(AlarmThresholds(), VARIANTS) if one.period_s > 60):
        looks = range(lasts + 5 * alarm.periods + 1)
        bad = [sum(0 <= now - 5 * back < lasts + 4 for back in range(alarm.periods)) for now in looks]
        firing = [count >= alarm.datapoints for count in bad]
        assert sum(now and not before for before, now in itertools.pairwise([False, *firing])) <= 1, alarm.key


@given(SHARES)
def test_every_metric_is_the_platforms_or_one_that_we_emit_or_the_users_own(variants: dict[str, float]) -> None:
    for alarm in everything(AlarmThresholds(), variants):
        for stat in alarm.stats:
            assert stat.dimension_values or stat.metric in (*metrics.EMITTED_METRICS, *metrics.PLATFORM_METRICS)


def test_every_alarm_of_the_catalog_is_there_and_no_other() -> None:
    found = {alarm.key for alarm in everything(AlarmThresholds(), VARIANTS)}
    assert found == {*BUILT_IN_ALARM_KEYS, "guardrail-metric-conversion"}
    assert len(BUILT_IN_ALARM_KEYS) == len(set(BUILT_IN_ALARM_KEYS))


def test_every_runbook_is_named_by_an_alarm() -> None:
    assert {alarm.runbook for alarm in everything(AlarmThresholds(), VARIANTS)} == set(ALARM_RUNBOOKS)


def test_every_statistic_finds_all_dimensions_of_its_metric() -> None:
    owned = [("green", alarm) for alarm in build_variant_alarms(AlarmThresholds(), VARIANTS, "blue")["green"]]
    own_guardrails = [("green", alarm) for alarm in [custom_guardrail()]]
    unowned = [("", alarm) for alarm in build_endpoint_alarms(AlarmThresholds(), list(VARIANTS), escalation_minutes=15)]
    for variant, alarm in (*owned, *own_guardrails, *unowned):
        for stat in alarm.stats:
            found = NAMES.resolve(stat, variant)
            assert all(found.values())
            assert stat.dimension_values or tuple(found) == stat.metric.dimensions


def test_a_champions_statistic_is_of_the_champion_and_the_rest_of_the_alarms_variant() -> None:
    alarm = next(
        one
        for one in build_variant_alarms(AlarmThresholds(), VARIANTS, "blue")["green"]
        if one.key == "guardrail-latency"
    )
    assert isinstance(alarm.signal, MetricMath)
    found = {part: NAMES.resolve(stat, "green")["VariantName"] for part, stat in alarm.signal.stats.items()}
    assert found == {"n": "green", "k": "blue", "t": "green", "c": "blue"}


def test_our_own_metrics_are_delivered_at_least_once_so_they_are_never_added_up() -> None:
    for alarm in everything(AlarmThresholds(), VARIANTS):
        for stat in alarm.stats:
            if stat.metric.namespace == metrics.NAMESPACE:
                assert stat.statistic in ("Maximum", "Minimum")


def test_there_is_a_page_only_for_what_users_feel_or_what_protects_them() -> None:
    pages = {alarm.key for alarm in everything(AlarmThresholds(), VARIANTS) if alarm.severity is Severity.P1}
    assert pages == {
        "server-errors",
        "guardrail-errors",
        "guardrail-model-errors",
        "guardrail-latency",
        "guardrail-metric-conversion",
        "many-features-drift",
        "rollback-pending",
        "rollback-failed",
        "rollback-blocked",
        "endpoint-not-in-service",
        "records-refused",
        "break-glass",
        "unacknowledged",
    }


def test_parents_are_alarms_of_the_same_catalog() -> None:
    for alarm in everything(AlarmThresholds(), VARIANTS):
        assert set(alarm.parents) <= set(BUILT_IN_ALARM_KEYS) - {alarm.key}


def test_what_machinery_says_of_itself_is_not_hidden_by_a_deployment() -> None:
    hidden = {
        alarm.key
        for alarm in build_endpoint_alarms(AlarmThresholds(), list(VARIANTS))
        if alarm.suppressed_by_deployment
    }
    assert hidden == {"capture-missing", "deployment-rolled-back"}


def test_without_variants_only_the_machinery_is_watched() -> None:
    keys = {alarm.key for alarm in build_endpoint_alarms(AlarmThresholds(), [])}
    assert "rollback-failed" in keys
    assert not keys & {"drift", "capture-missing", "drift-late"}


def test_without_the_drift_function_nothing_waits_for_what_it_says() -> None:
    alarms = build_endpoint_alarms(AlarmThresholds(), list(VARIANTS), drift=False)
    emitted = {stat.metric.name for alarm in alarms for stat in alarm.stats}
    assert not emitted & {"RecordsRead", "DriftSeverity", "DriftInsufficient"}
    assert not any(stat.source == "drift" for alarm in alarms for stat in alarm.stats)


def test_capture_of_a_part_of_the_requests_is_missed_at_more_of_them() -> None:
    found = {alarm.key: alarm for alarm in build_endpoint_alarms(AlarmThresholds(), ["blue"], capture_percent=10)}
    signal = found["capture-missing"].signal
    assert isinstance(signal, MetricMath)
    assert "IF((n0) >= 1000," in signal.expression


def test_an_endpoint_that_captures_nothing_has_no_alarm_on_records() -> None:
    keys = {alarm.key for alarm in build_endpoint_alarms(AlarmThresholds(), list(VARIANTS), capture_percent=0)}
    assert not keys & {"capture-missing", "records-rejected", "drift"}
    assert "drift-late" in keys


def test_a_guardrail_on_a_metric_of_the_catalog_has_its_range() -> None:
    with pytest.raises(ValidationError, match="5 is outside the metric's range, which is 0 to 1"):
        custom_guardrail(namespace="AWS/SageMaker", metric="Invocation5XXErrors", threshold=5, comparison=">")


def test_two_guardrails_of_one_name_are_refused() -> None:
    own = [custom_guardrail()]
    with pytest.raises(InvalidAlarms, match="is already the name of another alarm"):
        build_variant_alarms(AlarmThresholds(), VARIANTS, "blue", custom=(*own, *own))


def test_guardrails_take_missing_data_for_good() -> None:
    alarms = build_variant_alarms(AlarmThresholds(), VARIANTS, "blue")
    assert {one.missing for one in alarms["green"] if one.guardrail} == {MissingData.NOT_BREACHING}


def test_metrics_have_one_namespace_name_and_dimensions_each() -> None:
    listed = [
        (one.namespace, one.name, one.dimensions) for one in (*metrics.EMITTED_METRICS, *metrics.PLATFORM_METRICS)
    ]
    assert len(listed) == len(set(listed))
    assert all(
        one.upper_bound is None or one.lower_bound < one.upper_bound
        for one in (*metrics.EMITTED_METRICS, *metrics.PLATFORM_METRICS)
    )
