"""Compares a feature with its training data in up to four ways, each with an effect size and its evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tidewatch.arrays import Counts
from tidewatch.drift.reference import DECILES, CategoryFeature, Feature, NumericFeature
from tidewatch.drift.statistics.effect_sizes import (
    cdf_differences,
    js_distance,
    kl_divergence,
    merge_into_quantile_bins,
    psi,
)
from tidewatch.drift.statistics.hypothesis_tests import (
    CategoryCounts,
    category_p_value,
    histogram_p_value,
    ks_p_value,
    rate_p_value,
)

MIN_REPORTED_SHARE = 0.01
"""The least share that one bin of numbers must gain or lose to be mentioned in a sentence."""
ROUNDING_TOLERANCE = 1e-12
"""A change from 1% to 3% is two points, although its difference in floating point is less."""
_OTHER_VALUES_LABEL = "the values without a count of their own"


@dataclass(frozen=True)
class Comparison:
    """One comparison of production with training. Effect sizes are 0 if they do not apply."""

    p_value: float
    """The probability of a change at least this large by chance alone."""
    sentence: str
    """What changed, from what to what."""
    psi: float = 0.0
    share: float = 0.0
    """The largest share of values that one category, or one fine bin of numbers, gained or lost, or that moved among
    the values other than the commonest number."""
    rate: float = 0.0
    """The change of the share of missing rows or of unseen values."""


@dataclass(frozen=True)
class DistributionComparison:
    """The statistics of a feature's distribution against the training's."""

    comparison: Comparison
    psi: float
    ks: float | None
    """None for categories."""
    p_value: float
    """Of the KS statistic; for categories the same as the comparison's."""
    js: float
    kl: float


def compare_distributions(feature: Feature, counts: Counts) -> DistributionComparison:
    """Compares the values of production with the training's.

    For numbers, the evidence is three times the smallest p-value of KS, of chi-squared on the quantile bins, and of the
    fine bin whose share changed most, which is multiplied by the number of fine bins (Bonferroni). KS detects the
    slightest shift of the middle, chi-squared a change of spread or of the tails, and the fine bin one value that
    replaces others, to which both are nearly blind in a small window. The effect is PSI, or the share that the fine bin
    gained or lost. Zeros and ones are compared like categories, by the share of each. `counts` are a profile's, missing
    last. Raises ValueError if either side has no value.
    """
    if isinstance(feature, NumericFeature):
        found = _compare_numbers(feature, counts[:-1])
        return (
            replace(found, comparison=_compare_binary(feature, counts[:-1]).comparison) if feature.is_binary else found
        )
    return _compare_categories(feature, counts[:-1])


def _compare_numbers(feature: NumericFeature, counts: Counts) -> DistributionComparison:
    trained = np.asarray(feature.counts, np.int64)
    expected, actual = merge_into_quantile_bins(feature, trained), merge_into_quantile_bins(feature, counts)
    stability = psi(expected, actual)
    ks, p_value, histogram = _test_ordered_bins(trained, counts, expected, actual)
    index, share, single = _find_largest_bin_shift(trained, counts)
    evidence = min(1.0, 3 * min(p_value, histogram, single))
    sentence = (
        _describe_bin_shift(feature, index, trained, counts)
        if share > ks + ROUNDING_TOLERANCE
        else _describe_cdf_shift(feature, trained, counts)
    )
    distance, divergence = js_distance(expected, actual), kl_divergence(actual, expected)
    # Values that left a constant left its range: they are shown here, and only `compare_unseen_rates` judges them.
    effect = stability if feature.deciles else 0.0
    bin_note = (
        f"; one of {len(trained) - 2:,} narrow bins by {100 * share:.1f} points" if share >= MIN_REPORTED_SHARE else ""
    )
    comparison = Comparison(evidence, f"{sentence} (PSI {stability:.2f}{bin_note})", psi=effect, share=share)
    return DistributionComparison(comparison, stability, ks, p_value, distance, divergence)


def _test_ordered_bins(trained: Counts, counts: Counts, expected: Counts, actual: Counts) -> tuple[float, float, float]:
    """Returns KS of the fine bins, its p-value, and that of chi-squared on the coarse bins."""
    ks = float(np.abs(cdf_differences(trained, counts)).max())
    return ks, ks_p_value(ks, int(trained.sum()), int(counts.sum())), histogram_p_value(expected, actual)


def _find_largest_bin_shift(trained: Counts, counts: Counts) -> tuple[int, float, float]:
    """Finds the fine bin whose share of the values within the training's range changed most.

    Returns its index, the change, and its p-value times the number of fine bins. A fine bin has about a thousandth of
    the training's values unless many are equal. PSI sums the shares over tenths and hardly shows that zeros went from
    70% to 80%, or that one value replaced many others.
    """
    before, now = trained[1:-1], counts[1:-1]
    n, m = int(before.sum()), int(now.sum())
    if not n or not m:
        return 0, 0.0, 1.0
    shifts = np.abs(now / m - before / n)
    index = int(shifts.argmax())
    return index + 1, float(shifts[index]), len(before) * rate_p_value(int(before[index]), n, int(now[index]), m)


