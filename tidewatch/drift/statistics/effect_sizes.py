"""Effect sizes: how different two histograms with the same bins are, regardless of chance (see hypothesis_tests)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tidewatch.arrays import Counts, Floats
from tidewatch.drift.reference import NumericFeature

PSEUDO_COUNT = 0.5
"""Added to every bin by PSI and KL: Jeffreys' prior for a multinomial (Jeffreys 1946, Proc. R. Soc. A 186)."""
MIN_EXPECTED_COUNT = 5.0
"""Chi-squared pools categories with a smaller expected count (Cochran 1954, Biometrics 10, page 420)."""

BinCounts = npt.NDArray[np.integer[Any]]
"""Integer counts of shape (B,), one per bin."""


def psi(expected: BinCounts, actual: BinCounts) -> float:
    """Population stability index: sum over bins of (q_i - p_i) ln(q_i / p_i), in nats; 0 if the shares are equal.

    `expected` and `actual` are counts in the same B bins, of shape (B,). p_i = (c_i + 0.5) / (n + 0.5 B), so that an
    empty bin stays finite; the smoothing moves small samples closer to each other, by about B / 2n of a share. It is
    Jeffreys' divergence, symmetric, KL(p||q) + KL(q||p). Without any drift its expectation is about (B - 1)(1/n + 1/m):
    0.18 for ten bins and a window of 50, so alone it proves nothing there. The customary limits 0.1 and 0.2 come from
    credit scoring. Source: Siddiqi 2006, Credit Risk Scorecards, Wiley, page 137; its distribution: Yurdakul and
    Naranjo 2020, Journal of Risk Model Validation 14(4). Raises ValueError on other shapes, or counts that are all
    zero.

    >>> drawn = np.random.default_rng(1).multinomial
    >>> round(psi(drawn(1000, [0.2, 0.3, 0.5]), drawn(1000, [0.3, 0.3, 0.4])), 6)
    0.081805
    """
    _require_same_bins(expected, actual)
    p, q = smooth_shares(expected), smooth_shares(actual)
    return float(((q - p) * np.log(q / p)).sum())


def smooth_shares(counts: BinCounts) -> Floats:
    """Returns the shares of the bins, none of them 0: (c_i + 0.5) / (n + 0.5 B). Shape (B,) in and out."""
    return (counts + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * len(counts))


def kl_divergence(production: BinCounts, training: BinCounts) -> float:
    """Kullback-Leibler divergence KL(production || training) = sum q_i ln(q_i / p_i), in nats; at least 0.

    Both are counts in the same bins, of shape (B,), smoothed as in `psi`. It is not symmetric, and libraries differ in
    the direction: this one weights the bins by the present traffic, and grows without limit where the training had
    nothing. It equals scipy.stats.entropy(q, p) of the smoothed shares. Source: Kullback and Leibler 1951, Annals of
    Mathematical Statistics 22, page 80. Raises ValueError on other shapes, or counts that are all zero.

    >>> drawn = np.random.default_rng(1).multinomial
    >>> round(kl_divergence(drawn(1000, [0.3, 0.3, 0.4]), drawn(1000, [0.2, 0.3, 0.5])), 6)
    0.024824
    """
    _require_same_bins(production, training)
    q, p = smooth_shares(production), smooth_shares(training)
    return max(float((q * np.log(q / p)).sum()), 0.0)


def js_distance(training: BinCounts, production: BinCounts) -> float:
    """Jensen-Shannon distance: sqrt of the mean of KL(p || m) and KL(q || m) in bits, m = (p + q) / 2; from 0 to 1.

    Both are counts in the same bins, of shape (B,), not smoothed: an empty bin adds 0. It is symmetric and a metric,
    and equals scipy.spatial.distance.jensenshannon(p, q, base=2). Without any drift it is about sqrt((B - 1)(1/n + 1/m)
    / 8 ln 2). Source: Lin 1991, IEEE Transactions on Information Theory 37, page 147; a metric: Endres and Schindelin
    2003, ibid. 49, page 1858. Raises ValueError on other shapes, or counts that are all zero.

    >>> drawn = np.random.default_rng(1).multinomial
    >>> round(js_distance(drawn(1000, [0.2, 0.3, 0.5]), drawn(1000, [0.3, 0.3, 0.4])), 6)
    0.121319
    """
    _require_same_bins(training, production)
    p, q = training / training.sum(), production / production.sum()
    middle = (p + q) / 2
    bits = (_compute_relative_entropy(p, middle) + _compute_relative_entropy(q, middle)) / 2
    return min(max(bits, 0.0), 1.0) ** 0.5


def _compute_relative_entropy(shares: Floats, others: Floats) -> float:
    is_positive = shares > 0
    return float((shares[is_positive] * np.log2(shares[is_positive] / others[is_positive])).sum())


def ks_statistic(training: BinCounts, production: BinCounts) -> float:
    """Kolmogorov-Smirnov statistic: the largest difference of the two distribution functions; from 0 to 1.

    Both are counts in the same bins in ascending order, of shape (B,). The functions are compared only at the bins'
    edges, so it is at most the exact statistic, and less than it by at most the mass of the largest bin in either
    sample: a thousandth with untied values in a reference's quantile bins; exact if no bin holds two distinct values.
    Ties do not harm it, only its p-value (see hypothesis_tests.ks_p_value). Source: Smirnov 1939, Bulletin Math. Univ.
    Moscou 2(2); Hodges 1958, Arkiv foer Matematik 3, page 469. Raises ValueError on other shapes, or counts that are
    all zero.

    >>> drawn = np.random.default_rng(1).multinomial
    >>> round(ks_statistic(drawn(1000, [0.2, 0.3, 0.5]), drawn(1000, [0.3, 0.3, 0.4])), 6)
    0.128
    """
    return float(np.abs(cdf_differences(training, production)).max())


