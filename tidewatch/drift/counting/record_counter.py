"""Counts records one by one, in every format that the capture parser accepts. Only it decides what is rejected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidewatch.arrays import Counts, Floats
from tidewatch.capture.accounting import Accounting, AccountingBuilder
from tidewatch.capture.record import Record, decode_record
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.rows import ColumnSpec, RecordRows, RecordSchema, extract_rows
from tidewatch.capture.scores import ScoreSelector
from tidewatch.drift.counting.binning import Binner
from tidewatch.drift.reference import NumericFeature, Reference

MAX_BUFFERED_ROWS = 2048
"""How many rows are collected before they are binned together."""
MAX_BUFFERED_BYTES = 8 << 20
"""In bytes of their lines: a category's value may be as long as a line."""


def build_schema(reference: Reference) -> RecordSchema:
    """Returns how the capture parser reads the rows for this reference."""
    return RecordSchema(
        features=tuple(
            ColumnSpec(
                feature.name,
                isinstance(feature, NumericFeature),
                isinstance(feature, NumericFeature) and feature.is_binary,
            )
            for feature in reference.features
        ),
        columns=reference.columns,
        score=None if reference.score is None else ScoreSelector(reference.score.name, reference.score_output),
    )


class RecordCounter:
    """Parses lines strictly and counts what was rejected, with reason and location."""

    def __init__(self, reference: Reference) -> None:
        self._schema = build_schema(reference)
        self._binner = Binner(reference)
        self._accounting = AccountingBuilder()
        self._rows = 0
        self._counts = self._binner.zeros()
        self._reset()

    def _reset(self) -> None:
        self._numbers: list[Floats] = []
        self._scores: list[Floats] = []
        self._categories: list[list[str | None]] = [[] for _ in self._binner.categories]
        self._buffered_rows = self._buffered_bytes = 0

    def count_line(self, line: bytes, source: str, offset: int, *, is_open: bool = False) -> Record | None:
        """Counts one record, a line without its newline. Returns the record, or None if it was rejected.

        `is_open` is whether the file ends within the line.
        """
        try:
            record = decode_record(line, is_open=is_open)
            rows = extract_rows(record, self._schema)
        except RecordRejected as error:
            self._accounting.reject(source, offset, error.reason, error.column)
            return None
        except Exception:
            # An unexpected error must not stop the other records: it is counted under its own reason.
            self._accounting.reject(source, offset, RejectReason.INTERNAL_ERROR)
            return None
        self._accounting.add_parsed(headers=rows.headers)
        self._buffer_rows(rows, len(line))
        return record

    def count_identical(self, line: bytes, source: str, offsets: Sequence[int]) -> None:
        """Counts equal lines that are no records, by their offsets in order."""
        try:
            decode_record(line)
        except RecordRejected as error:
            self._accounting.reject_all(source, offsets, error.reason)
        else:
            raise ValueError(f"{line!r} is a whole record and must be read as one.")

    def count_lost(self, reason: RejectReason, source: str, offset: int) -> None:
        """Counts a record that was too large to read."""
        self._accounting.reject(source, offset, reason)

    def totals(self) -> tuple[Accounting, int, tuple[Counts, ...]]:
        """Returns everything counted so far: accounting, rows, and an array of counts per measured feature."""
        self._flush()
        return self._accounting.build(), self._rows, tuple(each.copy() for each in self._counts)

    def _buffer_rows(self, rows: RecordRows, size: int) -> None:
        self._numbers.append(rows.numbers)
        if rows.scores is not None:
            self._scores.append(rows.scores)
        for buffered, row_values in zip(self._categories, rows.categories, strict=True):
            buffered.extend(row_values)
        self._rows += len(rows.numbers)
        self._buffered_rows += len(rows.numbers)
        self._buffered_bytes += size
        if self._buffered_rows >= MAX_BUFFERED_ROWS or self._buffered_bytes >= MAX_BUFFERED_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._buffered_rows:
            return
        scores = np.concatenate(self._scores) if self._scores else None
        for total, counted in zip(
            self._counts, self._binner.count(np.concatenate(self._numbers), self._categories, scores), strict=True
        ):
            total += counted
        self._reset()
