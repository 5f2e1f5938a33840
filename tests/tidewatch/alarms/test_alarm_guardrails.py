"""A challenger is rolled back for what the champion does not do, soon, and not by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tests.tidewatch.alarms.alarm_datapoints import VARIANTS, breaches, datapoint, evaluate_rule, state, variant
from tidewatch.alarms import (
    Alarm,
    AlarmThresholds,
    MetricMath,
    MissingData,
    build_guardrail_composite,
    build_variant_alarms,
)
from tidewatch.alarms.expressions import STANDARD_ERRORS

MINUTES_A_YEAR = 365 * 24 * 60
BUILT_IN = ("guardrail-errors", "guardrail-model-errors", "guardrail-latency")


def rolled_back_a_year(rate: float, requests: int, champion: int) -> float:
    """How often two of three minutes breach in a year, where both fail at the same rate: exactly, from binomials."""
    limits = AlarmThresholds()
    bad = np.arange(requests + 1)[:, None]
    lowest, highest = (float(binom.ppf(tail, champion, rate)) for tail in (1e-13, 1 - 1e-13))
    beside = np.arange(lowest, highest + 1)[None, :]
    pooled = (bad + beside) / (requests + champion)
    noise = np.sqrt(np.maximum(pooled * (1 - pooled), 0) * (1 / requests + 1 / champion))
    excess = bad / requests - beside / champion - STANDARD_ERRORS * noise
    hit = (excess > limits.guardrail_error_points / 100) & (bad >= limits.minimum_errors)
    chance = binom.pmf(bad, requests, rate) * binom.pmf(beside, champion, rate)
    return 3 * float((hit * chance).sum()) ** 2 * MINUTES_A_YEAR


@pytest.mark.parametrize("rate", [0.001, 0.002, 0.005, 0.01])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8, 0.95])
def test_a_challenger_no_worse_than_the_champion_is_rolled_back_less_than_once_in_twenty_years(
    rate: float, share: float
) -> None:
    for requests in (20, 30, 50, 100, 200, 1000):
        champion = max(round(requests * (1 - share) / share), 1)
        assert rolled_back_a_year(rate, requests, champion) < 0.05


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.3, 0.5])
def test_where_both_are_bad_chance_rolls_back_a_few_times_a_year_at_most(rate: float) -> None:
    for requests, champion in ((20, 20), (20, 380), (50, 50), (50, 950), (200, 50), (1000, 19_000)):
        assert rolled_back_a_year(rate, requests, champion) < 3


def test_the_expression_is_what_was_computed() -> None:
    alarm = variant("guardrail-errors")
    found = datapoint(alarm, n=50, k=950, b=10, d=5)
    pooled = 15 / 1000
    expected = 10 / 50 - 5 / 950 - STANDARD_ERRORS * (pooled * (1 - pooled) * (1 / 50 + 1 / 950)) ** 0.5
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("key", ["guardrail-errors", "guardrail-model-errors"])
def test_a_challenger_that_fails_beside_a_good_champion_breaches(key: str) -> None:
    assert breaches(variant(key), n=20, k=380, b=20, d=0)
    assert breaches(variant(key), n=50, k=950, b=10, d=1)


@pytest.mark.parametrize("key", ["guardrail-errors", "guardrail-model-errors"])
def test_where_both_fail_alike_nothing_breaches(key: str) -> None:
    assert not breaches(variant(key), n=50, k=950, b=50, d=950)
    assert not breaches(variant(key), n=50, k=950, b=14, d=190)


@pytest.mark.parametrize("key", ["guardrail-errors", "guardrail-model-errors"])
def test_few_requests_or_a_single_failure_say_nothing(key: str) -> None:
    assert datapoint(variant(key), n=19, k=950, b=19, d=0) == 0
    assert datapoint(variant(key), n=20, k=950, b=4, d=0) == 0


def test_a_challenger_that_fails_alone_breaches_without_a_champion_to_compare_with() -> None:
    assert breaches(variant("guardrail-errors"), n=50, b=25)
    assert breaches(variant("guardrail-errors"), n=20, b=20)


def test_refused_requests_roll_back_only_beside_a_champion_that_does_not_refuse() -> None:
    alarm = variant("guardrail-model-errors")
    assert not breaches(alarm, n=50, b=50)
    assert not breaches(alarm, n=50, b=50, k=19, d=0)
    assert breaches(alarm, n=50, b=50, k=20, d=0)


def test_latency_is_compared_as_a_ratio_of_trimmed_means() -> None:
    alarm = variant("guardrail-latency")
    assert datapoint(alarm, n=100, k=380, t=80_000, c=40_000) == 2
    assert breaches(alarm, n=100, k=380, t=80_000, c=40_000)
    assert not breaches(alarm, n=100, k=380, t=60_000, c=40_000)
    assert not breaches(alarm, n=100, k=380, t=2_000_000, c=2_000_000)


def test_a_few_milliseconds_are_no_difference_however_large_their_ratio() -> None:
    assert not breaches(variant("guardrail-latency"), n=100, k=380, t=15_000, c=1_000)


@pytest.mark.parametrize("beside", [{}, {"k": 3.0, "c": 400_000.0}])
def test_without_a_champion_to_compare_with_latency_has_its_absolute_limit(beside: dict[str, float]) -> None:
    alarm = variant("guardrail-latency")
    assert not breaches(alarm, n=100, t=490_000, **beside)
    assert breaches(alarm, n=100, t=510_000, **beside)


def test_latency_is_not_compared_over_so_few_requests_that_a_long_tail_would_tell() -> None:
    alarm = variant("guardrail-latency")
    assert not breaches(alarm, n=99, k=380, t=800_000, c=40_000)
    assert breaches(
        variant("guardrail-latency", limits=AlarmThresholds(guardrail_latency_requests=20)), n=20, k=380, t=8e5, c=4e4
    )


@pytest.mark.parametrize("key", BUILT_IN)
def test_from_the_first_bad_datapoint_to_alarm_it_takes_at_most_two_periods_of_a_minute(key: str) -> None:
    alarm = variant(key)
    bad = alarm.threshold + 0.1
    assert alarm.period_s == 60
    assert state(alarm, [0, 0, 0, 0, bad]) == "OK"
    assert state(alarm, [0, 0, 0, bad, bad]) == "ALARM"
    assert state(alarm, [0, 0, bad, 0, bad]) == "ALARM"


@pytest.mark.parametrize("key", BUILT_IN)
def test_a_variant_without_traffic_clears(key: str) -> None:
    alarm = variant(key)
    assert alarm.missing is MissingData.NOT_BREACHING
    # After a rollback the champion still serves, and the variant has no datapoint.
    assert not breaches(alarm, k=400, **({"c": 40_000} if "c" in expression(alarm).stats else {"d": 0}))
    assert state(alarm, [None] * 5) == "OK"


def test_the_champion_is_not_compared_with_itself() -> None:
    alarms = build_variant_alarms(AlarmThresholds(), VARIANTS, "blue")
    assert not any(alarm.guardrail for alarm in alarms["blue"])
    assert build_guardrail_composite(alarms["blue"]) is None


def test_any_guardrail_rolls_back_and_no_deployment_suppresses_it() -> None:
    alarms = build_variant_alarms(AlarmThresholds(), VARIANTS, "blue")["green"]
    found = build_guardrail_composite(alarms)
    assert found is not None
    assert found.children == BUILT_IN
    assert all(evaluate_rule(found.rule, [key]) for key in BUILT_IN)
    assert not evaluate_rule(found.rule, ["server-errors"])
    assert not hasattr(found, "suppressed_by_deployment")
    assert not any(alarm.suppressed_by_deployment for alarm in alarms if alarm.guardrail)


def test_no_guardrail_waits_for_a_percentile_or_fills_in_a_late_datapoint() -> None:
    for alarm in build_variant_alarms(AlarmThresholds(), VARIANTS, "blue")["green"]:
        if alarm.guardrail:
            assert_steady(alarm)


def expression(alarm: Alarm) -> MetricMath:
    assert isinstance(alarm.signal, MetricMath)
    return alarm.signal


def assert_steady(alarm: Alarm) -> None:
    assert not [stat for stat in alarm.stats if stat.statistic.startswith("p")]
    assert "FILL" not in expression(alarm).expression
