"""What changed in a feature since training: its three comparisons, each with its effect size and its evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tidewatch.drift.evidence import Shares, category_p_value, histogram_p_value, ks_p_value, rate_p_value
from tidewatch.drift.reference import DECILES, CategoryFeature, Counts, Feature, NumericFeature
from tidewatch.drift.statistics import (
    distribution_gaps,
    js_distance,
    kl_divergence,
    psi,
    quantile_bins,
)

WORTH_SAYING = 0.01
"""The share that one bin of numbers must gain or lose for a sentence to tell it."""
ROUNDING = 1e-12
"""A change from 1% to 3% is one of two points, though its difference in floating point is less."""
_WITHOUT_COUNT = "the values without a count of their own"


@dataclass(frozen=True)
class Change:
    """One comparison of production with training.

    p_value: how likely so large a change is by chance alone. Effect sizes, 0 where one does not apply: psi; share, the
    largest share of values that one category, or one fine bin of numbers, gained or lost, or that moved beside the
    commonest number; rate, by how much the share of missing rows or of unseen values changed. sentence: what moved,
    from what, to what.
    """

    p_value: float
    sentence: str
    psi: float = 0.0
    share: float = 0.0
    rate: float = 0.0


@dataclass(frozen=True)
class Distribution:
    """The statistics of a feature's distribution against the training's.

    ks: None for categories. p_value: of the KS statistic; of categories, the same as the change's.
    """

    change: Change
    psi: float
    ks: float | None
    p_value: float
    js: float
    kl: float


def distribution(feature: Feature, counts: Counts) -> Distribution:
    """The values of production against the training's.

    Of numbers, the evidence is three times the smallest p-value of KS, of chi-squared on the quantile bins, and of the
    fine bin whose share moved most, that one times the number of fine bins (Bonferroni): KS sees the slightest shift of
    the middle, chi-squared a change of spread or of the tails, the fine bin one value that stands for others, to which
    both are nearly blind in a small window. The effect is PSI, or the share that the fine bin gained or lost. Zeros and
    ones are judged as categories are, by the share of each. counts: as in a profile, the missing ones last. Raises
    ValueError where either side has no value.
    """
    if isinstance(feature, NumericFeature):
        found = _numbers(feature, counts[:-1])
        return replace(found, change=_flags(feature, counts[:-1]).change) if feature.of_flags else found
    return _categories(feature, counts[:-1])


def _numbers(feature: NumericFeature, counts: Counts) -> Distribution:
    trained = np.asarray(feature.counts, np.int64)
    expected, actual = quantile_bins(feature, trained), quantile_bins(feature, counts)
    stability = psi(expected, actual)
    ks, p_value, histogram = _ordered(trained, counts, expected, actual)
    at, share, single = _bin_gained(trained, counts)
    evidence = min(1.0, 3 * min(p_value, histogram, single))
    sentence = _jumped(feature, at, trained, counts) if share > ks + ROUNDING else _below(feature, trained, counts)
    distance, divergence = js_distance(expected, actual), kl_divergence(actual, expected)
    # What left a constant has left its range: it is shown here, and judged by `novelty` alone.
    effect = stability if feature.deciles else 0.0
    moved = f"; one bin by {100 * share:.1f} points" if share >= WORTH_SAYING else ""
    change = Change(evidence, f"{sentence} (PSI {stability:.2f}{moved})", psi=effect, share=share)
    return Distribution(change, stability, ks, p_value, distance, divergence)


def _ordered(trained: Counts, counts: Counts, expected: Counts, actual: Counts) -> tuple[float, float, float]:
    """KS of the fine bins, its p-value, and that of chi-squared on the coarse bins."""
    ks = float(np.abs(distribution_gaps(trained, counts)).max())
    return ks, ks_p_value(ks, int(trained.sum()), int(counts.sum())), histogram_p_value(expected, actual)


def _bin_gained(trained: Counts, counts: Counts) -> tuple[int, float, float]:
    """The fine bin whose share of the values within the training's range changed most, by how much, and its p-value
    times the number of fine bins.

    A fine bin has about a thousandth of the training's values unless many are one and the same. PSI adds the shares up
    over tenths, and hardly sees that zeros went from 70% to 80%, or that one value came to stand for many others.
    """
    before, now = trained[1:-1], counts[1:-1]
    n, m = int(before.sum()), int(now.sum())
    if not n or not m:
        return 0, 0.0, 1.0
    changes = np.abs(now / m - before / n)
    at = int(changes.argmax())
    return at + 1, float(changes[at]), len(before) * rate_p_value(int(before[at]), n, int(now[at]), m)


def _below(feature: NumericFeature, trained: Counts, counts: Counts) -> str:
    gaps = np.abs(distribution_gaps(trained, counts))
    at = int(gaps.argmax())
    if gaps[at] == 0.0:
        return "its values are distributed as in training"
    before, now = trained[: at + 1].sum() / trained.sum(), counts[: at + 1].sum() / counts.sum()
    edge = np.clip(feature.edges[at], feature.minimum, feature.maximum)
    return f"{before:.1%} of its values were below {edge:.4g} in training, {now:.1%} are now"


def _jumped(feature: NumericFeature, at: int, trained: Counts, counts: Counts) -> str:
    before, now = trained[at] / trained[1:-1].sum(), counts[at] / counts[1:-1].sum()
    least, most = np.clip(feature.edges[at - 1 : at + 1], feature.minimum, feature.maximum)
    told = f"{least:.4g} to {most:.4g}"
    return f"of its values in training's range {before:.1%} were {told} in training, {now:.1%} are now"


def uncommon(feature: Feature, counts: Counts, least: int) -> Change | None:
    """Where one number is half of the training's values or more: all other numbers against the training's; else None.

    Beside 70% of zeros a doubling of all other numbers is a PSI of 0.08. So they are compared among themselves, over
    ten bins of their own. The effect is the share of all values that moved: the total variation distance of the
    others times their own share, the smaller of then and now. A PSI of so small a part would make a drift of what
    moved a hundredth of the rows. None also where either side has fewer than `least` of them. Zeros and ones have no
    others. counts: as in a profile.
    """
    if not isinstance(feature, NumericFeature) or feature.of_flags:
        return None
    trained = np.asarray(feature.counts, np.int64)
    common = int(trained.argmax())
    if 2 * trained[common] < trained.sum():
        return None
    before, now = _without(trained, common), _without(counts[:-1], common)
    if min(before.sum(), now.sum()) < least:
        return None
    starts = _tenths(before)
    expected, actual = np.add.reduceat(before, starts), np.add.reduceat(now, starts)
    others = min(before.sum() / feature.total, now.sum() / counts[:-1].sum())
    share = float(others * np.abs(actual / actual.sum() - expected / expected.sum()).sum() / 2)
    evidence = min(1.0, 2 * min(_ordered(before, now, expected, actual)[1:]))
    sentence = (
        f"beside its commonest value, {_below(feature, before, now)} (there, {share:.1%} of all its values moved)"
    )
    return Change(evidence, sentence, share=share)


def _without(counts: Counts, at: int) -> Counts:
    rest = counts.copy()
    rest[at] = 0
    return rest


def _tenths(trained: Counts) -> Counts:
    """Where up to ten bins of about equal count begin; those outside the training's range are in the outer ones."""
    upto: Counts = np.cumsum(trained)
    targets = np.arange(1, DECILES) * (int(upto[-1]) / DECILES)
    ends = np.searchsorted(upto, targets)
    return np.unique(np.append(0, ends[upto[ends] < upto[-1]] + 1))