def cdf_differences(training: BinCounts, production: BinCounts) -> Floats:
    """Returns production's distribution function minus the training's at each bin's upper edge. Shape (B,) in and out.

    It is positive where production is lower. Raises ValueError on other shapes, or counts that are all zero.
    """
    _require_same_bins(training, production)
    return np.cumsum(production) / production.sum() - np.cumsum(training) / training.sum()


def chi_squared(training: BinCounts, production: BinCounts) -> tuple[float, int]:
    """Returns Pearson's statistic that two samples share one distribution, and its degrees of freedom.

    Both are counts of the same categories, of shape (B,). The statistic is the sum over samples and categories of (o -
    e)^2 / e, where e = category's total * sample's size / total. Categories expected fewer than 5 times in either
    sample are pooled into one; if that one is expected fewer than 5 times, it joins the smallest of the others. The
    pooling depends only on the totals, which preserves the level of the test. B' remaining categories give B' - 1
    degrees of freedom; (0.0, 0) if one remains. It equals scipy.stats.chi2_contingency(correction=False) of the pooled
    table. The statistic grows with the sample sizes, so it is no effect size. Source: Pearson 1900, Philosophical
    Magazine 50, page 157; Pearson 1911, Biometrika 8, page 250. Raises ValueError on other shapes, or counts that are
    all zero.

    >>> drawn = np.random.default_rng(1).multinomial
    >>> statistic, df = chi_squared(drawn(1000, [0.2, 0.3, 0.5]), drawn(1000, [0.3, 0.3, 0.4]))
    >>> round(statistic, 6), df
    (40.588274, 2)
    """
    observed, expected = _build_contingency_tables(training, production)
    return float(((observed - expected) ** 2 / expected).sum()), observed.shape[1] - 1


def likelihood_ratio(training: BinCounts, production: BinCounts) -> tuple[float, int]:
    """Returns the likelihood-ratio statistic G that two samples share one distribution, and its degrees of freedom.

    It is 2 sum o ln(o / e) over the table of `chi_squared`, pooled in the same way: asymptotically the same, but with
    other errors while expected counts are near 5. There Pearson's tail is too heavy above the expectation, and this
    one's below it. It equals scipy.stats.chi2_contingency(correction=False, lambda_="log-likelihood") of the pooled
    table. Source: Wilks 1935, Annals of Mathematical Statistics 6, page 190; the errors: Larntz 1978, J. Am. Stat.
    Assoc. 73, page 253. Raises ValueError on other shapes, or counts that are all zero.

    >>> drawn = np.random.default_rng(1).multinomial
    >>> statistic, df = likelihood_ratio(drawn(1000, [0.2, 0.3, 0.5]), drawn(1000, [0.3, 0.3, 0.4]))
    >>> round(statistic, 6), df
    (40.807907, 2)
    """
    observed, expected = _build_contingency_tables(training, production)
    logs = np.log(np.where(observed > 0, observed, 1.0) / expected)
    return max(2 * float((observed * logs).sum()), 0.0), observed.shape[1] - 1


def _build_contingency_tables(training: BinCounts, production: BinCounts) -> tuple[Floats, Floats]:
    """Returns observed and, for one distribution, expected counts of the pooled categories, of shape (2, B') each."""
    _require_same_bins(training, production)
    n, m = int(training.sum()), int(production.sum())
    observed = _pool_rare_categories(np.array([training, production], np.float64), min(n, m) / (n + m))
    return observed, observed.sum(0) * np.array([[n], [m]]) / (n + m)


def _pool_rare_categories(table: Floats, smaller_share: float) -> Floats:
    totals = table.sum(0)
    enough = totals * smaller_share >= MIN_EXPECTED_COUNT
    frequent, rest = table[:, enough], table[:, ~enough].sum(1, keepdims=True)
    if rest.sum() * smaller_share >= MIN_EXPECTED_COUNT or not frequent.shape[1]:
        return np.hstack([frequent, rest])
    if rest.any():
        frequent[:, int(frequent.sum(0).argmin())] += rest[:, 0]
    return frequent


def merge_into_quantile_bins(feature: NumericFeature, counts: Counts) -> Counts:
    """Sums the fine bins of `counts` into the up to ten quantile bins that PSI, JS and KL use.

    `counts` has one count per fine bin, of shape (len(edges) + 1,), without missing. Values outside the training's
    range are in the first and the last bin. The result has the shape (len(deciles) + 1,), or (3,) for a constant: below
    it, equal to it, and above it.
    """
    if not feature.deciles:
        return counts
    return np.add.reduceat(counts, [0, *(edge + 1 for edge in feature.deciles)])


def _require_same_bins(first: BinCounts, second: BinCounts) -> None:
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"Counts of shapes {first.shape} and {second.shape} do not have the same bins.")
    if not first.any() or not second.any():
        raise ValueError("A sample without counts has no distribution: check for counts before comparing.")
