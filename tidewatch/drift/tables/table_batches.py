"""The parts that all tables share: batches of rows, and parsing of numeric and category columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from tidewatch.arrays import Counts, Floats, Mask
from tidewatch.capture.parsing import BOOLEAN_NUMBERS, MISSING_MARKERS, parse_category
from tidewatch.capture.payload_table import make_default_name
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.capture.temporal import format_duration
from tidewatch.drift.errors import InvalidTable

if TYPE_CHECKING:
    import polars as pl

Progress: TypeAlias = Callable[[int, int], None]
"""Called with what is done and the total, in one unit."""


@dataclass(frozen=True)
class BadRow:
    """A row that does not fit its table: where it starts, and why."""

    start: int
    reason: RejectReason


_FIX_HINTS = {
    RejectReason.NOT_UTF8: "is not UTF-8 at byte {at}: save it as UTF-8",
    RejectReason.TRUNCATED: "breaks off at byte {at}: copy it, or write it, again",
}


def describe_bad_row(source: str, bad_row: BadRow) -> str:
    """Returns a sentence about a row of `source` that does not fit."""
    sentence = _FIX_HINTS.get(bad_row.reason, "has a row that does not fit its header, at byte {at} ({reason}): fix it")
    return f"{source} {sentence.format(at=bad_row.start, reason=bad_row.reason)}"


@dataclass(frozen=True)
class Batch:
    """Rows of a table."""

    frame: pl.DataFrame
    """The requested columns."""
    starts: Counts
    """Where each row starts, of shape (rows,): in bytes for CSV (after decompression), in rows for Parquet."""
    bad_rows: tuple[BadRow, ...] = ()
    """The rows of the batch that are not in the frame."""


class Table(Protocol):
    """Named columns that can be read in batches any number of times."""

    names: tuple[str, ...]

    def iter_batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:
        """Yields the rows with the given columns."""
        ...


@dataclass(frozen=True)
class NumericColumn:
    """A column parsed as numbers. All arrays have the shape (rows,)."""

    values: Floats
    """NaN if missing or invalid."""
    is_invalid: Mask
    """Which values are no numbers."""
    is_infinite: Mask
    """Which values are infinite."""


def read_numeric_column(column: pl.Series, *, is_binary: bool = False) -> NumericColumn:
    """Parses a column as numbers.

    Text follows the rule of captured records. A date or a list is no number; a boolean is one only if `is_binary`.
    """
    import polars as pl

    if is_binary and column.dtype == pl.Boolean:
        column = column.cast(pl.Float64)
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return NumericColumn(values, np.zeros(len(values), np.bool_), np.isinf(values))
    if not isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
        return NumericColumn(
            np.full(len(column), np.nan), column.is_not_null().to_numpy(), np.zeros(len(column), np.bool_)
        )
    text = column.cast(pl.String).str.strip_chars(" ")
    if is_binary:
        text = text.replace({word: str(value) for word, value in BOOLEAN_NUMBERS.items()})
    values = text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    missing = (text.is_null() | text.is_in(list(MISSING_MARKERS))).to_numpy()
    return NumericColumn(values, np.isnan(values) & ~missing, np.isinf(values))


class CategoryReader:
    """Reads a column as category values, None if missing. Equal values share one string in memory."""

    def __init__(self) -> None:
        self._category_by_value: dict[Any, str | None] = {None: None}

    def read(self, column: pl.Series) -> list[str | None]:
        """Returns the categories of a column. Raises RecordRejected for an infinite number."""
        values = _to_json_values(column)
        for value in set(values) - self._category_by_value.keys():
            self._category_by_value[value] = parse_category(value)
        return [self._category_by_value[value] for value in values]


def _to_json_values(column: pl.Series) -> list[Any]:
    """Returns the values in JSON's types, as a request would contain them."""
    import polars as pl

    if column.dtype == pl.Float32 or column.dtype == pl.Float16:
        # What was written as 0.1 must stay 0.1; converted to float64 it is 0.10000000149011612.
        column = column.cast(pl.String).cast(pl.Float64)
    if column.dtype.is_float():
        return column.fill_nan(None).to_list()
    if column.dtype.is_decimal():
        return [None if each is None else _decimal_to_number(each) for each in column.to_list()]
    if column.dtype == pl.Duration:
        return _format_durations(column.dt.total_nanoseconds())
    if column.dtype == pl.Time:
        return _format_durations(column.cast(pl.Int64))
    if column.dtype.is_integer() or column.dtype == pl.Boolean:
        return column.to_list()
    return column.cast(pl.String).to_list()


def _format_durations(nanoseconds: pl.Series) -> list[str | None]:
    return [None if each is None else format_duration(each) for each in nanoseconds.to_list()]


def _decimal_to_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def resolve_column_names(names: Sequence[str], source: Path | str) -> tuple[str, ...]:
    """Returns the names of columns.

    A column without a name, as data frames write their index, gets one by its position.

    Raises InvalidTable if a name appears twice.
    """
    names = [name or make_default_name(index) for index, name in enumerate(names)]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        repeated_text = ", ".join(repr(name) for name in repeated)
        raise InvalidTable(
            f"{source} names a column more than once: {repeated_text}; give each column a name of its own"
        )
    return tuple(names)


def require_column(table: Table, name: str, context: str = "") -> None:
    """Raises InvalidTable if the table has no column of this name. `context` begins the message."""
    if name not in table.names:
        close_matches = get_close_matches(name, table.names, 1)
        hint = f"did you mean {close_matches[0]!r}?" if close_matches else f"the columns are {', '.join(table.names)}"
        raise InvalidTable(f"{context}the table has no column {name!r}: {hint}")
