"""Effect sizes on counts, with scipy and plain samples as the oracle."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tidewatch.arrays import Counts
from tidewatch.drift.reference import NumericFeature
from tidewatch.drift.statistics import effect_sizes, hypothesis_tests
from tidewatch.drift.statistics.effect_sizes import (
    cdf_differences,
    chi_squared,
    js_distance,
    kl_divergence,
    ks_statistic,
    likelihood_ratio,
    merge_into_quantile_bins,
    psi,
    smooth_shares,
)
from tidewatch.drift.training.reference_builder import build_reference

SCIPY: Any = stats
"""Whose results have fields that its types do not name."""

STATISTICS: tuple[Callable[[Counts, Counts], object], ...] = (
    psi,
    kl_divergence,
    js_distance,
    ks_statistic,
    chi_squared,
    likelihood_ratio,
    cdf_differences,
)
PAIRS = (
    st.integers(1, 30)
    .flatmap(lambda bins: arrays(np.int64, (2, bins), elements=st.integers(0, 10**9)))
    .filter(lambda pair: bool(pair.any(axis=1).all()))
)


def numeric(values: np.ndarray) -> NumericFeature:
    feature = build_reference({"x": values}).features[0]
    assert isinstance(feature, NumericFeature)
    return feature


def count_values(feature: NumericFeature, values: np.ndarray) -> Counts:
    bins = np.searchsorted(np.asarray(feature.edges), values, "right")
    return np.bincount(bins, minlength=len(feature.counts))


@pytest.mark.parametrize("module", [effect_sizes, hypothesis_tests])
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted >= 6
    assert not found.failed


@given(PAIRS)
def test_kl_is_scipys_entropy_of_the_smoothed_shares(pair: Counts) -> None:
    want = stats.entropy(smooth_shares(pair[1]), smooth_shares(pair[0]))
    assert kl_divergence(pair[1], pair[0]) == pytest.approx(want, rel=1e-9, abs=1e-12)


@given(PAIRS)
def test_js_is_scipys_distance_in_bits(pair: Counts) -> None:
    assert js_distance(pair[0], pair[1]) ** 2 == pytest.approx(jensenshannon(*pair, base=2) ** 2, rel=1e-9, abs=1e-12)


@given(PAIRS)
def test_psi_is_kl_in_both_directions_and_symmetric(pair: Counts) -> None:
    both = kl_divergence(pair[0], pair[1]) + kl_divergence(pair[1], pair[0])
    assert psi(pair[0], pair[1]) == pytest.approx(both, rel=1e-9, abs=1e-11)
    assert psi(pair[0], pair[1]) == pytest.approx(psi(pair[1], pair[0]), rel=1e-12, abs=1e-12)


@given(PAIRS)
def test_statistics_stay_within_their_ranges(pair: Counts) -> None:
    assert psi(pair[0], pair[1]) >= 0
    assert kl_divergence(pair[0], pair[1]) >= 0
    assert 0 <= js_distance(pair[0], pair[1]) <= 1
    assert 0 <= ks_statistic(pair[0], pair[1]) <= 1 + 1e-12
    statistic, df = chi_squared(pair[0], pair[1])
    assert statistic >= 0
    assert 0 <= df < pair.shape[1]


@given(PAIRS)
def test_a_sample_is_no_distance_from_itself(pair: Counts) -> None:
    for statistic in (psi, kl_divergence, js_distance, ks_statistic):
        assert statistic(pair[0], pair[0]) == pytest.approx(0, abs=1e-6)


def test_psi_stays_finite_where_a_bin_is_empty() -> None:
    expected, actual = np.array([100, 0]), np.array([0, 100])
    p = (100.5 / 101, 0.5 / 101)
    assert psi(expected, actual) == pytest.approx(2 * (p[0] - p[1]) * np.log(p[0] / p[1]))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_counts_of_different_bins_are_refused(statistic: Callable[[Counts, Counts], object]) -> None:
    with pytest.raises(ValueError, match="do not have the same bins"):
        statistic(np.array([1, 2]), np.array([1, 2, 3]))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_an_empty_sample_is_refused(statistic: Callable[[Counts, Counts], object]) -> None:
    with pytest.raises(ValueError, match="no distribution"):
        statistic(np.array([1, 2]), np.array([0, 0]))


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5, 2.0])
def test_ks_in_fine_bins_is_below_the_exact_one_by_at_most_the_largest_bin(shift: float) -> None:
    rng = np.random.default_rng(3)
    trained, now = rng.standard_normal(20_000), rng.standard_normal(7_000) + shift
    feature = numeric(trained)
    counts = count_values(feature, now)
    exact = SCIPY.ks_2samp(trained, now).statistic
    inner = slice(1, -1)  # the outer bins hold nothing of the training, so no step of either function is hidden there
    largest = max(max(feature.counts) / 20_000, counts[inner].max() / 7_000)
    found = ks_statistic(np.array(feature.counts), counts)
    assert exact - largest <= found <= exact + 1e-12
    assert exact - found < 0.0015


def test_ks_is_exact_for_few_distinct_values() -> None:
    rng = np.random.default_rng(4)
    trained, now = rng.integers(0, 24, 5_000).astype(float), rng.binomial(23, 0.5, 3_000).astype(float)
    feature = numeric(trained)
    found = ks_statistic(np.array(feature.counts), count_values(feature, now))
    assert found == pytest.approx(SCIPY.ks_2samp(trained, now).statistic, abs=1e-12)


def test_psi_of_quantile_bins_is_that_of_numpys_histogram_over_deciles() -> None:
    rng = np.random.default_rng(5)
    trained, now = rng.standard_normal(10_000), rng.standard_normal(10_000) * 1.5
    feature = numeric(trained)
    edges = np.array([-np.inf, *(feature.edges[at] for at in feature.deciles), np.inf])
    want = psi(np.histogram(trained, edges)[0], np.histogram(now, edges)[0])
    bins = merge_into_quantile_bins(feature, count_values(feature, now))
    assert psi(merge_into_quantile_bins(feature, np.array(feature.counts)), bins) == pytest.approx(want, rel=1e-12)
    assert len(bins) == 10
    assert bins.sum() == 10_000


def test_values_outside_the_training_fall_into_the_outer_quantile_bins() -> None:
    feature = numeric(np.arange(1000.0))
    bins = merge_into_quantile_bins(feature, count_values(feature, np.array([-5.0, 5000.0, 6000.0])))
    assert bins.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]


def test_a_constant_has_a_bin_of_its_own_between_two_of_other_values() -> None:
    feature = numeric(np.full(100, 3.0))
    assert merge_into_quantile_bins(feature, count_values(feature, np.array([2.0, 3.0, 4.0, 5.0]))).tolist() == [
        1,
        1,
        2,
    ]


def test_chi_squared_is_scipys_where_nothing_is_pooled() -> None:
    table = np.random.default_rng(6).integers(5, 500, (2, 12))
    found = chi_squared(table[0], table[1])
    want = SCIPY.chi2_contingency(table, correction=False)
    assert found == pytest.approx((want.statistic, want.dof), rel=1e-12)
    want = SCIPY.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    assert likelihood_ratio(table[0], table[1]) == pytest.approx((want.statistic, want.dof), rel=1e-9)


def test_a_category_that_is_gone_adds_nothing_to_the_likelihood_ratio() -> None:
    table = np.array([[100, 90, 80], [100, 90, 0]])
    want = SCIPY.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    assert likelihood_ratio(table[0], table[1]) == pytest.approx((want.statistic, 2), rel=1e-9)


def test_categories_expected_below_five_times_are_pooled_into_one() -> None:
    training, production = np.array([500, 480, 20, 15, 10]), np.array([90, 100, 6, 4, 0])
    want = SCIPY.chi2_contingency([[500, 480, 45], [90, 100, 10]], correction=False)
    assert chi_squared(training, production) == pytest.approx((want.statistic, 2), rel=1e-12)


def test_a_pool_expected_below_five_times_joins_the_smallest_category() -> None:
    training, production = np.array([500, 480, 2, 1]), np.array([90, 100, 1, 0])
    want = SCIPY.chi2_contingency([[500, 483], [90, 101]], correction=False)
    assert chi_squared(training, production) == pytest.approx((want.statistic, 1), rel=1e-12)


def test_chi_squared_has_nothing_to_say_where_all_is_pooled() -> None:
    assert chi_squared(np.array([1000, 1, 1]), np.array([2, 1, 1])) == pytest.approx((0.0, 0), abs=1e-12)
