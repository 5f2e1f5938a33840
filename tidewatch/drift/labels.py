"""Labels of categories that are codes: a report says `"17: Lisbon"` where a record holds 17."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from tidewatch.capture.reasons import Unreadable
from tidewatch.drift.batches import Batch, Table, Texts, must_have, told
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.reference import LONGEST_NAME, CategoryFeature, Reference, hashed
from tidewatch.drift.training import FEW, NAMED, SHARED
from tidewatch.text import one_line

COLUMNS = ("column", "value", "label")
Labels: TypeAlias = Mapping[str, Mapping[str, str]]
"""Column -> value, as a category is spelled -> its label."""


def read_labels(table: Table, source: str) -> Labels:
    """The labels in a table of the columns `column`, `value` and `label`; `source` names it in messages.

    Raises InvalidTable where it has other columns, a row is not whole, or a value has two labels.
    """
    if set(table.names) != set(COLUMNS):
        raise InvalidTable(
            f"{source} has the columns {', '.join(table.names)}: labels stand in a table of column, value and label"
        )
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for batch in table.batches(COLUMNS):
        if batch.misfits:
            raise InvalidTable(told(source, batch.misfits[0]))
        for column, value, label in _rows(batch, source):
            if found[column].setdefault(value, label) != label:
                raise InvalidTable(f"{source} gives two labels to the value {value!r} of {column!r}: keep one of them")
            if len(label) > LONGEST_NAME:
                raise InvalidTable(f"{source} has a label of over {LONGEST_NAME} characters: shorten it")
    return found


def _rows(batch: Batch, source: str) -> Iterator[tuple[str, str, str]]:
    """Columns and labels are names, kept as they are; values are spelled as in records."""
    import polars as pl

    try:
        values = Texts().read(batch.frame["value"])
    except Unreadable as error:
        raise InvalidTable(f"{source} gives a label to infinity, which is no category: leave it out") from error
    columns, labels = (batch.frame[name].cast(pl.String).to_list() for name in ("column", "label"))
    for column, value, label in zip(columns, values, labels, strict=True):
        if not column or value is None or not label:
            raise InvalidTable(
                f"{source} has a row that does not hold a column, a value and a label, but {column or ''!r}, "
                f"{value or ''!r} and {label or ''!r}: mend it"
            )
        yield column, value, label


def must_fit(labels: Labels, table: Table, source: str) -> None:
    """Raises InvalidTable where labels are given to a column that the table has not."""
    for name in labels:
        must_have(table, name, f"{source} gives labels to {name!r}: ")


def label(reference: Reference, labels: Labels, source: str, note: Callable[[str], None] | None = None) -> Reference:
    """The reference with these labels. A value that is hashed gets none: its label would tell what it is.

    note: is called with a sentence for each column of which no label is kept. Raises InvalidTable where labels are
    given to what is no category feature.
    """
    categories = [one.name for one in reference.features if isinstance(one, CategoryFeature)]
    if unknown := sorted(labels.keys() - set(categories)):
        raise InvalidTable(
            f"{source} gives labels to {', '.join(map(repr, unknown))}, which is no category feature; the category "
            f"features are {', '.join(categories) or 'none'}"
        )
    features = [
        _labelled(one, labels[one.name], source, note)
        if isinstance(one, CategoryFeature) and one.name in labels
        else one
        for one in reference.features
    ]
    return msgspec.structs.replace(reference, features=tuple(features))


def _labelled(
    feature: CategoryFeature, labels: Mapping[str, str], source: str, note: Callable[[str], None] | None
) -> CategoryFeature:
    kept = tuple(labels.get(value, "") for value in feature.values)
    if any(kept):
        return msgspec.structs.replace(feature, labels=kept)
    if note is not None:
        note(f"no label of {one_line(feature.name)} is kept: {_why(feature, labels, source)}")
    return feature


def _why(feature: CategoryFeature, labels: Mapping[str, str], source: str) -> str:
    if feature.open or len(feature.values) + len(feature.others) > FEW:
        return f"it has more than {FEW} values, and so all are kept hashed"
    known = {*feature.values, *feature.others}
    if any(value in feature.others for value in labels):
        return f"only its {NAMED} most frequent values have one"
    if any(hashed(value, feature.salt) in known for value in labels):
        return f"a value that fewer than {SHARED} rows hold is kept hashed"
    value = next(iter(labels))
    return f"it has none of the values in {source}, the first of them {one_line(value, 40)!r}"