def _categories(feature: CategoryFeature, counts: Counts) -> Distribution:
    named = [f'"{feature.shown(at)}"' for at in range(len(feature.values))]
    rest = np.asarray(feature.rest, np.int64)
    novel, new = feature.singletons / feature.total, int(counts[-1])
    now = Shares(counts[: len(named)], counts[len(named) : -1])
    pools = np.array([feature.pool(value) for value in feature.values], np.int64)
    return _shares(named, pools, Shares(np.asarray(feature.counts, np.int64), rest), now, new, novel)


def _flags(feature: NumericFeature, counts: Counts) -> Distribution:
    """Zeros and ones, judged as false and true are."""
    trained = np.asarray(feature.counts, np.int64)
    order = 1 + np.argsort(-trained[1:-1], kind="stable")
    none = np.zeros(1, np.int64)
    named, new = [str(at - 1) for at in order.tolist()], int(counts[0] + counts[-1])
    return _shares(named, np.zeros(2, np.int64), Shares(trained[order], none), Shares(counts[order], none), new, 0.0)


def _shares(
    named: list[str], pools: Counts, trained: Shares, counts: Shares, new: int, novel: float
) -> Distribution:  # fmt: skip
    """The shares of the named values, most frequent first, and of the others by pool.

    pools: that of each named value. new: values that the training had not; novel: the share of all values that may be
    new without any drift. As many count among the others, as a later training would have them there. The rest is shown,
    and judged by `novelty` alone: the more training there is, the larger PSI makes them.
    """
    allowed = min(new, math.ceil(novel * (counts.total + new)))
    expected, actual = trained.pooled(), counts.pooled() + np.append(np.zeros(len(named), np.int64), new)
    stability = psi(expected, actual)
    known = Shares(counts.named, counts.rest + _dealt(allowed, trained.rest))
    change = Change(1.0, "none of its values were seen in training")
    if known.total:
        change = _gained(named, pools, trained, known)
    distance, divergence = js_distance(expected, actual), kl_divergence(actual, expected)
    return Distribution(change, stability, None, change.p_value, distance, divergence)


