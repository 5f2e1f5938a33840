"""Labels of categories that are codes: a report then shows `"17: Lisbon"` if a record has 17."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from tidewatch.capture.reject_reasons import RecordRejected
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.reference import MAX_NAME_LENGTH, CategoryFeature, Reference, hash_value
from tidewatch.drift.tables.table_batches import (
    Batch,
    CategoryReader,
    Table,
    describe_bad_row,
    require_column,
)
from tidewatch.drift.training.reference_builder import (
    MAX_CLEAR_VALUES,
    MAX_NAMED_VALUES,
    MIN_CLEAR_ROWS,
)
from tidewatch.text import collapse_whitespace

LABEL_COLUMNS = ("column", "value", "label")
Labels: TypeAlias = Mapping[str, Mapping[str, str]]
"""By column, then by value as a category is spelled."""


def read_labels(table: Table, source: str) -> Labels:
    """Reads labels from a table with the columns `column`, `value` and `label`; `source` names it in messages.

    Raises InvalidTable if it has other columns, a row is incomplete, or a value has two labels.
    """
    if set(table.names) != set(LABEL_COLUMNS):
        raise InvalidTable(
            f"{source} has the columns {', '.join(table.names)}: give labels as a table of column, value and label"
        )
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for batch in table.iter_batches(LABEL_COLUMNS):
        if batch.bad_rows:
            raise InvalidTable(describe_bad_row(source, batch.bad_rows[0]))
        for column, value, label in _read_rows(batch, source):
            if found[column].setdefault(value, label) != label:
                raise InvalidTable(f"{source} gives two labels to the value {value!r} of {column!r}: keep one of them")
            if len(label) > MAX_NAME_LENGTH:
                raise InvalidTable(f"{source} has a label of over {MAX_NAME_LENGTH} characters: shorten it")
    return found


def _read_rows(batch: Batch, source: str) -> Iterator[tuple[str, str, str]]:
    """Yields column, value and label.

    Columns and labels stay as they are; values are normalized like those of records.
    """
    import polars as pl

    try:
        values = CategoryReader().read(batch.frame["value"])
    except RecordRejected as error:
        raise InvalidTable(f"{source} gives a label to infinity, which is not a category: remove it") from error
    columns, labels = (batch.frame[name].cast(pl.String).to_list() for name in ("column", "label"))
    for column, value, label in zip(columns, values, labels, strict=True):
        if not column or value is None or not label:
            raise InvalidTable(
                f"{source} has a row that does not hold a column, a value and a label, but {column or ''!r}, "
                f"{value or ''!r} and {label or ''!r}: mend it"
            )
        yield column, value, label


def require_label_columns(labels: Labels, table: Table, source: str) -> None:
    """Raises InvalidTable if there are labels for a column that the table does not have."""
    for name in labels:
        require_column(table, name, f"{source} gives labels to {name!r}: ")


def apply_labels(
    reference: Reference, labels: Labels, source: str, note: Callable[[str], None] | None = None
) -> Reference:
    """Returns the reference with these labels. A hashed value gets none, because its label would reveal it.

    `note` is called with a sentence for each column that keeps no label. Raises InvalidTable for labels of a column
    that is no category feature.
    """
    categories = [feature.name for feature in reference.features if isinstance(feature, CategoryFeature)]
    if unknown := sorted(labels.keys() - set(categories)):
        raise InvalidTable(
            f"{source} gives labels to {', '.join(map(repr, unknown))}, which is not a category feature; the "
            f"category features are {', '.join(categories) or 'none'}"
        )
    features = [
        _apply_to_feature(feature, labels[feature.name], source, note)
        if isinstance(feature, CategoryFeature) and feature.name in labels
        else feature
        for feature in reference.features
    ]
    return msgspec.structs.replace(reference, features=tuple(features))


def _apply_to_feature(
    feature: CategoryFeature, labels: Mapping[str, str], source: str, note: Callable[[str], None] | None
) -> CategoryFeature:
    feature_labels = tuple(labels.get(value, "") for value in feature.values)
    if any(feature_labels):
        return msgspec.structs.replace(feature, labels=feature_labels)
    if note is not None:
        note(
            f"no label of {collapse_whitespace(feature.name)} is kept: "
            f"{_explain_missing_labels(feature, labels, source)}"
        )
    return feature


def _explain_missing_labels(feature: CategoryFeature, labels: Mapping[str, str], source: str) -> str:
    if feature.is_open or len(feature.values) + len(feature.other_values) > MAX_CLEAR_VALUES:
        return f"it has more than {MAX_CLEAR_VALUES} values, so all are kept hashed"
    known = {*feature.values, *feature.other_values}
    if any(value in feature.other_values for value in labels):
        return f"only its {MAX_NAMED_VALUES} most frequent values have one"
    if any(hash_value(value, feature.salt) in known for value in labels):
        return f"a value that fewer than {MIN_CLEAR_ROWS} rows hold is kept hashed"
    value = next(iter(labels))
    return f"it has none of the values in {source}, the first of them {collapse_whitespace(value, 40)!r}"
