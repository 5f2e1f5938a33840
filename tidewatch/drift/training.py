"""Builds a reference from the training data: quantile edges of numbers, the frequent values of categories."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TypeAlias

import numpy as np

from tidewatch.drift.errors import InvalidTraining
from tidewatch.drift.reference import (
    DECILES,
    HASHED,
    LONGEST_NAME,
    MOST_COLUMNS,
    POOLS,
    CategoryFeature,
    Counts,
    Feature,
    Floats,
    NumericFeature,
    Reference,
    hashed,
    pool_of,
)
from tidewatch.text import plain

QUANTILES = 1000
"""Numeric bins; the KS statistic is exact to the largest bin's share, a thousandth where values are not tied."""
NAMED = 50
"""Categories with a count of their own; the rest are counted together as other."""
KNOWN = 5_000
"""Categories remembered by name; a column with more is open."""
SHARED = 20
"""Rows of the training that must have a value for it to be kept as it is."""
FEW = 200
"""Values that a column may have for any to be kept as they are: one with more tells persons apart, or things."""
STEPS = 20
"""Into how many steps, about, the range of a column is cut that its minimum and maximum are rounded outwards to."""
LARGEST = 1e308
"""Numbers beyond it are none: they leave no room for an edge above them."""
MARGIN = 2.0**-8
"""Relative room around minimum and maximum: a value must not leave the range by being sent in half precision; that of
bfloat16 has eight bits."""

Column: TypeAlias = Floats | Sequence[str | None]
"""Numbers, NaN where missing; or category values, None where missing."""


def build(
    columns: Mapping[str, Column],
    *,
    score: tuple[str, Floats] | None = None,
    order: Sequence[str] | None = None,
    score_output: int | str | None = None,
) -> Reference:
    """The reference of a training table.

    columns: feature -> its values, shape (n,) each. score: its name and what the model answered, shape (n,). order:
    the request's columns where some are no features. The same data gives the same bytes. Raises InvalidTraining where
    there are no rows, lengths differ, names clash or are too long, or a number is as good as infinite.
    """
    _check_names([*columns, *(order or ()), *([score[0]] if score is not None else [])])
    rows = _rows(columns, score)
    features = tuple(_feature(name, values) for name, values in columns.items())
    if score is not None and score[0] in columns:
        raise InvalidTraining(f"the score {score[0]!r} is a feature too: rename one of the two columns")
    return Reference(
        rows=rows,
        columns=tuple(order if order is not None else columns),
        features=features,
        score=None if score is None else _numeric(score[0], np.asarray(score[1], np.float64)),
        score_output=score_output,
    )


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name:
            raise InvalidTraining("a column has no name: give it one")
        if len(name) > LONGEST_NAME:
            raise InvalidTraining(
                f"the name of the column '{plain(name, 40)}' has {len(name):,} characters, over the {LONGEST_NAME:,} "
                "of a reference: give it a shorter one"
            )


def _rows(columns: Mapping[str, Column], score: tuple[str, Floats] | None) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    if score is not None:
        lengths[score[0]] = len(score[1])
    if len(columns) > MOST_COLUMNS:
        raise InvalidTraining(f"{len(columns)} columns are more than the {MOST_COLUMNS} of a reference: name fewer")
    if not columns or not max(lengths.values()):
        raise InvalidTraining("the training data has no rows: a reference needs what the model was trained on")
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidTraining(f"the columns of the training data have different lengths: {told}")
    return next(iter(lengths.values()))


def _feature(name: str, values: Column) -> Feature:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return _numeric(name, np.asarray(values, np.float64))
    return _category(name, [None if value is None else str(value) for value in values])


def _numeric(name: str, values: Floats) -> NumericFeature:
    present = values[~np.isnan(values)]
    missing = len(values) - len(present)
    if not len(present):
        return NumericFeature(
            name=name, edges=(), counts=(0,), deciles=(), missing=missing, minimum=None, maximum=None
        )  # fmt: skip
    if beyond := int((np.abs(present) > LARGEST).sum()):
        raise InvalidTraining(
            f"the column {name!r} holds infinity, or a number near the largest there is, in {beyond} rows: it stands "
            "for something else; leave those cells empty, or leave the column out"
        )
    distinct, tallies = np.unique(present, return_counts=True)
    # -0.0 and 0.0 are one value to numpy; what is written shall be one as well.
    distinct = distinct + 0.0
    cuts = _cuts(tallies)
    inner = np.unique(cuts)
    least, most = _range(distinct, tallies)
    edges = np.array([_below(least), *_between(distinct, inner), _above(most)])
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