def _describe_cdf_shift(feature: NumericFeature, trained: Counts, counts: Counts) -> str:
    differences = np.abs(cdf_differences(trained, counts))
    index = int(differences.argmax())
    if differences[index] == 0.0:
        return "its values have the same distribution as in training"
    before, now = trained[: index + 1].sum() / trained.sum(), counts[: index + 1].sum() / counts.sum()
    edge = np.clip(feature.edges[index], feature.minimum, feature.maximum)
    return f"{before:.1%} of its values were below {edge:.4g} in training, {now:.1%} are now"


def _describe_bin_shift(feature: NumericFeature, index: int, trained: Counts, counts: Counts) -> str:
    before, now = trained[index] / trained[1:-1].sum(), counts[index] / counts[1:-1].sum()
    least, most = np.clip(feature.edges[index - 1 : index + 1], feature.minimum, feature.maximum)
    bin_range = f"{least:.4g} to {most:.4g}"
    return f"of its values in training's range {before:.1%} were {bin_range} in training, {now:.1%} are now"


def compare_uncommon_values(feature: Feature, counts: Counts, min_values: int) -> Comparison | None:
    """Compares all other numbers if one number is half of the training's values or more. Otherwise returns None.

    Next to 70% zeros, a doubling of all other numbers is a PSI of only 0.08. So the others are compared among
    themselves, over ten bins of their own. The effect is the share of all values that moved: the total variation
    distance of the others times their own share, the smaller of then and now. A PSI of so small a part would report
    drift if a hundredth of the rows moved. Also returns None if either side has fewer than `min_values` others. Zeros
    and ones have no others. `counts` are a profile's.
    """
    if not isinstance(feature, NumericFeature) or feature.is_binary:
        return None
    trained = np.asarray(feature.counts, np.int64)
    common = int(trained.argmax())
    if 2 * trained[common] < trained.sum():
        return None
    before, now = _zero_bin(trained, common), _zero_bin(counts[:-1], common)
    if min(before.sum(), now.sum()) < min_values:
        return None
    starts = _find_decile_starts(before)
    expected, actual = np.add.reduceat(before, starts), np.add.reduceat(now, starts)
    others = min(before.sum() / feature.total, now.sum() / counts[:-1].sum())
    share = float(others * np.abs(actual / actual.sum() - expected / expected.sum()).sum() / 2)
    evidence = min(1.0, 2 * min(_test_ordered_bins(before, now, expected, actual)[1:]))
    sentence = (
        f"beside its commonest value, {_describe_cdf_shift(feature, before, now)} (there, {share:.1%} of all its "
        "values moved)"
    )
    return Comparison(evidence, sentence, share=share)


def _zero_bin(counts: Counts, index: int) -> Counts:
    rest = counts.copy()
    rest[index] = 0
    return rest


def _find_decile_starts(trained: Counts) -> Counts:
    """Returns where up to ten bins of about equal count begin.

    The outer ones include values outside the training's range.
    """
    cumulative: Counts = np.cumsum(trained)
    targets = np.arange(1, DECILES) * (int(cumulative[-1]) / DECILES)
    ends = np.searchsorted(cumulative, targets)
    return np.unique(np.append(0, ends[cumulative[ends] < cumulative[-1]] + 1))


def _compare_categories(feature: CategoryFeature, counts: Counts) -> DistributionComparison:
    names = [f'"{feature.format_value(index)}"' for index in range(len(feature.values))]
    rest = np.asarray(feature.pool_counts, np.int64)
    expected_unseen_share, unseen_count = feature.singletons / feature.total, int(counts[-1])
    now = CategoryCounts(counts[: len(names)], counts[len(names) : -1])
    pools = np.array([feature.find_pool(value) for value in feature.values], np.int64)
    return _compare_category_counts(
        names,
        pools,
        CategoryCounts(np.asarray(feature.counts, np.int64), rest),
        now,
        unseen_count,
        expected_unseen_share,
    )


def _compare_binary(feature: NumericFeature, counts: Counts) -> DistributionComparison:
    """Compares zeros and ones in the same way as false and true."""
    trained = np.asarray(feature.counts, np.int64)
    order = 1 + np.argsort(-trained[1:-1], kind="stable")
    none = np.zeros(1, np.int64)
    names, unseen_count = [str(index - 1) for index in order.tolist()], int(counts[0] + counts[-1])
    return _compare_category_counts(
        names,
        np.zeros(2, np.int64),
        CategoryCounts(trained[order], none),
        CategoryCounts(counts[order], none),
        unseen_count,
        0.0,
    )


