"""What is worth a second look in the columns of a reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from shlex import quote

import numpy as np

from tidewatch.drift.reference import CategoryFeature, Floats, NumericFeature, Reference
from tidewatch.drift.training import Column
from tidewatch.text import one_line, unseen

ENOUGH = 50
"""Rows with a value from which a column of whole numbers without a second of any may be told to be an id."""
MOST = 0.9
"""A share of a column's values from which it is one of dates."""
_CLOCK = r"(?:[T ]\d{1,2}:\d\d.*)?"
_DATE = re.compile(
    rf"\d{{4}}[-/.]\d{{1,2}}(?:[-/.]\d{{1,2}})?{_CLOCK}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}}{_CLOCK}", re.ASCII
)


def notes(reference: Reference, columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence for each column that tells nothing, or looks as if it were no feature."""
    for feature in reference.features:
        told = one_line(feature.name)
        leave = f"--exclude {_typed(feature.name)} leaves it out"
        if not feature.total:
            yield f"{told} has no value in any row: whatever comes later is reported as new"
        elif isinstance(feature, NumericFeature):
            values = np.asarray(columns[feature.name], np.float64)
            if _counts_up(values):
                yield f"{told} counts the rows up: is it the index of a data frame, or an id? {leave}"
            elif _are_ids(values):
                yield f"no two rows share a value of {told}, a whole number: is it an id? {leave}"
        else:
            yield from _of_categories(feature, columns[feature.name], leave)
    if reference.score is not None and not reference.score.total:
        yield (
            f"the score {one_line(reference.score.name)} has no value in any row, so answers cannot be judged: name "
            "the column of the model's answers, or leave --score out"
        )


def among_numbers(name: str, share: float, example: str) -> str:
    """The sentence for a column that would be one of numbers, but for this share of its values."""
    return (
        f"{one_line(name)} holds numbers but for {share:.1%} of its values, the first {example!r}, and so became a "
        "category: if that stands for a missing value, empty those cells"
    )


def _of_categories(feature: CategoryFeature, values: Column, leave: str) -> Iterator[str]:
    told = one_line(feature.name)
    if _are_dates({str(value) for value in values if value is not None}):
        yield (
            f"{told} holds dates, and later ones will all be new: give the model what comes again, such as the weekday "
            f"or the month, or {leave}"
        )
    elif feature.singletons > 0.5 * feature.total:
        yield f"most values of {told} occur once, so nothing can be told of it: is it an id, or a time? {leave}"


def _typed(name: str) -> str:
    """The name as a shell reads it whole, also where it holds what is not seen. Source: bash, "ANSI-C Quoting"."""
    if not any(map(unseen, name)):
        return quote(name)
    return "$'" + "".join(f"\\U{ord(each):08x}" if unseen(each) or each in "'\\" else each for each in name) + "'"


def _counts_up(values: Floats) -> bool:
    return len(values) >= ENOUGH and bool((np.diff(values) == 1).all())


def _are_ids(values: Floats) -> bool:
    present = values[~np.isnan(values)]
    if len(present) < ENOUGH or not (present == np.floor(present)).all():
        return False
    return len(np.unique(present)) == len(present)


def _are_dates(values: set[str]) -> bool:
    return sum(_DATE.fullmatch(value) is not None for value in values) >= MOST * len(values)