def _range(distinct: Floats, tallies: Counts) -> tuple[float, float]:
    """The column's minimum and maximum: as they are where many rows share them, else rounded outwards."""
    least, most = float(distinct[0]), float(distinct[-1])
    wide = max(most / STEPS - least / STEPS, abs(least) / STEPS if len(distinct) == 1 else 0.0)
    digits = -math.floor(math.log10(wide)) if wide > 0 else 0
    if tallies[0] < SHARED:
        least = max(min(least, _rounded(least, digits, ROUND_FLOOR)), -LARGEST)
    if tallies[-1] < SHARED:
        most = min(max(most, _rounded(most, digits, ROUND_CEILING)), LARGEST)
    return least, most


def _rounded(value: float, digits: int, direction: str) -> float:
    """A number to so many decimal digits, tens and hundreds where that is negative; exact, as decimals are."""
    return float(Decimal(value).quantize(Decimal(1).scaleb(-digits), direction, Context(prec=800)))


def _cuts(tallies: Counts) -> Counts:
    """Where to cut distinct values with these tallies into about equal bins: cut i lies before the i-th value.

    Each quantile takes the nearest place between two distinct values, so that a tie is never cut; quantiles may meet at
    one place. Shape (QUANTILES - 1,), or empty where there is one value only.
    """
    before = np.cumsum(tallies)[:-1]
    if not len(before):
        return np.empty(0, np.int64)
    wanted = np.arange(1, QUANTILES) * (int(tallies.sum()) / QUANTILES)
    upper = np.minimum(np.searchsorted(before, wanted), len(before) - 1)
    lower = np.maximum(upper - 1, 0)
    return np.where(wanted - before[lower] < before[upper] - wanted, lower, upper) + 1


def _between(distinct: Floats, cuts: Counts) -> Floats:
    """Halfway between the values on both sides of each cut, in a form that cannot overflow.

    Neither side's rounding to float32 moves it across, unless the two values are the same in float32.
    """
    below, above = distinct[cuts - 1], distinct[cuts]
    middle = below / 2 + above / 2
    return np.where(middle > below, middle, above)


def _below(value: float) -> float:
    return float(np.nextafter(value - MARGIN * abs(value), -np.inf))


def _above(value: float) -> float:
    return float(np.nextafter(value + MARGIN * abs(value), np.inf))


def _category(name: str, values: Sequence[str | None]) -> CategoryFeature:
    tallies = Counter(value for value in values if value is not None)
    if long := [value for value in tallies if len(value) > LONGEST_NAME]:
        raise InvalidTraining(
            f"the column {name!r} holds texts of over {LONGEST_NAME} characters, {len(long)} of them: they are no "
            "categories; leave the column out"
        )
    ranked = sorted(tallies.items(), key=lambda item: (-item[1], item[0]))
    named, rest = ranked[:NAMED], ranked[NAMED:]
    many, few = len(ranked) > KNOWN, len(ranked) <= FEW
    salt = _salt(name, ranked)

    def kept(value: str, count: int) -> str:
        clear = few and count >= SHARED and not value.startswith(HASHED)
        return value if clear else hashed(value, salt)

    return CategoryFeature(
        name=name,
        values=tuple(kept(*each) for each in named),
        counts=tuple(count for _, count in named),
        others=() if many else tuple(sorted(kept(*each) for each in rest)),
        other=sum(count for _, count in rest),
        singletons=sum(1 for _, count in ranked if count == 1),
        doubletons=sum(1 for _, count in ranked if count == 2),
        open=many,
        missing=len(values) - sum(tallies.values()),
        salt=salt,
        pools=_dealt(rest, salt),
    )


def _dealt(rest: Sequence[tuple[str, int]], salt: str) -> tuple[int, ...]:
    """The rows of values without a count of their own, by pool; () where there is none."""
    pools = [0] * POOLS
    for value, count in rest:
        pools[pool_of(hashed(value, salt))] += count
    return tuple(pools) if rest else ()


def _salt(name: str, ranked: Sequence[tuple[str, int]]) -> str:
    """Of this column of this training alone, and the same each time: the same data gives the same bytes."""
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    for value, count in ranked:
        digest.update(f"{len(value)}:{value}{count};".encode())
    return digest.hexdigest()
