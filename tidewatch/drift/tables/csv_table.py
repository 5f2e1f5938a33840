"""Reads CSV in batches of whole rows, and finds rows that do not fit the header.

Blocks without quotes and irregular rows are parsed with polars; all others with the csv module, which is slower but
finds the bad row.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from tidewatch.capture.line_reader import Block, read_blocks
from tidewatch.capture.parsing import parse_number
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.source import open_file
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.tables.table_batches import (
    BadRow,
    Batch,
    Progress,
    describe_bad_row,
    resolve_column_names,
)

if TYPE_CHECKING:
    import polars as pl

CSV_BLOCK_BYTES = 4 << 20
"""In bytes: large enough that polars spends its time parsing."""
CSV_BATCH_ROWS = 8192
"""How many rows of the csv module become a batch."""


HEADER_SAMPLE_ROWS = 200
"""How many rows are compared with the first one, to decide whether that is a header."""


@dataclass(frozen=True)
class _Row:
    """A row with its offset and the offset of what follows."""

    start: int
    values: list[str] | RejectReason
    """The values, or why they could not be read."""
    end: int


class CsvTable:
    """A CSV file, uncompressed or gzip, with a header or, if names are given, without one.

    Raises InvalidTable if there is no header, if the first row looks like data, if the number of names differs from the
    first row's values, and if a column is named twice.
    """

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        self._path = path
        with self._open_blocks() as found:
            first, *others = list(islice(_read_rows(found), HEADER_SAMPLE_ROWS)) or [None]
        if first is None:
            raise InvalidTable(f"{path} is empty: a CSV file starts with a header that names its columns")
        if isinstance(first.values, RejectReason):
            raise InvalidTable(_describe_bad_start(path, first.start, first.values))
        rows = [row.values for row in others if row]
        if names is None:
            _require_header(path, first.values, rows)
        elif (width := _count_columns([first.values, *rows])) != len(names):
            raise InvalidTable(f"{path} has {width} columns, but {len(names)} names are given for them")
        self._body_start = first.end if names is None else 0
        self.names = resolve_column_names(first.values if names is None else names, path)
        if len(self.names) == 1 and (other := re.search(r"[;\t|]", self.names[0])):
            raise InvalidTable(f"{path} separates its columns by {other[0]!r}: write it with commas")

    def iter_batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:
        """Yields the rows with these columns as text; empty fields are null."""
        with self._open_blocks(progress) as found:
            body = self._skip_header(found)
            for block in body:
                if b'"' in block.data or len(self.names) == 1:
                    # A quoted field may cross the end of a block, and what follows an empty line decides whether it is
                    # a missing value. So the csv module reads everything from here on.
                    yield from self._read_strictly(chain([block], body), columns)
                elif (frame := self._read_regular(block, columns)) is not None:
                    lines = np.flatnonzero(np.frombuffer(block.data, np.uint8) == ord("\n"))
                    starts = block.offset + np.append(0, lines + 1)[: len(frame)]
                    yield Batch(frame, starts)
                else:
                    yield from self._read_strictly([block], columns)

    @contextmanager
    def _open_blocks(self, progress: Progress | None = None) -> Generator[Iterator[Block]]:
        size = self._path.stat().st_size
        with open_file(self._path) as raw:
            yield _report_progress(read_blocks(raw, CSV_BLOCK_BYTES, math.inf), raw, size, progress)

    def _skip_header(self, found: Iterable[Block]) -> Iterator[Block]:
        for block in found:
            skipped = max(self._body_start - block.offset, 0)
            if not skipped:
                yield block
            elif block.data[skipped:]:
                yield Block(block.offset + skipped, block.data[skipped:], block.last_is_open)

    def _read_regular(self, block: Block, columns: Sequence[str]) -> pl.DataFrame | None:
        """Parses the block with polars, or returns None if one of its rows is irregular."""
        import polars as pl

        if block.reject_reason or not _is_regular(block.data, len(self.names)):
            return None
        names = [str(index) for index in range(len(self.names))]
        frame = pl.read_csv(block.data, has_header=False, new_columns=names, infer_schema=False, quote_char=None)
        return frame.select(pl.col(str(self.names.index(name))).alias(name) for name in columns)

    def _read_strictly(self, found: Iterable[Block], columns: Sequence[str]) -> Iterator[Batch]:
        rows: list[_Row] = []
        empty: list[_Row] = []
        for row in _read_rows(found):
            if len(self.names) == 1 and row.values == []:
                empty.append(_Row(row.start, [""], row.end))
            elif not self._is_blank(row):
                rows += [*empty, row]
                empty = []
            if len(rows) >= CSV_BATCH_ROWS:
                yield self._build_batch(rows, columns)
                rows = []
        yield self._build_batch(rows, columns)

    def _is_blank(self, row: _Row) -> bool:
        """Whether a row is blank.

        In a table of one column, a blank row before the file's end is a missing value instead.
        """
        if isinstance(row.values, RejectReason):
            return False
        return not row.values or (len(self.names) > 1 and len(row.values) == 1 and not row.values[0].strip(" \t\r"))

    def _build_batch(self, rows: Sequence[_Row], columns: Sequence[str]) -> Batch:
        import polars as pl

        good_rows: list[list[str]] = []
        starts: list[int] = []
        bad_rows: list[BadRow] = []
        for row in rows:
            if isinstance(row.values, RejectReason):
                bad_rows.append(BadRow(row.start, row.values))
            elif len(row.values) != len(self.names):
                short = len(row.values) < len(self.names)
                bad_rows.append(
                    BadRow(row.start, RejectReason.MISSING_COLUMNS if short else RejectReason.EXTRA_COLUMNS)
                )
            else:
                good_rows.append(row.values)
                starts.append(row.start)
        positions = [(name, self.names.index(name)) for name in columns]
        frame = pl.DataFrame(
            {name: pl.Series([values[index] for values in good_rows], dtype=pl.String) for name, index in positions}
        )
        return Batch(frame, np.array(starts, np.int64), tuple(bad_rows))


def _describe_bad_start(path: Path, start: int, reason: RejectReason) -> str:
    if reason in (RejectReason.NOT_UTF8, RejectReason.TRUNCATED):
        return describe_bad_row(str(path), BadRow(start, reason))
    return f"{path} does not start with a CSV header ({reason}): is it a CSV file?"


def _count_columns(rows: Sequence[list[str] | RejectReason]) -> int:
    """Returns the number of values in the first row that has any, or 1: blank rows are missing values of one column."""
    return next((len(row) for row in rows if row and not isinstance(row, RejectReason)), 1)


def _require_header(path: Path, first: Sequence[str], others: Sequence[list[str] | RejectReason]) -> None:
    """Raises InvalidTable if the first row does not name columns."""
    if not "".join(first).strip():
        raise InvalidTable(f"{path} has a blank first line in place of the header: start with the header")
    if "\0" in "".join(first):
        raise InvalidTable(f"{path} holds zero bytes, like UTF-16 text: save it as UTF-8")
    if len(first) <= 2 and re.fullmatch("sep=.?", first[0]):
        raise InvalidTable(f"{path} starts with {','.join(first)!r}, a line that only Excel reads: remove that line")
    if _is_data_row(first, others):
        names_hint = ", or give the columns names that are not numbers" if any(map(_is_number, first)) else ""
        raise InvalidTable(
            f"{path}: the first row looks like data ({', '.join(first)[:60]}): name the columns in a first row, or "
            f"give --no-header NAMES{names_hint}"
        )


def _is_data_row(first: Sequence[str], others: Sequence[list[str] | RejectReason]) -> bool:
    """Whether the first row looks like the rows below it: numbers above numbers, and texts that appear again.

    A name above a column of numbers makes it a header, and so do pandas' numbered columns 0, 1, 2. If all rows are text
    only, the first is data if each of its values appears again in its column.
    """
    rows = [row for row in others if not isinstance(row, RejectReason) and len(row) == len(first)]
    are_numbers = [_is_number(cell) for cell in first]
    numbered = all(cell == str(index - first.count("")) for index, cell in enumerate(first) if cell)
    if not rows or numbered:
        return False
    columns = [[row[index] for row in rows] for index in range(len(first))]
    if any(are_numbers):
        named = (cell and not is_number for cell, is_number in zip(first, are_numbers, strict=True))
        return not any(is_name and all(map(_is_number, cells)) for is_name, cells in zip(named, columns, strict=True))
    return all(cell in cells for cell, cells in zip(first, columns, strict=True))


def _is_number(cell: str) -> bool:
    try:
        return not math.isnan(parse_number(cell))
    except RecordRejected:
        return False


def _is_regular(data: bytes, fields: int) -> bool:
    """Whether every line has the same number of fields without quotes, so that polars and the csv module agree."""
    if fields < 2 or data.count(b"\r") != data.count(b"\r\n"):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    found = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(found == ord("\n"))
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    commas = np.flatnonzero(found == ord(","))
    if len(commas) != len(ends) * (fields - 1):
        return False
    by_line = commas.reshape(len(ends), fields - 1)
    starts = np.append(-1, ends[:-1])
    return bool((by_line[:, 0] > starts).all() and (by_line[:, -1] < ends).all())


class _TextLines:
    """The lines of blocks as text, with where a row's lines started and the blocks that were lost in between."""

    def __init__(self, found: Iterable[Block]) -> None:
        self._blocks = found
        self.start: int | None = None
        self.end = 0
        self.is_text = True
        self.lost_rows: list[_Row] = []

    def __iter__(self) -> Iterator[str]:
        for block in self._blocks:
            self.end = block.offset
            if block.reject_reason:
                self.lost_rows.append(_Row(block.offset, block.reject_reason, block.offset))
            for line in io.BytesIO(block.data):
                if self.start is None:
                    self.start = self.end
                self.end += len(line)
                yield self._decode(line)

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode("utf-8-sig" if self.start == 0 else "utf-8")
        except UnicodeDecodeError:
            self.is_text = False
            return line.decode(errors="replace")


def _read_rows(found: Iterable[Block]) -> Iterator[_Row]:
    lines = _TextLines(found)
    reader = csv.reader(iter(lines), strict=True)
    more = True
    while more:
        lines.start, lines.is_text = None, True
        values: list[str] | RejectReason | None = None
        try:
            values = next(reader)
        except StopIteration:
            more = False
        except csv.Error:
            values = RejectReason.BAD_PAYLOAD
        yield from lines.lost_rows
        lines.lost_rows.clear()
        if values is not None and lines.start is not None:
            yield _Row(lines.start, values if lines.is_text else RejectReason.NOT_UTF8, lines.end)


def _report_progress(found: Iterable[Block], raw: IO[bytes], size: int, progress: Progress | None) -> Iterator[Block]:
    for block in found:
        if progress is not None:
            progress(raw.tell(), size)
        yield block
