"""Models with a single column of each kind: among 25 columns, a fault in the verdicts would go unnoticed.

Each kind's distribution is known, so that training rows and windows are drawn from it, without a population.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.populations import BinDistribution, Column, compute_zipf
from bench.verdict_rates import (
    REFERENCE_ROWS,
    SIZES,
    WINDOWS,
    WINDOWS_PER_REFERENCE,
    VerdictRates,
    VerdictRequirement,
    count_verdicts,
    draw_profiles,
)
from tidewatch.arrays import Floats
from tidewatch.drift.counting.binning import CategoryBinner
from tidewatch.drift.reference import Feature, NumericFeature, Reference
from tidewatch.drift.statistics import judge_profile
from tidewatch.drift.training.reference_builder import build_reference

COLUMN = "column"
NO_DRIFT = "no drift"
TRAINING_ROWS = (1_000_000, 50_000, 1_000)
"""The rows of the references when the training size must not matter."""


class ColumnDistribution(BinDistribution, Protocol):
    """The distribution of one column."""

    def draw(self, rows: int, rng: np.random.Generator) -> Column:
        """Draws this many values of the column."""
        ...


@dataclass(frozen=True, eq=False)
class DiscreteDistribution:
    """A discrete distribution over words or numbers."""

    names: Column
    """The words or numbers, shape (K,)."""
    probabilities: Floats
    """The probability of each, shape (K,)."""

    def draw(self, rows: int, rng: np.random.Generator) -> Column:
        return np.repeat(self.names, rng.multinomial(rows, self.probabilities))

    def compute_shares(self, feature: Feature) -> Floats:
        if isinstance(feature, NumericFeature):
            bins = np.searchsorted(feature.edges, self.names, "right").tolist()
        else:
            bins = list(map(CategoryBinner(feature).bin, self.names.tolist()))
        return np.asarray(np.bincount(bins, self.probabilities, feature.width), np.float64)

    def with_share(self, share: float, index: int) -> DiscreteDistribution:
        """Returns the distribution with `share` of the rows for one of the names.

        The others share the rest in proportion.
        """
        chances = self.probabilities * ((1 - share) / (1 - self.probabilities[index]))
        chances[index] = share
        return DiscreteDistribution(self.names, chances)

    def with_unseen(self, share: float, names: int = 5) -> DiscreteDistribution:
        """Returns the distribution with this many new names that together have `share` of the rows."""
        new = np.array([f"new {number}" for number in range(names)])
        return DiscreteDistribution(
            np.append(self.names, new), np.append(self.probabilities * (1 - share), np.full(names, share / names))
        )


def build_equal(size: int) -> DiscreteDistribution:
    """Returns this many words with equal probabilities."""
    return DiscreteDistribution(np.array([f"store {at}" for at in range(size)]), np.full(size, 1 / size))


def build_zipf(size: int) -> DiscreteDistribution:
    """Returns this many words with probabilities by Zipf's law."""
    return DiscreteDistribution(np.array([f"item {at}" for at in range(size)]), compute_zipf(size))


@dataclass(frozen=True)
class ZeroInflatedExponential:
    """Zero with the probability `zero_share`, else exponential with the mean `scale`."""

    zero_share: float
    scale: float

    def draw(self, rows: int, rng: np.random.Generator) -> Column:
        return np.where(rng.random(rows) < self.zero_share, 0.0, rng.exponential(self.scale, rows))

    def compute_shares(self, feature: Feature) -> Floats:
        assert isinstance(feature, NumericFeature)
        edges = np.asarray(feature.edges)
        below = np.where(edges > 0, 1 - (1 - self.zero_share) * np.exp(-np.maximum(edges, 0) / self.scale), 0.0)
        return np.append(np.diff(below, prepend=0, append=1), 0.0)


@dataclass(frozen=True)
class ColumnChange:
    """A change of a kind's column, the size of the windows with it, and the verdict that it requires."""

    name: str
    distribution: ColumnDistribution
    requirement: VerdictRequirement = VerdictRequirement.DETECTED
    window_rows: int = 5_000


@dataclass(frozen=True)
class ColumnKind:
    """A column without drift, and its changes."""

    name: str
    distribution: ColumnDistribution
    changes: Sequence[ColumnChange] = ()
    references: Sequence[int] = REFERENCE_ROWS
    """The rows of the references that must not find drift."""
    change_references: Sequence[int] = REFERENCE_ROWS[:1]
    """The rows of the references that must find the changes."""

    def list_changes(self, reference_rows: int, sizes: Sequence[int]) -> Iterable[ColumnChange]:
        """Yields what is measured against references with this many rows."""
        if reference_rows in self.references:
            yield from (ColumnChange(NO_DRIFT, self.distribution, VerdictRequirement.NO_ALARM, size) for size in sizes)
        if reference_rows in self.change_references:
            yield from self.changes


def _build_taken_over(
    name: str,
    distribution: DiscreteDistribution,
    references: Sequence[int] = REFERENCE_ROWS,
    change_references: Sequence[int] = REFERENCE_ROWS[:1],
) -> ColumnKind:
    """Returns a kind whose changes give more rows to its last value, the rarest if their shares differ."""
    changes = (
        ColumnChange("one of them takes 12%", distribution.with_share(0.12, -1)),
        ColumnChange("one of them takes 40%", distribution.with_share(0.4, -1), VerdictRequirement.DRIFT),
        ColumnChange("only one of them is left", distribution.with_share(1.0, -1), VerdictRequirement.DRIFT),
    )
    return ColumnKind(name, distribution, changes, references, change_references)


