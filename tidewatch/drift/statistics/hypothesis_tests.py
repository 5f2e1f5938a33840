"""P-values of the drift statistics, and the selection of significant ones among many tests.

The functions replace scipy, which adds 165 MB to a Lambda package and 0.7 s to a cold start; the tests compare them
with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidewatch.arrays import Counts, Floats
from tidewatch.drift.statistics.effect_sizes import (
    MIN_EXPECTED_COUNT,
    BinCounts,
    chi_squared,
    likelihood_ratio,
)

MAX_EXACT_EXPECTED_COUNT = 1000.0
"""The largest expected count for which two rates are compared exactly. Far out in the tail, where alarms are, the
normal approximation with 5 expected events is wrong by orders of magnitude, with 1000 by a factor below 2."""
SELECTION_SIGMAS = 6.0
"""How many standard deviations above the smallest separately counted value a value must be so that chance did not
select it."""


def kolmogorov_sf(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution, the limit of sqrt(n) times the KS statistic; 1 at x <= 0.

    It is 2 sum (-1)^(k-1) exp(-2 k^2 x^2) for x >= 1. Below 1, where that converges slowly, it is the theta transform 1
    - sqrt(2 pi) / x sum exp(-(2k - 1)^2 pi^2 / 8 x^2). Six terms of either are exact to 1e-14, so that it equals
    scipy.special.kolmogorov. Source: Kolmogorov 1933, Giornale dell'Istituto Italiano degli Attuari 4, page 83; Feller
    1948, Annals of Mathematical Statistics 19, pages 177 and 178.

    >>> round(kolmogorov_sf(1.0), 6)
    0.27
    """
    if x <= 0.0:
        return 1.0
    if x < 1.0:
        terms = (math.exp(-(((2 * k - 1) * math.pi / x) ** 2) / 8) for k in range(1, 7))
        return 1.0 - math.sqrt(2 * math.pi) / x * sum(terms)
    return 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 7))


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """P-value of a two-sample KS statistic of samples of sizes n and m: kolmogorov_sf(sqrt(n m / (n + m)) D).

    It is asymptotic, and conservative where it is not exact: for small samples (below the exact p-value's alarm levels
    from some 10 values on), for ties, and for a statistic at bin edges only, it is larger than the exact one. It is 1
    if a sample is empty. Source: Smirnov 1939; Noether 1963, Metrika 7, on discrete distributions.

    >>> round(ks_p_value(0.1, 500, 1000), 6)
    0.002545
    """
    if not n or not m:
        return 1.0
    return kolmogorov_sf(math.sqrt(n / (n + m) * m) * statistic)


