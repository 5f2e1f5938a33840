"""P-values, with scipy as the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tidewatch.drift.reference import POOLS
from tidewatch.drift.statistics.hypothesis_tests import (
    MAX_EXACT_EXPECTED_COUNT,
    CategoryCounts,
    benjamini_hochberg,
    category_p_value,
    chi2_sf,
    histogram_p_value,
    kolmogorov_sf,
    ks_p_value,
    rate_p_value,
)

SCIPY: Any = stats
"""Whose results have fields that its types do not name."""

ZIPF = 1 / np.arange(1, 501)


def test_kolmogorovs_distribution_is_scipys_to_twelve_digits() -> None:
    points = np.concatenate([np.linspace(-1, 3, 4001), np.linspace(3, 20, 171)])
    found = np.array([kolmogorov_sf(x) for x in points])
    assert np.abs(found - special.kolmogorov(np.maximum(points, 0))).max() < 1e-12


def test_kolmogorovs_tail_keeps_its_digits() -> None:
    points = np.linspace(1, 18, 100)
    assert [kolmogorov_sf(x) for x in points] == pytest.approx(special.kolmogorov(points), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(10, 1_000), (50, 50), (50, 5_000), (100, 1_000)])
@pytest.mark.parametrize("want", [0.05, 1e-3, 1e-5])
def test_a_ks_p_value_is_on_the_safe_side_of_the_exact_one(n: int, m: int, want: float) -> None:
    rng = np.random.default_rng(1)
    one = np.sort(rng.random(n))
    # A sample that lies lower by just so much that the p-value is about `want`.
    two = rng.random(m) * (1 - np.sqrt(-np.log(want / 2) / 2 * (1 / n + 1 / m)))
    exact = SCIPY.ks_2samp(one, two, method="exact")
    assert exact.pvalue <= ks_p_value(float(exact.statistic), n, m) * 1.0001


def test_a_ks_p_value_of_large_samples_is_scipys() -> None:
    exact = SCIPY.ks_2samp(np.arange(3000) + 0.0, np.arange(2000) * 1.5 + 60.0, method="exact")
    assert ks_p_value(float(exact.statistic), 3000, 2000) == pytest.approx(exact.pvalue, rel=0.03)


def test_no_sample_is_no_evidence() -> None:
    assert ks_p_value(1.0, 0, 100) == 1.0
    assert rate_p_value(0, 0, 5, 10) == 1.0


@given(st.integers(1, 200), st.floats(0, 1e7))
@settings(max_examples=300)
def test_chi_squared_tails_are_scipys(df: int, x: float) -> None:
    want = stats.chi2.sf(x, df)
    if want > 1e-300:
        assert chi2_sf(x, df) == pytest.approx(want, rel=1e-9)
    else:
        assert chi2_sf(x, df) <= 1e-299


def test_no_degree_of_freedom_is_no_evidence() -> None:
    assert chi2_sf(100.0, 0) == 1.0
    assert chi2_sf(0.0, 3) == 1.0


SAMPLES = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
RARE = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, min(n, 40)), st.just(n)))


@given(RARE | SAMPLES, RARE | SAMPLES)
@settings(max_examples=300)
def test_two_rates_are_compared_as_scipy_compares_them(one: tuple[int, int], two: tuple[int, int]) -> None:
    (k1, n1), (k2, n2) = one, two
    table = [[k1, n1 - k1], [k2, n2 - k2]]
    events = min(k1 + k2, n1 + n2 - k1 - k2)
    found = rate_p_value(k1, n1, k2, n2)
    if events * min(n1, n2) <= MAX_EXACT_EXPECTED_COUNT * (n1 + n2):
        want = float(SCIPY.fisher_exact(table).pvalue)
    else:
        want = float(SCIPY.chi2_contingency(table, correction=False).pvalue)
    if want > 1e-290:
        assert found == pytest.approx(want, rel=1e-8)
    else:
        assert found <= 1e-289


@given(SAMPLES, SAMPLES)
def test_two_rates_have_no_order_and_their_complements_the_same_p_value(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    (k1, n1), (k2, n2) = one, two
    found = rate_p_value(k1, n1, k2, n2)
    assert rate_p_value(k2, n2, k1, n1) == pytest.approx(found, rel=1e-9)
    assert rate_p_value(n1 - k1, n1, n2 - k2, n2) == pytest.approx(found, rel=1e-9)


def test_rates_of_a_hundred_million_rows_are_compared_without_overflow() -> None:
    assert rate_p_value(10**6, 10**8, 10**6 + 3_000, 10**8) == pytest.approx(0.033, rel=0.05)
    assert rate_p_value(3, 10**8, 40, 10**8) == pytest.approx(
        float(stats.binomtest(3, 43, 0.5).pvalue), rel=1e-3
    )  # fmt: skip
    assert rate_p_value(0, 10**8, 10**8, 10**8) == 0.0


def test_more_events_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="not a rate"):
        rate_p_value(5, 4, 0, 10)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.sampled_from([0.001, 0.05, 0.3]))
def test_benjamini_hochberg_is_scipys(p_values: list[float], rate: float) -> None:
    rejected, adjusted = benjamini_hochberg(p_values, rate)
    assert adjusted == pytest.approx(stats.false_discovery_control(p_values), rel=1e-12)
    assert rejected.tolist() == (adjusted <= rate).tolist()


def test_benjamini_hochberg_takes_no_test_and_no_nonsense() -> None:
    rejected, adjusted = benjamini_hochberg([], 0.001)
    assert len(rejected) == len(adjusted) == 0
    with pytest.raises(ValueError, match="outside"):
        benjamini_hochberg([float("nan")], 0.001)


@pytest.mark.parametrize("shares", [np.full(10, 0.1), np.array([0.97, 0.02, 0.01])], ids=["tenths", "uneven"])
@pytest.mark.parametrize("size", [50, 500])
def test_a_histograms_p_value_keeps_its_promise_with_few_counts_a_bin(shares: np.ndarray, size: int) -> None:
    rng = np.random.default_rng(8)
    found = [
        histogram_p_value(rng.multinomial(1_000, shares), rng.multinomial(size, shares)) for _ in range(2_000)
    ]  # fmt: skip
    assert sum(p < 0.01 for p in found) <= stats.binom.ppf(0.999, 2_000, 0.01)
    assert min(found) > 1e-5


def shares_p_value(training: np.ndarray, other: int, production: np.ndarray, rest: int) -> float:
    """Where all others are in one pool."""
    one = np.zeros(len(training), np.int64)
    return category_p_value(
        CategoryCounts(training, np.array([other])), CategoryCounts(production, np.array([rest])), one
    )


def test_well_filled_categories_have_chi_squareds_p_value() -> None:
    table = np.array([[500, 300, 200], [260, 140, 120]])
    want = SCIPY.chi2_contingency(table, correction=False).pvalue
    assert shares_p_value(table[0], 0, table[1], 0) == pytest.approx(want, rel=1e-9)


def test_a_rare_value_that_becomes_frequent_in_a_small_window_is_evidence() -> None:
    assert shares_p_value(np.array([97_000, 2_000, 1_000]), 0, np.array([20, 30, 0]), 0) < 1e-20


def test_an_unseen_value_alone_in_a_window_is_evidence() -> None:
    assert shares_p_value(np.array([60_000, 40_000]), 0, np.array([0, 0]), 50) < 1e-5


@pytest.mark.parametrize("weights", [np.ones(100), np.ones(5_000), ZIPF], ids=["100 alike", "5000 alike", "zipf 500"])
@pytest.mark.parametrize("size", [500, 5_000, 50_000])
@pytest.mark.parametrize("pools", [1, POOLS])
def test_the_luck_of_being_among_the_most_frequent_is_no_evidence(weights: np.ndarray, size: int, pools: int) -> None:
    rng, shares = np.random.default_rng(7), weights / weights.sum()
    found: list[float] = []
    dealt = rng.integers(0, pools, len(weights))
    for _ in range(100):
        trained = rng.multinomial(1_000, shares)
        order = np.argsort(-trained, kind="stable")
        now = rng.multinomial(size, shares)[order]
        trained = trained[order]
        pool = dealt[order]
        before, after = (
            CategoryCounts(each[:50], np.bincount(pool[50:], each[50:], pools).astype(np.int64))
            for each in (trained, now)
        )
        found.append(category_p_value(before, after, pool[:50]))
    assert min(found) > 1e-5


def test_one_of_very_many_values_taking_over_is_evidence() -> None:
    training, production = np.full(50, 12), np.full(50, 4)
    production[7] = 150
    assert shares_p_value(training, 9_400, production, 2_000) < 1e-10
