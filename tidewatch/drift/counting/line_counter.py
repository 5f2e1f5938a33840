"""Counts the lines of capture files, the one step that must be fast, behind one small interface."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tidewatch.arrays import Counts, Floats
from tidewatch.capture.accounting import Accounting
from tidewatch.capture.line_reader import Block
from tidewatch.capture.record import MIN_RECORD_BYTES, Record
from tidewatch.drift.counting.binning import NumericGrid
from tidewatch.drift.counting.line_template import LineTemplate, PaddedBuffer, learn_template
from tidewatch.drift.counting.record_counter import RecordCounter
from tidewatch.drift.counting.vectorized_reader import VectorizedReader, VectorizedRows
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference

MAX_TEMPLATES = 8
"""How many templates are kept. An hour of one endpoint has one, or one per length of its inference ids."""
MAX_LEARNING_LINES = 16
"""How many lines of a block are parsed strictly before the rest is no longer matched."""
BIN_BATCH_ROWS = 8192
"""How many rows are collected before their numbers are binned by column: enough for a numpy call per column."""
MIN_TEMPLATE_LINES = 8
"""How many matching lines make a template worth keeping."""


class LineCounter(Protocol):
    """Counts captured records against a reference. Blocks may come from several files, in any order."""

    def count(self, block: Block, source: str) -> None:
        """Counts every record of a block. `source` names its file in examples of rejected records."""
        ...

    def profile(self) -> Profile:
        """Returns the counts of all blocks so far."""
        ...


def create_counter(reference: Reference) -> LineCounter:
    """Returns the fastest counter for this reference. All counters give the same counts."""
    return BlockCounter(reference)


class StrictLineCounter:
    """Parses every line strictly. It is slow and defines the right result for the others."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._record_counter = RecordCounter(reference)

    def count(self, block: Block, source: str) -> None:
        if block.reject_reason is not None:
            self._record_counter.count_lost(block.reject_reason, source, block.offset)
        for offset, line, is_open in block.iter_lines():
            self._record_counter.count_line(line, source, offset, is_open=is_open)

    def profile(self) -> Profile:
        return Profile(self._reference.digest, *self._record_counter.totals())