def _build_flags(name: str, names: Column) -> ColumnKind:
    """Returns a kind with two values, the second in 30% of the rows."""
    distribution = DiscreteDistribution(names, np.array([0.7, 0.3]))
    changes = [
        ColumnChange(f"30% -> {share}%", distribution.with_share(share / 100, 1), VerdictRequirement.DETECTED, rows)
        for share, rows in _list_share_changes(30)
    ]
    return ColumnKind(name, distribution, changes)


def _list_share_changes(share: int) -> Iterator[tuple[int, int]]:
    """Yields shares moved up and down by some percentage points, with a window size that is enough to find the move.

    A share that moved by exactly the five points of a warning would, by chance, appear to move less in half of the
    windows.
    """
    for points, rows in ((6, 50_000), (10, 5_000)):
        yield from ((share + points, rows), (share - points, rows))


def _build_with_unseen(name: str, distribution: DiscreteDistribution) -> ColumnKind:
    changes = (
        ColumnChange("1.5% are new", distribution.with_unseen(0.015), VerdictRequirement.NO_ALARM, 10_000),
        ColumnChange("3% are new", distribution.with_unseen(0.03), VerdictRequirement.DETECTED, 10_000),
        ColumnChange("6% are new", distribution.with_unseen(0.06), VerdictRequirement.DRIFT, 10_000),
    )
    return ColumnKind(name, distribution, changes, TRAINING_ROWS, TRAINING_ROWS)


def _build_zero_inflated(zeros: int, *factors: tuple[float, VerdictRequirement]) -> ColumnKind:
    """Returns a kind with zeros, whose changes move their share or multiply the other numbers by the given factors."""
    share = zeros / 100
    changes = (
        *(
            ColumnChange(
                f"{zeros}% -> {new_zeros}%",
                ZeroInflatedExponential(new_zeros / 100, 5.0),
                VerdictRequirement.DETECTED,
                rows,
            )
            for new_zeros, rows in _list_share_changes(zeros)
            if new_zeros < 100
        ),
        *(
            ColumnChange(f"the others times {factor:g}", ZeroInflatedExponential(share, 5 * factor), promise)
            for factor, promise in factors
        ),
    )
    return ColumnKind(f"{zeros}% zeros", ZeroInflatedExponential(share, 5.0), changes)


KINDS = (
    *(_build_taken_over(f"{size:,} equal values", build_equal(size)) for size in (51, 200, 1_115, 6_000)),
    # So many values that the training misses some by chance, and each missing one is in many rows of a window.
    ColumnKind("250 equal values", build_equal(250), references=REFERENCE_ROWS[-1:], change_references=()),
    _build_taken_over("2,000 values, Zipf", build_zipf(2_000), TRAINING_ROWS, TRAINING_ROWS[:2]),
    _build_taken_over("20,000 values, Zipf", build_zipf(20_000)),
    _build_flags("0 and 1", np.array([0.0, 1.0])),
    _build_flags("false and true", np.array(["false", "true"])),
    _build_with_unseen("20 values, Zipf", build_zipf(20)),
    _build_zero_inflated(
        70, (2, VerdictRequirement.DETECTED), (0.5, VerdictRequirement.DETECTED), (5, VerdictRequirement.DRIFT)
    ),
    # Doubling moves only a fortieth of all values.
    _build_zero_inflated(90, (2, VerdictRequirement.NO_ALARM), (10, VerdictRequirement.DETECTED)),
)


def measure_table(
    windows: int = WINDOWS,
    sizes: Sequence[int] = SIZES,
    seed: int = 1,
    *,
    kinds: Iterable[ColumnKind] = KINDS,
    windows_per_reference: int = WINDOWS_PER_REFERENCE,
) -> list[VerdictRates]:
    """Measures every kind without drift at every size, and its changes; a seed determines a kind's rows.

    The same references judge all sizes and changes, because building one of a million rows takes long.
    """
    rows: list[VerdictRates] = []
    for kind in kinds:
        rng = np.random.default_rng([seed, *kind.name.encode()])
        for reference_rows in dict.fromkeys((*kind.references, *kind.change_references)):
            references = [
                build_column_reference(kind.distribution, reference_rows, rng)
                for _ in range(-(-windows // windows_per_reference))
            ]
            for change in kind.list_changes(reference_rows, sizes):
                verdicts = [
                    judge_profile(column_reference, profile).verdict
                    for index, column_reference in enumerate(references)
                    for profile in draw_profiles(
                        column_reference,
                        {COLUMN: change.distribution},
                        change.window_rows,
                        min(windows_per_reference, windows - index * windows_per_reference),
                        rng,
                    )
                ]
                rows.append(
                    count_verdicts(
                        f"{kind.name}: {change.name}", change.requirement, reference_rows, change.window_rows, verdicts
                    )
                )
    return rows


def build_column_reference(distribution: ColumnDistribution, rows: int, rng: np.random.Generator) -> Reference:
    """Builds the reference of this many rows of one column."""
    values = distribution.draw(rows, rng)
    return build_reference({COLUMN: values if values.dtype.kind == "f" else values.tolist()})
