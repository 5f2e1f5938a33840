"""Counts records one by one, in every form that the capture reader knows. It alone decides what is rejected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidewatch.capture.accounting import Accounting, Tally
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.record import Record, decode
from tidewatch.capture.rows import Column, Layout, Rows, values
from tidewatch.capture.scores import Score
from tidewatch.drift.binning import Binner
from tidewatch.drift.reference import Counts, Floats, NumericFeature, Reference

HELD_ROWS = 2048
"""Rows that wait to be binned together."""
HELD_BYTES = 8 << 20
"""Bytes of their lines: a category's value may be as long as a line."""


def layout(reference: Reference) -> Layout:
    """How the capture reader reads the rows of this reference's model."""
    return Layout(
        features=tuple(
            Column(one.name, isinstance(one, NumericFeature), isinstance(one, NumericFeature) and one.of_flags)
            for one in reference.features
        ),
        columns=reference.columns,
        score=None if reference.score is None else Score(reference.score.name, reference.score_output),
    )


class StrictCounter:
    """Reads lines strictly, and keeps the account of what was rejected, why and where."""

    def __init__(self, reference: Reference) -> None:
        self._layout = layout(reference)
        self._binner = Binner(reference)
        self._tally = Tally()
        self._rows = 0
        self._counts = self._binner.zeros()
        self._empty()

    def _empty(self) -> None:
        self._numbers: list[Floats] = []
        self._scores: list[Floats] = []
        self._categories: list[list[str | None]] = [[] for _ in self._binner.categories]
        self._held = self._held_bytes = 0

    def line(self, line: bytes, source: str, offset: int, *, is_open: bool = False) -> Record | None:
        """Counts one record, a line without its newline; the record, or None where it was rejected.

        `is_open` says that the file ends within the line.
        """
        try:
            record = decode(line, is_open=is_open)
            rows = values(record, self._layout)
        except Unreadable as error:
            self._tally.reject(source, offset, error.reason, error.column)
            return None
        except Exception:
            # Whatever a record holds, it costs the others nothing: what nobody foresaw is counted, and seen there.
            self._tally.reject(source, offset, Reason.READER_FAILED)
            return None
        self._tally.parsed(headers=rows.headers)
        self._hold(rows, len(line))
        return record

    def alike(self, line: bytes, source: str, offsets: Sequence[int]) -> None:
        """Counts lines that are all the same, and no records, by their offsets in order."""
        try:
            decode(line)
        except Unreadable as error:
            self._tally.reject_all(source, offsets, error.reason)
        else:
            raise ValueError(f"{line!r} is a record, and is to be read as one.")

    def lose(self, reason: Reason, source: str, offset: int) -> None:
        """Counts a record that could not even be held."""
        self._tally.reject(source, offset, reason)

    def totals(self) -> tuple[Accounting, int, tuple[Counts, ...]]:
        """Everything counted so far: the account, the rows, and a count array for each measured feature."""
        self._flush()
        return self._tally.total(), self._rows, tuple(each.copy() for each in self._counts)

    def _hold(self, rows: Rows, size: int) -> None:
        self._numbers.append(rows.numbers)
        if rows.scores is not None:
            self._scores.append(rows.scores)
        for held, given in zip(self._categories, rows.categories, strict=True):
            held.extend(given)
        self._rows += len(rows.numbers)
        self._held += len(rows.numbers)
        self._held_bytes += size
        if self._held >= HELD_ROWS or self._held_bytes >= HELD_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        scores = np.concatenate(self._scores) if self._scores else None
        for total, counted in zip(
            self._counts, self._binner.count(np.concatenate(self._numbers), self._categories, scores), strict=True
        ):
            total += counted
        self._empty()
