"""Builds a reference from the training data: quantile edges for numbers, the frequent values for categories."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TypeAlias

import numpy as np

from tidewatch.arrays import Counts, Floats
from tidewatch.drift.errors import InvalidTraining
from tidewatch.drift.reference import (
    DECILES,
    HASH_PREFIX,
    MAX_COLUMNS,
    MAX_NAME_LENGTH,
    POOLS,
    CategoryFeature,
    Feature,
    NumericFeature,
    Reference,
    hash_to_pool,
    hash_value,
)
from tidewatch.text import sanitize

QUANTILES = 1000
"""The number of numeric bins. The KS statistic is exact to the largest bin's share, a thousandth without ties."""
MAX_NAMED_VALUES = 50
"""The number of categories with a count of their own. The rest is counted together as other."""
MAX_KNOWN_VALUES = 5_000
"""The number of categories that are remembered by name. A column with more is open."""
MIN_CLEAR_ROWS = 20
"""The number of training rows that must have a value for it to be stored unhashed."""
MAX_CLEAR_VALUES = 200
"""The number of values up to which a column's values may be stored unhashed. A column with more distinguishes persons
or things."""
RANGE_ROUNDING_STEPS = 20
"""The approximate number of steps in a column's range; its minimum and maximum are rounded outwards to a step."""
MAX_MAGNITUDE = 1e308
"""Larger numbers are rejected: they leave no room for an edge above them."""
RANGE_MARGIN = 2.0**-8
"""The relative margin around minimum and maximum: a value sent in half precision must stay inside. bfloat16 has eight
bits."""

ColumnValues: TypeAlias = Floats | Sequence[str | None]
"""Numbers, with NaN for missing, or category values, with None for missing."""


def build_reference(
    columns: Mapping[str, ColumnValues],
    *,
    score: tuple[str, Floats] | None = None,
    order: Sequence[str] | None = None,
    score_output: int | str | None = None,
) -> Reference:
    """Builds the reference of a training table. The same data gives the same bytes.

    `columns` maps each feature to its values, of shape (n,). `score` is its name and the model's answers, of shape
    (n,). `order` lists the request's columns if some are no features. Raises InvalidTraining if there are no rows,
    lengths differ, names clash or are too long, or a number is practically infinite.
    """
    _require_valid_names([*columns, *(order or ()), *([score[0]] if score is not None else [])])
    rows = _count_rows(columns, score)
    features = tuple(_build_feature(name, values) for name, values in columns.items())
    if score is not None and score[0] in columns:
        raise InvalidTraining(f"the score {score[0]!r} is a feature too: rename one of the two columns")
    return Reference(
        rows=rows,
        columns=tuple(order if order is not None else columns),
        features=features,
        score=None if score is None else _build_numeric(score[0], np.asarray(score[1], np.float64)),
        score_output=score_output,
    )


def _require_valid_names(names: Sequence[str]) -> None:
    for name in names:
        if not name:
            raise InvalidTraining("a column has no name: give it one")
        if len(name) > MAX_NAME_LENGTH:
            raise InvalidTraining(
                f"the name of the column '{sanitize(name, 40)}' has {len(name):,} characters, over the "
                f"{MAX_NAME_LENGTH:,} "
                "of a reference: give it a shorter one"
            )


def _count_rows(columns: Mapping[str, ColumnValues], score: tuple[str, Floats] | None) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    if score is not None:
        lengths[score[0]] = len(score[1])
    if len(columns) > MAX_COLUMNS:
        raise InvalidTraining(f"{len(columns)} columns are more than the {MAX_COLUMNS} of a reference: name fewer")
    if not columns or not max(lengths.values()):
        raise InvalidTraining("the training data has no rows: a reference needs the model's training data")
    if len(set(lengths.values())) > 1:
        lengths_text = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidTraining(f"the columns of the training data have different lengths: {lengths_text}")
    return next(iter(lengths.values()))


def _build_feature(name: str, values: ColumnValues) -> Feature:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return _build_numeric(name, np.asarray(values, np.float64))
    return _build_category(name, [None if value is None else str(value) for value in values])


def _build_numeric(name: str, values: Floats) -> NumericFeature:
    present = values[~np.isnan(values)]
    missing = len(values) - len(present)
    if not len(present):
        return NumericFeature(
            name=name, edges=(), counts=(0,), deciles=(), missing=missing, minimum=None, maximum=None
        )  # fmt: skip
    if beyond := int((np.abs(present) > MAX_MAGNITUDE).sum()):
        raise InvalidTraining(
            f"the column {name!r} holds infinity, or a number near the largest possible, in {beyond} rows: it "
            "probably marks something else; empty those cells, or exclude the column"
        )
    distinct, tallies = np.unique(present, return_counts=True)
    # numpy treats -0.0 and 0.0 as one value, so only one of them is written.
    distinct = distinct + 0.0
    cuts = _compute_cuts(tallies)
    inner = np.unique(cuts)
    least, most = _compute_range(distinct, tallies)
    edges = np.array([_compute_lower_edge(least), *_compute_midpoints(distinct, inner), _compute_upper_edge(most)])
    counts = np.bincount(np.searchsorted(edges, distinct, "right"), weights=tallies, minlength=len(edges) + 1)
    step = QUANTILES // DECILES
    tenths = np.unique(np.searchsorted(inner, cuts[step - 1 :: step])) + 1
    return NumericFeature(
        name=name,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.astype(np.int64).tolist()),
        deciles=tuple(tenths.tolist()),
        missing=missing,
        minimum=least,
        maximum=most,
    )