def chi2_sf(x: float, df: int) -> float:
    """P(X > x) of the chi-squared distribution with `df` degrees of freedom, an integer; 1 without any, or at x <= 0.

    With h = x / 2 it is exp(-h) sum h^k / k! over k < df / 2 for even df, and erfc(sqrt h) + exp(-h) sum h^(k - 1/2) /
    Gamma(k + 1/2) over k = 1 .. (df - 1) / 2 for odd df. Each term is computed in logarithms, so that none overflows.
    It equals scipy.stats.chi2.sf to a relative 1e-9 down to 1e-300. Source: Abramowitz and Stegun 1964, 26.4.4 and
    26.4.5.

    >>> round(chi2_sf(5.0, 3), 6)
    0.171797
    """
    h = x / 2
    if df <= 0 or h <= 0.0:
        return 1.0
    first = 0.0 if df % 2 == 0 else 0.5
    terms = [math.exp((k + first) * math.log(h) - h - math.lgamma(k + first + 1)) for k in range(df // 2)]
    return min(math.fsum([*terms, math.erfc(math.sqrt(h))] if df % 2 else terms), 1.0)


def histogram_p_value(training: BinCounts, production: BinCounts) -> float:
    """P-value that two samples of counts in the same bins, of shape (B,), share one distribution.

    It is the larger of Pearson's and of the likelihood ratio's. With 5 expected in a bin and a p-value of 1e-5,
    Pearson's alone is some ten times too small; where one statistic errs in that direction, the other does not.

    >>> round(histogram_p_value(np.array([500, 300, 200]), np.array([10, 12, 28])), 12)
    1.11668e-07
    """
    return max(chi2_sf(*chi_squared(training, production)), chi2_sf(*likelihood_ratio(training, production)))


@dataclass(frozen=True, eq=False)
class CategoryCounts:
    """Counts of categories."""

    named_counts: Counts
    """The separately counted values, most frequent in training first, of shape (B,)."""
    pool_counts: Counts
    """All other values by pool, of shape (P,)."""

    @property
    def total(self) -> int:
        return int(self.named_counts.sum() + self.pool_counts.sum())

    def all_counts(self) -> Counts:
        """Returns the counts of all values and pools, of shape (B + P,)."""
        return np.append(self.named_counts, self.pool_counts)

    def pooled_counts(self) -> Counts:
        """Returns the counts with the others in one bin, of shape (B + 1,)."""
        return np.append(self.named_counts, self.pool_counts.sum())


def category_p_value(training: CategoryCounts, production: CategoryCounts, pools: Counts) -> float:
    """P-value that two samples of categories share one distribution.

    `pools` has the pool that each named value would be in as one of the others, of shape (B,).

    While every value is expected at least 5 times in both samples, the p-value is that of `chi_squared`. That test has
    two gaps. It does not detect a rare value that becomes frequent in a small window, because the value is pooled. And
    the training's counts decided which of very many values are counted separately, so values near the limit are there
    by chance and become rarer in production without any drift, while the others become more frequent.

    Values that may be there by chance therefore count as others in chi-squared, each in its pool, which depends on its
    hash and on no count. Values that are rare or there by chance are also tested one by one with `rate_p_value`, those
    there by chance only for a rise. The smallest of these p-values times their number is a second p-value (Bonferroni),
    and the result is twice the smaller of both.

    >>> trained = CategoryCounts(np.array([900, 95, 5]), np.array([0]))
    >>> round(category_p_value(trained, CategoryCounts(np.array([38, 5, 7]), np.array([0])), np.zeros(3, np.int64)), 9)
    9.62e-07
    """
    last = int(training.named_counts[-1]) if training.pool_counts.any() and len(training.named_counts) else 1
    is_reliable = training.named_counts >= last + SELECTION_SIGMAS * math.sqrt(last)
    trained, now = (
        _move_unreliable_to_pools(training, is_reliable, pools),
        _move_unreliable_to_pools(production, is_reliable, pools),
    )
    overall = chi2_sf(*chi_squared(trained, now))
    n, m = training.total, production.total
    rare = (training.named_counts + production.named_counts) * min(n, m) < MIN_EXPECTED_COUNT * (n + m)
    doubtful = np.flatnonzero(rare | ~is_reliable)
    if not len(doubtful):
        return overall
    rises = production.named_counts[doubtful] * n > training.named_counts[doubtful] * m
    smallest_p_value = min(
        (
            rate_p_value(int(training.named_counts[index]), n, int(production.named_counts[index]), m)
            for index, rose in zip(doubtful.tolist(), rises.tolist(), strict=True)
            if rose or is_reliable[index]
        ),
        default=1.0,
    )
    return min(1.0, 2 * min(overall, smallest_p_value * len(doubtful)))


def _move_unreliable_to_pools(counts: CategoryCounts, is_reliable: npt.NDArray[np.bool_], pools: Counts) -> Counts:
    """Returns the counts of the reliable values, then of the pools with all others."""
    moved_counts = np.zeros(len(counts.pool_counts), np.int64)
    np.add.at(moved_counts, pools[~is_reliable], counts.named_counts[~is_reliable])
    return np.append(counts.named_counts[is_reliable], counts.pool_counts + moved_counts)


def rate_p_value(k1: int, n1: int, k2: int, n2: int) -> float:
    """Two-sided p-value that k1 events among n1 and k2 among n2 have one rate; 1 if a sample is empty.

    It is Fisher's exact test while an expected count is at most 1000: the sum of the probabilities, given the margins,
    of all tables that are no likelier than this one (scipy.stats.fisher_exact); 0 if below about 1e-300. Above 1000 it
    is chi-squared with one degree of freedom without correction (scipy.stats.chi2_contingency). Source: Fisher 1934,
    Statistical Methods for Research Workers, 5th ed., section 21.02; Freeman and Halton 1951, Biometrika 38, page 141.

    >>> round(rate_p_value(10, 1000, 12, 500), 6)
    0.040632
    """
    for k, n in ((k1, n1), (k2, n2)):
        if not 0 <= k <= n:
            raise ValueError(f"{k} events among {n} are not a rate.")
    if n1 > n2:
        k1, n1, k2, n2 = k2, n2, k1, n1
    events, total = k1 + k2, n1 + n2
    if 2 * events > total:
        k1, k2, events = n1 - k1, n2 - k2, total - events
    if not n1 or not events:
        return 1.0
    if events * n1 > MAX_EXACT_EXPECTED_COUNT * total:
        return chi2_sf(float(total * (k1 * n2 - k2 * n1) ** 2 / (n1 * n2 * events * (total - events))), 1)
    return _compute_fisher_p_value(k1, n1, events, total)


def _compute_fisher_p_value(k: int, draws: int, events: int, total: int) -> float:
    """Returns the hypergeometric probabilities of `draws` from `total` with `events`, summed up to that of k.

    Their logarithms are sums of those of p(i + 1) / p(i), which is faster than log-gammas and loses no digits to
    cancellation. Beyond 45 standard deviations and 250 events from the mode no probability is above 1e-300.
    """
    others = total - draws
    mode = (draws + 1) * (events + 1) // (total + 2)
    spread = math.sqrt(draws / total * events * (total - events) / total * others / max(total - 1, 1))
    reach = int(45 * spread) + 250
    low, high = max(0, events - others, mode - reach), min(draws, events, mode + reach)
    if not low <= k <= high:
        return 0.0
    i = np.arange(low, high, dtype=np.float64)
    log_ratios = np.log((events - i) * (draws - i)) - np.log((i + 1) * (others - events + i + 1))
    logs = np.concatenate([[0.0], np.cumsum(log_ratios)])
    weights = np.exp(logs - logs.max())
    # Equally likely tables differ from this one in the last digits.
    return min(float(weights[logs <= logs[k - low] + 1e-9].sum() / weights.sum()), 1.0)


def benjamini_hochberg(p_values: Sequence[float] | Floats, rate: float) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Selects tests so that an expected share of at most `rate` of them is wrong.

    `p_values` has the shape (T,). Returns which are rejected and the adjusted p-values, of shape (T,) each. A test is
    rejected if its adjusted p-value, min over j >= i of p_(j) T / j, is at most `rate`. If nothing drifts, any
    rejection is wrong, so `rate` also bounds the probability of one. It holds for independent and for positively
    dependent tests. The adjusted values equal scipy.stats.false_discovery_control. Source: Benjamini and Hochberg 1995,
    J. R. Stat. Soc. B 57, page 293; Benjamini and Yekutieli 2001, Annals of Statistics 29, page 1169. Raises ValueError
    on p-values outside [0, 1].

    >>> benjamini_hochberg([0.0001, 0.03, 0.5], 0.05)[0].tolist()
    [True, True, False]
    """
    values = np.asarray(p_values, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("A p-value lies outside [0, 1].")
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted <= rate, adjusted