def _compare_category_counts(
    names: list[str],
    pools: Counts,
    trained: CategoryCounts,
    counts: CategoryCounts,
    unseen_count: int,
    expected_unseen_share: float,
) -> DistributionComparison:
    """Compares the shares of the named values, most frequent first, and of the others by pool.

    `pools` has the pool of each named value. `unseen_count` is the number of values that training did not have, and
    `expected_unseen_share` the share of all values that may be new without any drift. That many of them count among the
    others, where a later training would have them. The rest is shown, and only `compare_unseen_rates` judges it: PSI
    would grow with the size of the training data.
    """
    allowed = min(unseen_count, math.ceil(expected_unseen_share * (counts.total + unseen_count)))
    expected, actual = (
        trained.pooled_counts(),
        counts.pooled_counts() + np.append(np.zeros(len(names), np.int64), unseen_count),
    )
    stability = psi(expected, actual)
    known = CategoryCounts(counts.named_counts, counts.pool_counts + _distribute_to_pools(allowed, trained.pool_counts))
    comparison = Comparison(1.0, "none of its values were seen in training")
    if known.total:
        comparison = _compare_shares(names, pools, trained, known)
    distance, divergence = js_distance(expected, actual), kl_divergence(actual, expected)
    return DistributionComparison(comparison, stability, None, comparison.p_value, distance, divergence)


def _distribute_to_pools(count: int, rest: Counts) -> Counts:
    """Distributes a number of values to the pools in the proportion of the training's."""
    if not rest.sum():
        return np.append(count, np.zeros(len(rest) - 1, np.int64))
    cumulative = np.cumsum(rest) * count // rest.sum()
    return np.diff(cumulative, prepend=0)


def _compare_shares(names: list[str], pools: Counts, trained: CategoryCounts, known: CategoryCounts) -> Comparison:
    before, now = trained.all_counts() / trained.total, known.all_counts() / known.total
    index, stability = int(np.abs(now - before).argmax()), psi(trained.pooled_counts(), known.pooled_counts())
    other_label = _OTHER_VALUES_LABEL if len(trained.pool_counts) == 1 else f"some of {_OTHER_VALUES_LABEL}"
    return Comparison(
        category_p_value(trained, known, pools),
        f"{names[index] if index < len(names) else other_label} went from {before[index]:.1%} to {now[index]:.1%} of "
        "its values "
        f"(PSI {stability:.2f})",
        psi=stability,
        share=float(abs(now[index] - before[index])),
    )


def compare_missing_rates(feature: Feature, counts: Counts) -> Comparison:
    """Compares the share of rows without a value with the training's, in either direction."""
    rows, trained = int(counts.sum()), feature.total + feature.missing
    before, now = feature.missing / max(trained, 1), int(counts[-1]) / max(rows, 1)
    sentence = f"{before:.1%} of the rows had no value in training, {now:.1%} have none now"
    if not feature.total:
        sentence = f"{1 - now:.1%} of the rows have a value now, and training had none at all: its values are new"
    return Comparison(
        rate_p_value(feature.missing, trained, int(counts[-1]), rows),
        sentence,
        rate=abs(now - before),
    )


def count_unseen(feature: Feature, counts: Counts) -> int:
    """Counts the values that training did not have: new categories, and numbers outside its range."""
    if isinstance(feature, CategoryFeature):
        return int(counts[-2])
    return int(counts[0] + counts[-2]) if feature.edges else 0


def compare_unseen_rates(feature: Feature, counts: Counts) -> Comparison:
    """Compares the share of unseen values with the share expected from training data of that size.

    Some values are unseen without any drift. For categories, f1 singletons of n are expected (Good 1953). The unseen
    share then varies by chance with the variance (f1 + 2 f2) / n^2, where f2 values were seen twice (Robbins 1968,
    Annals of Mathematical Statistics 39, page 256; Esty 1983, Annals of Statistics 11, page 905). So the training is
    treated as a sample of n f1 / (f1 + 2 f2) with the same share of events, which has that variance.

    For numbers, 2 / (n + 1) are outside the range of n earlier ones (the rule of succession, one for each end). The
    probability that at least k of m are, for any continuous distribution, is the one-sided p-value of Fisher's test of
    k of m against 1 of n (Wilks 1942, Annals of Mathematical Statistics 13, page 400: the k are those before the second
    of the n, from outside inwards); ties make it smaller.

    Fewer unseen values than expected are no change. `counts` are a profile's.
    """
    values, found, trained = int(counts[:-1].sum()), count_unseen(feature, counts), feature.total
    if isinstance(feature, CategoryFeature):
        events, expected = feature.singletons, feature.singletons / max(trained, 1)
        dispersion = max((events + 2 * feature.doubletons) / max(events, 1), 1.0)
        sentence = "{:.1%} of its values were never seen in training; about {:.1%} were expected"
    else:
        events, expected, dispersion = 1, 0.0, 1.0
        sentence = f"{{:.1%}} of its values lie outside the training's {feature.minimum:.4g} to {feature.maximum:.4g}"
    rate = found / max(values, 1)
    more = found * trained > events * values
    return Comparison(
        rate_p_value(round(events / dispersion), max(round(trained / dispersion), 1), found, values) if more else 1.0,
        sentence.format(rate, expected),
        rate=max(rate - expected, 0.0),
    )