def _compute_range(distinct: Floats, tallies: Counts) -> tuple[float, float]:
    """Returns the column's minimum and maximum. They are exact if many rows share them, else rounded outwards."""
    least, most = float(distinct[0]), float(distinct[-1])
    resolution = max(
        most / RANGE_ROUNDING_STEPS - least / RANGE_ROUNDING_STEPS,
        abs(least) / RANGE_ROUNDING_STEPS if len(distinct) == 1 else 0.0,
    )
    digits = -math.floor(math.log10(resolution)) if resolution > 0 else 0
    if tallies[0] < MIN_CLEAR_ROWS:
        least = max(min(least, _round_to_digits(least, digits, ROUND_FLOOR)), -MAX_MAGNITUDE)
    if tallies[-1] < MIN_CLEAR_ROWS:
        most = min(max(most, _round_to_digits(most, digits, ROUND_CEILING)), MAX_MAGNITUDE)
    return least, most


def _round_to_digits(value: float, digits: int, direction: str) -> float:
    """Returns a number rounded to decimal digits, exactly. Negative digits round to tens and hundreds."""
    return float(Decimal(value).quantize(Decimal(1).scaleb(-digits), direction, Context(prec=800)))


def _compute_cuts(tallies: Counts) -> Counts:
    """Returns where to cut distinct values with these tallies into about equal bins. Cut i is before the i-th value.

    Each quantile takes the nearest position between two distinct values, so that a tie is never cut; several quantiles
    may share a position. The shape is (QUANTILES - 1,), or empty for a single value.
    """
    before = np.cumsum(tallies)[:-1]
    if not len(before):
        return np.empty(0, np.int64)
    targets = np.arange(1, QUANTILES) * (int(tallies.sum()) / QUANTILES)
    upper = np.minimum(np.searchsorted(before, targets), len(before) - 1)
    lower = np.maximum(upper - 1, 0)
    return np.where(targets - before[lower] < before[upper] - targets, lower, upper) + 1


def _compute_midpoints(distinct: Floats, cuts: Counts) -> Floats:
    """Returns the midpoints between the values on both sides of each cut, without overflow.

    Rounding either value to float32 does not move it across, unless both are equal in float32.
    """
    below, above = distinct[cuts - 1], distinct[cuts]
    middle = below / 2 + above / 2
    return np.where(middle > below, middle, above)


def _compute_lower_edge(value: float) -> float:
    return float(np.nextafter(value - RANGE_MARGIN * abs(value), -np.inf))


def _compute_upper_edge(value: float) -> float:
    return float(np.nextafter(value + RANGE_MARGIN * abs(value), np.inf))


def _build_category(name: str, values: Sequence[str | None]) -> CategoryFeature:
    tallies = Counter(value for value in values if value is not None)
    if too_long := [value for value in tallies if len(value) > MAX_NAME_LENGTH]:
        raise InvalidTraining(
            f"the column {name!r} holds texts of over {MAX_NAME_LENGTH} characters, {len(too_long)} of them: they "
            "are not categories; exclude the column"
        )
    ranked = sorted(tallies.items(), key=lambda item: (-item[1], item[0]))
    named, rest = ranked[:MAX_NAMED_VALUES], ranked[MAX_NAMED_VALUES:]
    is_open, has_few_values = len(ranked) > MAX_KNOWN_VALUES, len(ranked) <= MAX_CLEAR_VALUES
    salt = _derive_salt(name, ranked)

    def conceal_rare(value: str, count: int) -> str:
        clear = has_few_values and count >= MIN_CLEAR_ROWS and not value.startswith(HASH_PREFIX)
        return value if clear else hash_value(value, salt)

    return CategoryFeature(
        name=name,
        values=tuple(conceal_rare(*each) for each in named),
        counts=tuple(count for _, count in named),
        other_values=() if is_open else tuple(sorted(conceal_rare(*each) for each in rest)),
        other_rows=sum(count for _, count in rest),
        singletons=sum(1 for _, count in ranked if count == 1),
        doubletons=sum(1 for _, count in ranked if count == 2),
        is_open=is_open,
        missing=len(values) - sum(tallies.values()),
        salt=salt,
        pool_rows=_count_pools(rest, salt),
    )


def _count_pools(rest: Sequence[tuple[str, int]], salt: str) -> tuple[int, ...]:
    """Returns the rows of values without a count of their own by pool, or () if there are none."""
    pools = [0] * POOLS
    for value, count in rest:
        pools[hash_to_pool(hash_value(value, salt))] += count
    return tuple(pools) if rest else ()


def _derive_salt(name: str, ranked: Sequence[tuple[str, int]]) -> str:
    """Derives the salt from this column of this training, so that the same data gives the same bytes."""
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    for value, count in ranked:
        digest.update(f"{len(value)}:{value}{count};".encode())
    return digest.hexdigest()
