"""What tables have in common: rows in batches, and the numbers and categories in their columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tidewatch.capture.moments import duration
from tidewatch.capture.reasons import Reason
from tidewatch.capture.scalars import FLAGS, MISSING, category
from tidewatch.capture.table import unnamed
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.reference import Counts, Floats

if TYPE_CHECKING:
    import polars as pl

Flags: TypeAlias = npt.NDArray[np.bool_]
Progress: TypeAlias = Callable[[int, int], None]
"""Called with what is done and what there is, in one unit."""


@dataclass(frozen=True)
class Misfit:
    """A row that does not fit its table: where it starts, and why."""

    start: int
    reason: Reason


_MENDED = {
    Reason.NOT_UTF8: "is not UTF-8 at byte {at}: save it as UTF-8",
    Reason.TRUNCATED: "breaks off at byte {at}: copy it, or write it, again",
}


def told(source: str, misfit: Misfit) -> str:
    """A sentence on a row of `source` that does not fit."""
    said = _MENDED.get(misfit.reason, "has a row that does not fit its header, at byte {at} ({reason}): mend it")
    return f"{source} {said.format(at=misfit.start, reason=misfit.reason)}"


@dataclass(frozen=True)
class Batch:
    """Rows of a table.

    frame: the columns that were asked for. starts: where each row starts, shape (rows,): bytes in a CSV file (after
    decompression), rows in Parquet. misfits: rows among them that are not in the frame.
    """

    frame: pl.DataFrame
    starts: Counts
    misfits: tuple[Misfit, ...] = ()


class Table(Protocol):
    """Named columns, read in batches, as often as one likes."""

    names: tuple[str, ...]

    def batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:
        """The rows, with these of the columns."""
        ...


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers, shape (rows,) each: the values, NaN where there is none; which are no number; which
    are infinite."""

    values: Floats
    wrong: Flags
    infinite: Flags


def numbers(column: pl.Series, *, flags: bool = False) -> Numbers:
    """Text is read by the rule of captured records; a date or a list is no number, a bool one in a column of flags."""
    import polars as pl

    if flags and column.dtype == pl.Boolean:
        column = column.cast(pl.Float64)
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return Numbers(values, np.zeros(len(values), np.bool_), np.isinf(values))
    if not isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
        return Numbers(np.full(len(column), np.nan), column.is_not_null().to_numpy(), np.zeros(len(column), np.bool_))
    text = column.cast(pl.String).str.strip_chars(" ")
    if flags:
        text = text.replace({word: str(value) for word, value in FLAGS.items()})
    values = text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    missing = (text.is_null() | text.is_in(list(MISSING))).to_numpy()
    return Numbers(values, np.isnan(values) & ~missing, np.isinf(values))


class Texts:
    """Reads a column as category values, None where there is none; equal values are one string in memory."""

    def __init__(self) -> None:
        self._known: dict[Any, str | None] = {None: None}

    def read(self, column: pl.Series) -> list[str | None]:
        """Raises Unreadable where a number is infinite."""
        values = _as_sent(column)
        for value in set(values) - self._known.keys():
            self._known[value] = category(value)
        return [self._known[value] for value in values]


def _as_sent(column: pl.Series) -> list[Any]:
    """The values in the types that JSON has, each as a request would hold it."""
    import polars as pl

    if column.dtype == pl.Float32 or column.dtype == pl.Float16:
        # What was written as 0.1 is 0.1, though in float64 it is 0.10000000149011612.
        column = column.cast(pl.String).cast(pl.Float64)
    if column.dtype.is_float():
        return column.fill_nan(None).to_list()
    if column.dtype.is_decimal():
        return [None if each is None else _number(each) for each in column.to_list()]
    if column.dtype == pl.Duration:
        return _clocked(column.dt.total_nanoseconds())
    if column.dtype == pl.Time:
        return _clocked(column.cast(pl.Int64))
    if column.dtype.is_integer() or column.dtype == pl.Boolean:
        return column.to_list()
    return column.cast(pl.String).to_list()


def _clocked(nanoseconds: pl.Series) -> list[str | None]:
    return [None if each is None else duration(each) for each in nanoseconds.to_list()]


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def named(names: Sequence[str], source: Path | str) -> tuple[str, ...]:
    """The names of columns; one without, as data frames write their index, gets its name by its place. Raises
    InvalidTable where a name stands twice."""
    names = [name or unnamed(at) for at, name in enumerate(names)]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        listed = ", ".join(repr(name) for name in twice)
        raise InvalidTable(f"{source} names a column more than once: {listed}; give each column a name of its own")
    return tuple(names)


def must_have(table: Table, name: str, asking: str = "") -> None:
    """Raises InvalidTable where the table has no column of this name; `asking` says who names it."""
    if name not in table.names:
        near = get_close_matches(name, table.names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(table.names)}"
        raise InvalidTable(f"{asking}the table has no column {name!r}: {hint}")
