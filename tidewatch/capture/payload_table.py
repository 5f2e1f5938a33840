"""Rows as a payload held them, before anything is known of the model's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias, cast, overload

import msgspec
import numpy as np
import numpy.typing as npt

from tidewatch.capture.parsing import EXACT_INTEGER_LIMIT
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason

Matrix: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.float32]
"""Shape (rows, columns); NaN is missing."""


def make_default_name(index: int) -> str:
    """What a column is called whose header is empty, by its place, as pandas does it."""
    return f"Unnamed: {index}"


class LazyCsvRows(Sequence[list[str]]):
    """Rows that stay text, and are split at their commas when they are looked at: a long body needs little memory."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> list[str]: ...

    @overload
    def __getitem__(self, index: slice) -> LazyCsvRows: ...

    def __getitem__(self, index: int | slice) -> list[str] | LazyCsvRows:
        return LazyCsvRows(self._lines[index]) if isinstance(index, slice) else self._lines[index].split(",")

    def __iter__(self) -> Iterator[list[str]]:
        return (line.split(",") for line in self._lines)

    def starts_with(self, row: tuple[str, ...]) -> bool:
        """Whether the first row holds these values, without splitting it."""
        return self._lines[0] == ",".join(row)

    @property
    def widths(self) -> set[int]:
        """How many values the rows have, without splitting one."""
        return {line.count(",") + 1 for line in self._lines}

    def select_columns(self, positions: Sequence[int]) -> list[list[object]]:
        """The columns at these places of rows that are all as long: of all rows' values in one list."""
        values = cast("list[object]", ",".join(self._lines).split(","))
        width = len(values) // len(self._lines)
        return [values[position::width] for position in positions]


class PayloadTable(msgspec.Struct, frozen=True, eq=False):
    """Rows of scalars, or of numbers alone as a matrix.

    names: the columns where the payload names them, every row then as long; None where they go by position. A value is
    text, a number, a boolean or None; whatever else JSON held stays as it is, for the column's reader to refuse.
    beside: the names of what a JSON object held beside its rows.
    """

    names: tuple[str, ...] | None
    rows: Sequence[Sequence[object]] | Matrix
    sibling_keys: frozenset[str] = frozenset()

    @property
    def matrix(self) -> Matrix | None:
        """The rows where they are a matrix."""
        return self.rows if isinstance(self.rows, np.ndarray) else None

    @property
    def widths(self) -> set[int]:
        """How many values the rows have: one number where all have as many."""
        if isinstance(self.rows, np.ndarray):
            return {self.rows.shape[1]}
        return self.rows.widths if isinstance(self.rows, LazyCsvRows) else set(map(len, self.rows))


def build_table(names: tuple[str, ...] | None, rows: Sequence[Sequence[object]]) -> PayloadTable:
    """A table of rows: a matrix where all are numbers that float64 holds exactly. Raises Unreadable(empty_payload)."""
    if not rows:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    width = len(rows[0])
    if set(map(len, rows)) != {width}:
        return PayloadTable(names, rows)
    matrix = to_exact_floats(list(chain.from_iterable(rows)))
    return PayloadTable(names, rows if matrix is None else matrix.reshape(len(rows), width))


def select_columns(rows: Sequence[Sequence[object]] | Matrix, positions: Sequence[int]) -> list[list[object]]:
    """The columns at these places of rows that are all as long."""
    if isinstance(rows, LazyCsvRows):
        return rows.select_columns(positions)
    return [[row[position] for row in rows] for position in positions]


def to_exact_floats(values: list[object]) -> npt.NDArray[np.float64] | None:
    """The values as float64, shape (n,), where all are numbers it holds exactly; else None."""
    kinds = set(map(type, values))
    if not values or not kinds <= {float, int}:
        return None
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        return None
    # A larger whole number may be a category's name, which rounding would change.
    return None if int in kinds and bool((np.abs(array) >= EXACT_INTEGER_LIMIT).any()) else array
