"""Counts the rows of a table, of training or of production, against a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatch.arrays import Floats, Mask
from tidewatch.capture.accounting import AccountingBuilder
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.drift.counting.binning import Binner
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference
from tidewatch.drift.tables.table_batches import (
    Batch,
    CategoryReader,
    Progress,
    Table,
    read_numeric_column,
)


@dataclass(frozen=True)
class TableCounts:
    """The profile of a table, and the measured columns that the table does not have."""

    profile: Profile
    absent_columns: frozenset[str]


def count_table(table: Table, reference: Reference, source: str, progress: Progress | None = None) -> TableCounts:
    """Counts a table. Every row is one record; columns that the reference does not have are not read.

    `source` names the table in examples of rejected rows.
    """
    measured_names = [feature.name for feature in reference.measured_features]
    present = [name for name in measured_names if name in table.names]
    rows = _TableCounter(reference, source, frozenset(present))
    # At least one column is needed to count the rows.
    for batch in table.iter_batches(present or table.names[:1], progress):
        rows.add(batch)
    return TableCounts(rows.profile(), frozenset(measured_names) - frozenset(present))


class _TableCounter:
    """Counts batches of rows. A row with an invalid value is rejected as a whole."""

    def __init__(self, reference: Reference, source: str, present: frozenset[str]) -> None:
        self._reference, self._source, self._present = reference, source, present
        self._binner = Binner(reference)
        self._readers = {
            feature.name: CategoryReader() for feature in reference.features if isinstance(feature, CategoryFeature)
        }
        self._counts = self._binner.zeros()
        self._accounting = AccountingBuilder()

    def profile(self) -> Profile:
        accounting = self._accounting.build()
        return Profile(self._reference.digest, accounting, accounting.parsed, tuple(self._counts))

    def add(self, batch: Batch) -> None:
        for bad_row in batch.bad_rows:
            self._accounting.reject(self._source, bad_row.start, bad_row.reason)
        is_accepted, columns = self._read_numbers(batch)
        self._accounting.add_parsed(int(is_accepted.sum()))
        numeric = [
            columns[feature.name][is_accepted]
            for feature in self._reference.features
            if isinstance(feature, NumericFeature)
        ]
        score = self._reference.score
        counted = self._binner.count(
            np.stack(numeric, axis=1) if numeric else np.empty((int(is_accepted.sum()), 0)),
            [self._read_categories(batch, name, is_accepted) for name in self._readers],
            columns[score.name][is_accepted] if score is not None and score.name in self._present else None,
        )
        for total, more in zip(self._counts, counted, strict=True):
            total += more

    def _read_numbers(self, batch: Batch) -> tuple[Mask, dict[str, Floats]]:
        """Returns which rows can be counted, and the numeric columns with the score's."""
        is_accepted = np.ones(len(batch.starts), np.bool_)
        columns: dict[str, Floats] = {}
        for feature in self._reference.measured_features:
            if feature.name not in self._present:
                columns[feature.name] = np.full(len(is_accepted), np.nan)
            elif isinstance(feature, NumericFeature) or batch.frame[feature.name].dtype.is_float():
                is_binary = isinstance(feature, NumericFeature) and feature.is_binary
                parsed = read_numeric_column(batch.frame[feature.name], is_binary=is_binary)
                is_bad = parsed.is_invalid | parsed.is_infinite
                for index in np.flatnonzero(is_accepted & is_bad):
                    reason = RejectReason.NOT_A_NUMBER if parsed.is_invalid[index] else RejectReason.NOT_FINITE
                    self._accounting.reject(self._source, int(batch.starts[index]), reason, feature.name)
                is_accepted &= ~is_bad
                columns[feature.name] = parsed.values
        return is_accepted, columns

    def _read_categories(self, batch: Batch, name: str, is_accepted: Mask) -> list[str | None]:
        if name not in self._present:
            return [None] * int(is_accepted.sum())
        return self._readers[name].read(batch.frame[name].filter(is_accepted))
