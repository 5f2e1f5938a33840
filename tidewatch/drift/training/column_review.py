"""Reviews the columns of a reference for mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from shlex import quote

import numpy as np

from tidewatch.arrays import Floats
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference
from tidewatch.drift.training.reference_builder import ColumnValues
from tidewatch.text import collapse_whitespace, is_invisible

MIN_ID_ROWS = 50
"""The least number of rows with a value for which a column of distinct whole numbers may be an id."""
MIN_DATE_SHARE = 0.9
"""The least share of dates that makes a column one of dates."""
_CLOCK = r"(?:[T ]\d{1,2}:\d\d.*)?"
_DATE = re.compile(
    rf"\d{{4}}[-/.]\d{{1,2}}(?:[-/.]\d{{1,2}})?{_CLOCK}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}}{_CLOCK}", re.ASCII
)


def review_columns(reference: Reference, columns: Mapping[str, ColumnValues]) -> Iterator[str]:
    """Yields a sentence for each column that carries no information or looks like no feature."""
    for feature in reference.features:
        name = collapse_whitespace(feature.name)
        exclude_hint = f"--exclude {_quote_for_shell(feature.name)} leaves it out"
        if not feature.total:
            yield f"{name} has no value in any row: every later value is reported as new"
        elif isinstance(feature, NumericFeature):
            values = np.asarray(columns[feature.name], np.float64)
            if _is_row_count(values):
                yield f"{name} counts the rows up: is it the index of a data frame, or an id? {exclude_hint}"
            elif _is_id_column(values):
                yield f"no two rows share a value of {name}, a whole number: is it an id? {exclude_hint}"
        else:
            yield from _review_category(feature, columns[feature.name], exclude_hint)
    if reference.score is not None and not reference.score.total:
        yield (
            f"the score {collapse_whitespace(reference.score.name)} has no value in any row, so answers cannot be "
            "compared: name the column of the model's answers, or remove --score"
        )


def describe_mixed_column(name: str, share: float, example: str) -> str:
    """Returns the sentence for a column that would be numeric except for this share of its values."""
    return (
        f"{collapse_whitespace(name)} holds numbers except for {share:.1%} of its values, the first {example!r}, so "
        "it became a category: if this means a missing value, empty those cells"
    )


def _review_category(feature: CategoryFeature, values: ColumnValues, exclude_hint: str) -> Iterator[str]:
    name = collapse_whitespace(feature.name)
    if _is_date_column({str(value) for value in values if value is not None}):
        yield (
            f"{name} holds dates, and all later dates will be new: give the model a value that recurs, such as the "
            f"weekday or the month, or {exclude_hint}"
        )
    elif feature.singletons > 0.5 * feature.total:
        yield (
            f"most values of {name} occur once, so its drift cannot be measured: is it an id, or a time? {exclude_hint}"
        )


def _quote_for_shell(name: str) -> str:
    """Quotes a name for a shell, even if it contains invisible characters. Source: bash, "ANSI-C Quoting"."""
    if not any(map(is_invisible, name)):
        return quote(name)
    return (
        "$'"
        + "".join(
            f"\\U{ord(character):08x}" if is_invisible(character) or character in "'\\" else character
            for character in name
        )
        + "'"
    )


def _is_row_count(values: Floats) -> bool:
    return len(values) >= MIN_ID_ROWS and bool((np.diff(values) == 1).all())


def _is_id_column(values: Floats) -> bool:
    present = values[~np.isnan(values)]
    if len(present) < MIN_ID_ROWS or not (present == np.floor(present)).all():
        return False
    return len(np.unique(present)) == len(present)


def _is_date_column(values: set[str]) -> bool:
    return sum(_DATE.fullmatch(value) is not None for value in values) >= MIN_DATE_SHARE * len(values)
