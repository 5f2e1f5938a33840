"""Counts values in a reference's bins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tidewatch.arrays import Counts, Floats
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference, hash_to_pool, hash_value

CELLS = 8192
"""The cells of a feature's lookup grid: enough that a cell seldom has two edges, few enough to stay in the cache."""


class NumericGrid:
    """Bins a matrix of numbers with one column per feature."""

    def __init__(self, features: Sequence[NumericFeature]) -> None:
        self._features = [_FeatureGrid(feature) for feature in features]

    def count(self, matrix: Floats) -> list[Counts]:
        """Returns the counts of each feature, missing last, of a matrix of shape (rows, features).

        NaN is missing. Raises ValueError for a matrix of another width or with an infinite value.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self._features):
            raise ValueError(f"{matrix.shape} is not the shape for {len(self._features)} features.")
        columns = np.ascontiguousarray(matrix.T)
        return [grid.count(values) for grid, values in zip(self._features, columns, strict=True)]


class _FeatureGrid:
    """Bins the numbers of one feature without a search.

    A uniform grid over the edges gives a first guess that is never too high; the value is then compared with the edges
    that follow. The result equals numpy.searchsorted(edges, x, side="right").
    """

    def __init__(self, feature: NumericFeature) -> None:
        edges = np.asarray(feature.edges, np.float64)
        self._low, self._scale = _fit_grid(edges)
        cells = np.clip((edges - self._low) * self._scale, 0, CELLS - 1).astype(np.int64)
        self._first = np.searchsorted(cells, np.arange(CELLS), "left")
        self._has_several_edges = np.bincount(cells, minlength=CELLS) > 1
        # The last edge is infinity, which no value passes.
        self._edges = np.append(edges, np.inf)
        self._width = feature.width

    def count(self, values: Floats) -> Counts:
        """Returns the counts of the bins, then of the missing, for values of shape (n,)."""
        finite = np.isfinite(values)
        missing = 0
        if not finite.all():
            missing = int(np.count_nonzero(np.isnan(values)))
            values = values[finite]
            if len(values) + missing != len(finite):
                raise ValueError("Infinity has no bin: the record must be rejected.")
        counts = np.bincount(self._find_bins(values), minlength=self._width)
        counts[-1] = missing
        return counts

    def _find_bins(self, values: Floats) -> npt.NDArray[np.int64]:
        with np.errstate(over="ignore"):  # values beyond the grid get its first or last cell
            guess = values - self._low
            guess *= self._scale
        np.minimum(guess, CELLS - 1, out=guess)
        np.maximum(guess, 0, out=guess)
        cells = guess.astype(np.int64)
        bins = self._first.take(cells, mode="clip")
        passed = values >= self._edges.take(bins, mode="clip")
        bins += passed
        passed &= self._has_several_edges.take(cells, mode="clip")
        more = np.flatnonzero(passed)
        while len(more):
            more = more[values[more] >= self._edges[bins[more]]]
            bins[more] += 1
        return bins


def _fit_grid(edges: Floats) -> tuple[float, float]:
    """Returns where a feature's cells begin and how many there are per unit.

    The outer edges are left out: they may be far from most values, and the cells would be too wide.
    """
    if len(edges) < 4 or not np.isfinite(edges[-2] - edges[1]):
        return 0.0, 0.0
    scale = (CELLS - 2) / (edges[-2] - edges[1])
    return (float(edges[1]), float(scale)) if np.isfinite(scale) else (0.0, 0.0)


class CategoryBinner:
    """Bins the values of one category feature."""

    def __init__(self, feature: CategoryFeature) -> None:
        self._first_pool_bin = len(feature.values)
        bins = {value: self._first_pool_bin + feature.find_pool(value) for value in feature.other_values}
        bins |= {value: index for index, value in enumerate(feature.values)}
        self._clear_bins = {value: index for value, index in bins.items() if not feature.is_hashed(value)}
        self._hashed_bins = {value: index for value, index in bins.items() if feature.is_hashed(value)}
        self._salt = feature.salt
        self._uses_pools = feature.is_open and bool(feature.pool_rows)
        self._unseen_bin = self._first_pool_bin if feature.is_open else feature.width - 2
        self._width = feature.width
        # Flags come as true and false or as 1 and 0. They are equal if training had only one of these pairs.
        for yes, no, others in (("true", "false", ("1", "0")), ("1", "0", ("true", "false"))):
            bins = (self.bin(yes), self.bin(no))
            if feature.total and set(bins) == {0, 1} and len(feature.values) == 2:
                self._clear_bins |= dict(zip(others, bins, strict=True))
                break

    def bin(self, value: str | None) -> int:
        """Returns the bin of one value: its own, its pool's, unseen or missing."""
        if value is None:
            return self._width - 1
        found = self._clear_bins.get(value)
        if found is not None or not (self._hashed_bins or self._uses_pools):
            return self._unseen_bin if found is None else found
        digest = hash_value(value, self._salt)
        found = self._hashed_bins.get(digest)
        if found is None:
            return self._first_pool_bin + hash_to_pool(digest) if self._uses_pools else self._unseen_bin
        return found

    def count(self, values: Iterable[str | None]) -> Counts:
        """Returns the counts of the named values, the pools of others, unseen and missing."""
        counts = np.zeros(self._width, np.int64)
        tallies = Counter(values)
        if not (self._hashed_bins or self._uses_pools):
            # Many values may be unknown, so those are counted together.
            for value in (None, *(self._clear_bins.keys() & tallies.keys())):
                counts[self.bin(value)] += tallies.pop(value, 0)
            counts[self._unseen_bin] += sum(tallies.values())
            return counts
        for value, tally in tallies.items():
            counts[self.bin(value)] += tally
        return counts


class Binner:
    """Bins whole rows for one reference."""

    def __init__(self, reference: Reference) -> None:
        features, self._score = reference.features, reference.score
        self.categories = tuple(CategoryBinner(feature) for feature in features if isinstance(feature, CategoryFeature))
        self._is_numeric = [isinstance(feature, NumericFeature) for feature in features]
        self._numbers = NumericGrid([feature for feature in features if isinstance(feature, NumericFeature)])
        self._scores = NumericGrid([reference.score] if reference.score is not None else [])
        self._widths = [feature.width for feature in reference.measured_features]

    def zeros(self) -> list[Counts]:
        """Returns counts of zero rows."""
        return [np.zeros(width, np.int64) for width in self._widths]

    def count(
        self, numbers: Floats, categories: Sequence[Sequence[str | None]], scores: Floats | None
    ) -> tuple[Counts, ...]:
        """Returns one array of counts for each of the reference's `measured_features`, as a profile has them.

        `numbers` has shape (rows, numeric features), with NaN for missing. `categories` has the values of each category
        feature, with None for missing. `scores` has shape (rows,); it may be None and is not read if the reference has
        no score.
        """
        numeric = iter(self._numbers.count(numbers))
        categorical = iter([each.count(values) for each, values in zip(self.categories, categories, strict=True)])
        found = [next(numeric) if is_numeric else next(categorical) for is_numeric in self._is_numeric]
        if self._score is not None:
            score_column = np.empty((0, 1)) if scores is None else scores.reshape(-1, 1)
            found += self._scores.count(score_column)
        return tuple(found)