class BlockCounter:
    """Parses lines of the same form together and every other line strictly."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._record_counter = RecordCounter(reference)
        self._templates: list[LineTemplate] = []
        self._readers: dict[int, VectorizedReader] = {}
        measured = reference.measured_features
        self._numeric_indices = [index for index, feature in enumerate(measured) if isinstance(feature, NumericFeature)]
        self._category_indices = [
            index for index, feature in enumerate(measured) if isinstance(feature, CategoryFeature)
        ]
        self._grid = NumericGrid([feature for feature in measured if isinstance(feature, NumericFeature)])
        self._buffered_numbers: list[Floats] = []
        self._buffered_rows = self._vectorized_rows = 0
        self._counts = [np.zeros(feature.width, np.int64) for feature in measured]

    def count(self, block: Block, source: str) -> None:
        if block.reject_reason is not None:
            self._record_counter.count_lost(block.reject_reason, source, block.offset)
            return
        lines = _BlockLines(block, source)
        lines.reject_short(self._record_counter)
        remaining, lines_with_controls = lines.split_by_controls()
        deferred = [lines_with_controls]
        for template in self._templates:
            remaining = self._count_matching(template, lines, remaining, deferred)
        remaining = self._learn_templates(lines, remaining, deferred)
        for index in np.concatenate([*deferred, remaining]):
            lines.count_strictly(index, self._record_counter)

    def profile(self) -> Profile:
        self._flush()
        account, rows, counts = self._record_counter.totals()
        totals = [vectorized + strict for vectorized, strict in zip(self._counts, counts, strict=True)]
        vectorized_accounting = Accounting(read=self._vectorized_rows, parsed=self._vectorized_rows)
        return Profile(
            self._reference.digest, account + vectorized_accounting, rows + self._vectorized_rows, tuple(totals)
        )

    def _learn_templates(self, lines: _BlockLines, remaining: Counts, deferred: list[Counts]) -> Counts:
        """Learns templates from lines that none fits, and counts the lines that match. Returns the rest."""
        for _ in range(MAX_LEARNING_LINES):
            if len(remaining) < MIN_TEMPLATE_LINES:
                break
            first, remaining = int(remaining[0]), remaining[1:]
            record = lines.count_strictly(first, self._record_counter)
            template = learn_template(lines.get_line(first), record) if record is not None else None
            if template is None or not self._get_reader(template.field_count).is_compatible:
                continue
            before = len(remaining)
            remaining = self._count_matching(template, lines, remaining, deferred)
            if before - len(remaining) >= MIN_TEMPLATE_LINES:
                self._templates = [*self._templates[-MAX_TEMPLATES + 1 :], template]
        return remaining

    def _count_matching(
        self, template: LineTemplate, lines: _BlockLines, remaining: Counts, deferred: list[Counts]
    ) -> Counts:
        """Counts the lines that match the template. Returns the others.

        Matching lines that the vectorized reader cannot parse are added to `deferred`.
        """
        if not len(remaining):
            return remaining
        spans, others = template.match(lines.buffer, lines.starts, lines.ends, remaining)
        if len(spans):
            rows = self._get_reader(template.field_count).read(lines.buffer, spans)
            self._add_rows(rows)
            if len(rows.rows) < len(spans):
                deferred.append(np.delete(spans.line_indices, rows.rows))
        return others

    def _get_reader(self, fields: int) -> VectorizedReader:
        if fields not in self._readers:
            self._readers[fields] = VectorizedReader(self._reference, fields)
        return self._readers[fields]

    def _add_rows(self, rows: VectorizedRows) -> None:
        self._vectorized_rows += len(rows.rows)
        for index, counted in zip(self._category_indices, rows.categories, strict=True):
            self._counts[index] += counted
        self._buffered_numbers.append(rows.numbers)
        self._buffered_rows += len(rows.rows)
        if self._buffered_rows >= BIN_BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._buffered_rows:
            return
        for index, counted in zip(
            self._numeric_indices, self._grid.count(np.concatenate(self._buffered_numbers)), strict=True
        ):
            self._counts[index] += counted
        self._buffered_numbers, self._buffered_rows = [], 0


class _BlockLines:
    """The lines of a block: where they start and end, and which of them may hold a record."""

    def __init__(self, block: Block, source: str) -> None:
        self._block, self._source = block, source
        self.buffer = PaddedBuffer(block.data)
        newlines = np.flatnonzero(self.buffer.array[: self.buffer.size] == ord("\n"))
        last = [self.buffer.size] if block.last_is_open else []
        self.ends = np.concatenate([newlines, np.array(last, np.int64)])
        self.starts = np.concatenate([np.zeros(min(len(self.ends), 1), np.int64), self.ends[:-1] + 1])
        first = self.buffer.array[self.starts]
        is_record = self.ends > self.starts
        doubtful = np.flatnonzero(is_record & ((first == 32) | (first == 9) | (first == 13)))
        spans = zip(self.starts[doubtful].tolist(), self.ends[doubtful].tolist(), strict=True)
        is_record[doubtful[[not block.data[start:end].strip(b" \t\r") for start, end in spans]]] = False
        self.record_indices = np.flatnonzero(is_record)

    def get_line(self, index: int) -> bytes:
        return self._block.data[self.starts[index] : self.ends[index]]

    def split_by_controls(self) -> tuple[Counts, Counts]:
        """Returns the lines without tabs and carriage returns, and those with any.

        The vectorized reader uses both characters itself.
        """
        if b"\t" not in self._block.data and b"\r" not in self._block.data:
            return self.record_indices, np.empty(0, np.int64)
        control_positions = np.flatnonzero(np.isin(self.buffer.array[: self.buffer.size], (9, 13)))
        has_controls = np.isin(self.record_indices, np.searchsorted(self.ends, control_positions))
        return self.record_indices[~has_controls], self.record_indices[has_controls]

    def reject_short(self, record_counter: RecordCounter) -> None:
        """Rejects lines that are too short for a record, counting equal ones together, and drops them.

        A small gzip file can hold millions of them.
        """
        is_short = (self.ends - self.starts)[self.record_indices] < MIN_RECORD_BYTES
        if self._block.last_is_open and len(is_short):
            is_short[-1] &= self.record_indices[-1] != len(self.ends) - 1
        short_indices, self.record_indices = self.record_indices[is_short], self.record_indices[~is_short]
        offsets_by_line: dict[bytes, list[int]] = {}
        for start, end in zip(self.starts[short_indices].tolist(), self.ends[short_indices].tolist(), strict=True):
            offsets_by_line.setdefault(self._block.data[start:end], []).append(self._block.offset + start)
        for line, offsets in offsets_by_line.items():
            record_counter.count_identical(line, self._source, offsets)

    def count_strictly(self, index: int, record_counter: RecordCounter) -> Record | None:
        """Parses one line strictly."""
        is_open = self._block.last_is_open and index == len(self.ends) - 1
        return record_counter.count_line(
            self.get_line(index), self._source, int(self._block.offset + self.starts[index]), is_open=is_open
        )
