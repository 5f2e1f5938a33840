"""A known population of many columns, and its counts in a reference's bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tidewatch.arrays import Counts, Floats
from tidewatch.drift.counting.binning import CategoryBinner
from tidewatch.drift.reference import Feature, NumericFeature, Reference
from tidewatch.drift.training.reference_builder import build_reference

POPULATION = 400_000
SCORE = "score"

Column: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = Mapping[str, Column]
"""By feature, one value for each row: float64 with NaN for missing, or str. The score is one of the features."""
Distributions: TypeAlias = "Mapping[str, BinDistribution]"


class BinDistribution(Protocol):
    """The distribution of a column's values."""

    def compute_shares(self, feature: Feature) -> Floats:
        """Returns the probability of each of a profile's counts."""
        ...


def draw_population(rng: np.random.Generator, rows: int = POPULATION) -> dict[str, Column]:
    """Draws 25 columns of independent rows: 20 numbers of many shapes, 4 categories, and a score."""
    score = rng.beta(2, 5, rows).astype(np.float32).astype(np.float64)
    return {**draw_numbers(rng, rows), **draw_categories(rng, rows), SCORE: score}


def draw_numbers(rng: np.random.Generator, rows: int) -> dict[str, Column]:
    """Draws numbers: smooth, heavy-tailed, discrete, tied, almost constant, constant, and with missing values."""
    normal = rng.standard_normal
    return {
        "normal": normal(rows),
        "sparse": insert_missing(normal(rows), 0.01, rng),
        "gapped": insert_missing(rng.gamma(2.0, 3.0, rows), 0.2, rng),
        "seldom": insert_missing(normal(rows), 0.95, rng),
        "lognormal": rng.lognormal(0, 2, rows),
        "exponential": rng.exponential(30.0, rows),
        "uniform": rng.uniform(-1, 1, rows),
        "heavy": rng.standard_t(1.5, rows),
        "two humps": np.where(rng.random(rows) < 0.3, normal(rows) - 4, normal(rows) + 4),
        "u-shaped": rng.beta(0.4, 0.4, rows),
        "capped": np.minimum(rng.exponential(1.0, rows), 2.0),
        "rounded": np.round(normal(rows), 1),
        "hour": rng.integers(0, 24, rows).astype(np.float64),
        "month": rng.choice(12, rows, p=compute_zipf(12)).astype(np.float64),
        "few": rng.poisson(1.0, rows).astype(np.float64),
        "count": rng.poisson(40.0, rows).astype(np.float64),
        "flag": (rng.random(rows) < 0.5).astype(np.float64),
        "rare flag": (rng.random(rows) < 0.02).astype(np.float64),
        "mostly zero": np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(5.0, rows)),
        "constant": np.full(rows, 7.0),
    }


def draw_categories(rng: np.random.Generator, rows: int) -> dict[str, Column]:
    """Draws four categories: three by Zipf's law, and a plan with the shares 50, 30 and 20%."""
    values_by_name = {
        name: np.array([f"{name}{index}" for index in range(size)])[rng.choice(size, rows, p=compute_zipf(size))]
        for name, size in (("carrier", 10), ("origin", 20), ("destination", 20))
    }
    return values_by_name | {"plan": np.array(["a", "b", "c"])[rng.choice(3, rows, p=[0.5, 0.3, 0.2])]}


def compute_zipf(size: int) -> npt.NDArray[np.float64]:
    weights = 1.0 / np.arange(1, size + 1)
    return weights / weights.sum()


def insert_missing(column: Column, share: float, rng: np.random.Generator) -> Column:
    """Replaces a random share of the values by missing ones."""
    return np.where(rng.random(len(column)) < share, np.nan, column)


def resample(population_columns: Columns, rows: int, rng: np.random.Generator) -> Columns:
    """Draws rows with replacement, each column independently."""
    return {name: column[rng.integers(0, len(column), rows)] for name, column in population_columns.items()}


def build_sample_reference(columns: Columns) -> Reference:
    """Builds the reference of a sample."""
    features = {
        name: column if column.dtype.kind == "f" else column.tolist()
        for name, column in columns.items()
        if name != SCORE
    }
    return build_reference(features, score=(SCORE, columns[SCORE]))


@dataclass(frozen=True)
class EmpiricalDistribution:
    """A column's values, prepared for counting in the bins of many references."""

    values: Column
    """The values in order, without missing ones; for categories, the distinct values."""
    tallies: Counts
    """For categories, the count of each distinct value; else empty."""
    rows: int
    """The number of rows, with the missing ones."""

    @classmethod
    def of(cls, column: Column) -> EmpiricalDistribution:
        if column.dtype.kind == "f":
            return cls(np.sort(column[~np.isnan(column)]), np.empty(0, np.int64), len(column))
        return cls(*np.unique(column, return_counts=True), len(column))

    def compute_shares(self, feature: Feature) -> Floats:
        """Returns the probability of each of a profile's counts."""
        return self.count_in_bins(feature) / self.rows

    def count_in_bins(self, feature: Feature) -> Counts:
        """Returns a profile's counts of these rows."""
        if isinstance(feature, NumericFeature):
            below = np.searchsorted(self.values, np.asarray(feature.edges, np.float64), "left")
            return np.append(np.diff(below, prepend=0, append=len(self.values)), self.rows - len(self.values))
        bins, counts = CategoryBinner(feature), np.zeros(feature.width, np.int64)
        for value, tally in zip(self.values.tolist(), self.tallies.tolist(), strict=True):
            counts[bins.bin(value)] += tally
        return counts


def build_distributions(population_columns: Columns) -> Distributions:
    return {name: EmpiricalDistribution.of(column) for name, column in population_columns.items()}