def _dealt(count: int, rest: Counts) -> Counts:
    """So many values, dealt to the pools as those of the training are."""
    if not rest.sum():
        return np.append(count, np.zeros(len(rest) - 1, np.int64))
    upto = np.cumsum(rest) * count // rest.sum()
    return np.diff(upto, prepend=0)


def _gained(named: list[str], pools: Counts, trained: Shares, known: Shares) -> Change:
    before, now = trained.every() / trained.total, known.every() / known.total
    at, stability = int(np.abs(now - before).argmax()), psi(trained.pooled(), known.pooled())
    called = _WITHOUT_COUNT if len(trained.rest) == 1 else f"some of {_WITHOUT_COUNT}"
    return Change(
        category_p_value(trained, known, pools),
        f"{named[at] if at < len(named) else called} went from {before[at]:.1%} to {now[at]:.1%} of its values "
        f"(PSI {stability:.2f})",
        psi=stability,
        share=float(abs(now[at] - before[at])),
    )


def missing(feature: Feature, counts: Counts) -> Change:
    """The share of rows without a value against the training's, in either direction."""
    rows, trained = int(counts.sum()), feature.total + feature.missing
    before, now = feature.missing / max(trained, 1), int(counts[-1]) / max(rows, 1)
    sentence = f"{before:.1%} of the rows had no value in training, {now:.1%} have none now"
    if not feature.total:
        sentence = f"{1 - now:.1%} of the rows have a value now, and training had none at all: its values are new"
    return Change(
        rate_p_value(feature.missing, trained, int(counts[-1]), rows),
        sentence,
        rate=abs(now - before),
    )


def unseen(feature: Feature, counts: Counts) -> int:
    """Values of production that the training did not have: new categories, numbers outside its range."""
    if isinstance(feature, CategoryFeature):
        return int(counts[-2])
    return int(counts[0] + counts[-2]) if feature.edges else 0


def novelty(feature: Feature, counts: Counts) -> Change:
    """Whether more values are unseen than training data of that size lets one expect.

    Some are unseen without any drift. Of categories, singletons f1 of n are expected (Good 1953). What is then unseen
    differs from that by chance with the variance (f1 + 2 f2) / n^2, f2 values having been seen twice (Robbins 1968,
    Annals of Mathematical Statistics 39, page 256; Esty 1983, Annals of Statistics 11, page 905). So the training is
    taken for a sample of n f1 / (f1 + 2 f2) with the same share of events, whose variance is that. Of numbers,
    2 / (n + 1) lie outside the range of n earlier ones (the rule of succession, one for each end), and the chance that
    at least k of m do is, for any continuous distribution, the one-sided p-value of Fisher's test of k of m against 1
    of n (Wilks 1942, Annals of Mathematical Statistics 13, page 400: the k are those before the second of the n, from
    outside inwards); ties make it smaller. Fewer than expected is no change. counts: as in a profile.
    """
    values, found, trained = int(counts[:-1].sum()), unseen(feature, counts), feature.total
    if isinstance(feature, CategoryFeature):
        events, expected = feature.singletons, feature.singletons / max(trained, 1)
        rough = max((events + 2 * feature.doubletons) / max(events, 1), 1.0)
        sentence = "{:.1%} of its values were never seen in training, where {:.1%} were to be expected"
    else:
        events, expected, rough = 1, 0.0, 1.0
        sentence = f"{{:.1%}} of its values lie outside the training's {feature.minimum:.4g} to {feature.maximum:.4g}"
    rate = found / max(values, 1)
    more = found * trained > events * values
    return Change(
        rate_p_value(round(events / rough), max(round(trained / rough), 1), found, values) if more else 1.0,
        sentence.format(rate, expected),
        rate=max(rate - expected, 0.0),
    )
