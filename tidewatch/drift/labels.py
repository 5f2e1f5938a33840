"""Labels of categories that are codes: a report says `"17: Lisbon"` where a record holds 17."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from tidewatch.drift.batches import Table, Texts
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.reference import LONGEST_NAME, CategoryFeature, Reference

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
        read = [Texts().read(batch.frame[name]) for name in COLUMNS]
        if batch.misfits or any(None in part for part in read):
            raise InvalidTable(f"{source} has a row that does not hold a column, a value and a label: mend it")
        for column, value, label in zip(*read, strict=True):
            assert column is not None
            assert value is not None
            assert label is not None
            if found[column].setdefault(value, label) != label:
                raise InvalidTable(f"{source} gives two labels to the value {value!r} of {column!r}: keep one of them")
            if len(label) > LONGEST_NAME:
                raise InvalidTable(f"{source} has a label of over {LONGEST_NAME} characters: shorten it")
    return found


def label(reference: Reference, labels: Labels) -> Reference:
    """The reference with these labels. A value that is hashed gets none: its label would tell what it is.

    Raises InvalidTable where labels are given to what is no category feature.
    """
    categories = [one.name for one in reference.features if isinstance(one, CategoryFeature)]
    if unknown := sorted(labels.keys() - set(categories)):
        raise InvalidTable(
            f"labels are given to {', '.join(map(repr, unknown))}, which is no category feature; the category features "
            f"are {', '.join(categories) or 'none'}"
        )
    features = [
        msgspec.structs.replace(one, labels=tuple(labels[one.name].get(value, "") for value in one.values))
        if isinstance(one, CategoryFeature) and one.name in labels
        else one
        for one in reference.features
    ]
    return msgspec.structs.replace(reference, features=tuple(features))
