"""From values to counts in a reference's bins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tidewatch.drift.reference import CategoryFeature, Counts, Floats, NumericFeature, Reference

CELLS = 8192
"""Cells of a feature's lookup grid: enough that a cell seldom holds two edges, few enough to stay in the cache."""
CHUNK_ROWS = 1024
"""Rows binned at a time, so that what lies between the steps stays in the cache."""


class NumericGrid:
    """Bins a whole matrix of numbers, one column a feature, without a search.

    A uniform grid over each feature's edges gives a first guess that is never too high; the value is then compared
    with the edges that follow. The result is exactly that of numpy.searchsorted(edges, x, side="right").
    """

    def __init__(self, features: Sequence[NumericFeature]) -> None:
        self.features = tuple(features)
        count = len(self.features)
        # Behind each feature's edges stands infinity, which no value passes.
        self._stride = max((len(feature.edges) for feature in self.features), default=0) + 1
        edges = np.full((count, self._stride), np.inf)
        low, scale = np.zeros((2, count))
        first, several = np.zeros((count, CELLS), np.int64), np.zeros((count, CELLS), np.bool_)
        for at, feature in enumerate(self.features):
            own = np.asarray(feature.edges, np.float64)
            edges[at, : len(own)] = own
            low[at], scale[at] = _grid(own)
            cells = np.clip((own - low[at]) * scale[at], 0, CELLS - 1).astype(np.int64)
            first[at] = np.searchsorted(cells, np.arange(CELLS), "left") + at * self._stride
            several[at] = np.bincount(cells, minlength=CELLS) > 1
        self._edges, self._first, self._several = edges.ravel(), first.ravel(), several.ravel()
        self._low = np.tile(low, CHUNK_ROWS)
        self._scale = np.tile(scale, CHUNK_ROWS)
        self._offset = np.tile(np.arange(count) * CELLS, CHUNK_ROWS)

    def count(self, matrix: Floats) -> list[Counts]:
        """Counts a feature, missing last, of a matrix of shape (rows, features); NaN is missing, infinity is refused.

        Raises ValueError on a matrix of another width, or with an infinite value.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            raise ValueError(f"{matrix.shape} is not the shape of {len(self.features)} features.")
        total = np.zeros(len(self.features) * self._stride, np.int64)
        missing = np.zeros(len(self.features), np.int64)
        for start in range(0, len(matrix), CHUNK_ROWS):
            self._add(np.ascontiguousarray(matrix[start : start + CHUNK_ROWS]), total, missing)
        table = total.reshape(len(self.features), self._stride)
        return [
            np.append(table[at, : len(feature.counts)], missing[at]) for at, feature in enumerate(self.features)
        ]  # fmt: skip

    def _add(self, matrix: Floats, total: Counts, missing: Counts) -> None:
        values = matrix.ravel()
        finite = np.isfinite(values)
        if finite.all():
            total += np.bincount(self._bins(values), minlength=len(total))
            return
        absent = np.isnan(values)
        if not (finite | absent).all():
            raise ValueError("Infinity has no bin: reject its record.")
        missing += absent.reshape(matrix.shape).sum(0)
        total += np.bincount(self._bins(np.where(absent, 0.0, values))[finite], minlength=len(total))

    def _bins(self, values: Floats) -> npt.NDArray[np.int64]:
        size = len(values)
        guess = values - self._low[:size]
        guess *= self._scale[:size]
        np.maximum(guess, 0, out=guess)
        np.minimum(guess, CELLS - 1, out=guess)
        # Rounded down before the offset is added: a sum of both could round up to the next cell.
        cells = guess.astype(np.int64)
        cells += self._offset[:size]
        bins = self._first.take(cells, mode="clip")
        passed = values >= self._edges.take(bins, mode="clip")
        bins += passed
        passed &= self._several.take(cells, mode="clip")
        more = np.flatnonzero(passed)
        while len(more):
            more = more[values[more] >= self._edges[bins[more]]]
            bins[more] += 1
        return bins


def _grid(edges: Floats) -> tuple[float, float]:
    """Where a feature's cells begin, and how many there are to a unit.

    The outer edges are left out: they may lie far from the bulk, and the cells would be wide where the values are.
    """
    if len(edges) < 4 or not np.isfinite(edges[-2] - edges[1]):
        return 0.0, 0.0
    scale = (CELLS - 2) / (edges[-2] - edges[1])
    return (float(edges[1]), float(scale)) if np.isfinite(scale) else (0.0, 0.0)


class Categories:
    """Bins the values of one category feature."""

    def __init__(self, feature: CategoryFeature) -> None:
        other = len(feature.values)
        self._bins = {**dict.fromkeys(feature.others, other), **{value: at for at, value in enumerate(feature.values)}}
        self._unknown = other if feature.open else other + 1
        self._width = feature.width

    def bin(self, value: str | None) -> int:
        """The bin of one value: its own, other's, unseen's, or missing's."""
        return self._width - 1 if value is None else self._bins.get(value, self._unknown)

    def count(self, values: Iterable[str | None]) -> Counts:
        """Counts of values: the named ones, other, unseen, missing."""
        counts = np.zeros(self._width, np.int64)
        for value, tally in Counter(values).items():
            counts[self.bin(value)] += tally
        return counts


class Binner:
    """Bins whole rows of one reference's model."""

    def __init__(self, reference: Reference) -> None:
        features, self._score = reference.features, reference.score
        self.categories = tuple(Categories(one) for one in features if isinstance(one, CategoryFeature))
        self._is_numeric = [isinstance(one, NumericFeature) for one in features]
        self._numbers = NumericGrid([one for one in features if isinstance(one, NumericFeature)])
        self._scores = NumericGrid([reference.score] if reference.score is not None else [])
        self._widths = [one.width for one in reference.measured]

    def zeros(self) -> list[Counts]:
        """Counts of nothing."""
        return [np.zeros(width, np.int64) for width in self._widths]

    def count(
        self, numbers: Floats, categories: Sequence[Sequence[str | None]], scores: Floats | None
    ) -> tuple[Counts, ...]:
        """One array of counts for each of the reference's `measured`, as a profile holds them.

        numbers: (rows, numeric features), NaN where missing. categories: the values of each category feature, None
        where missing. scores: (rows,); may be None, and is not read where the reference has no score.
        """
        numeric = iter(self._numbers.count(numbers))
        named = iter([each.count(values) for each, values in zip(self.categories, categories, strict=True)])
        found = [next(numeric) if is_numeric else next(named) for is_numeric in self._is_numeric]
        if self._score is not None:
            given = np.empty((0, 1)) if scores is None else scores.reshape(-1, 1)
            found += self._scores.count(given)
        return tuple(found)
