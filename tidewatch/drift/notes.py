"""What is worth a second look in the columns of a reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from shlex import quote

import numpy as np

from tidewatch.drift.reference import Feature, Floats, NumericFeature
from tidewatch.drift.training import Column
from tidewatch.text import one_line

ENOUGH = 50
"""Rows with a value from which a column of whole numbers without a second of any may be told to be an id."""


def notes(features: Iterable[Feature], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence for each column that tells nothing, or looks as if it were no feature."""
    for feature in features:
        told = one_line(feature.name)
        leave = f"--exclude {quote(told)} leaves it out"
        if not feature.total:
            yield f"{told} has no value in any row: whatever comes later is reported as new"
        elif isinstance(feature, NumericFeature):
            values = np.asarray(columns[feature.name], np.float64)
            if _counts_up(values):
                yield f"{told} counts the rows up: is it the index of a data frame, or an id? {leave}"
            elif _are_ids(values):
                yield f"no two rows share a value of {told}, a whole number: is it an id? {leave}"
        elif feature.singletons > 0.5 * feature.total:
            yield f"most values of {told} occur once, so nothing can be told of it: is it an id, or a time? {leave}"


def _counts_up(values: Floats) -> bool:
    return len(values) >= ENOUGH and bool((np.diff(values) == 1).all())


def _are_ids(values: Floats) -> bool:
    present = values[~np.isnan(values)]
    if len(present) < ENOUGH or not (present == np.floor(present)).all():
        return False
    return len(np.unique(present)) == len(present)
