"""Rows of a payload, before the model's columns are known."""

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
    """Returns the name of a column with an empty header, by its position, as pandas does."""
    return f"Unnamed: {index}"


class LazyCsvRows(Sequence[list[str]]):
    """Rows that stay text and are split at their commas only when they are read, to save memory."""

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
        """Whether the first row has these values, without splitting it."""
        return self._lines[0] == ",".join(row)

    @property
    def widths(self) -> set[int]:
        """The numbers of values in the rows, without splitting them."""
        return {line.count(",") + 1 for line in self._lines}

    def select_columns(self, positions: Sequence[int]) -> list[list[object]]:
        """Returns the columns at these positions of rows of equal length, by splitting all rows at once."""
        values = cast("list[object]", ",".join(self._lines).split(","))
        width = len(values) // len(self._lines)
        return [values[position::width] for position in positions]


class PayloadTable(msgspec.Struct, frozen=True, eq=False):
    """Rows of scalars, or a matrix if all values are numbers.

    A value is text, a number, a boolean or None. Other JSON values stay as they are, so that the column's parser
    rejects them.
    """

    names: tuple[str, ...] | None
    """The columns if the payload names them; every row then has that length. None if they go by position."""
    rows: Sequence[Sequence[object]] | Matrix
    sibling_keys: frozenset[str] = frozenset()
    """The other keys of a JSON object that has the rows."""

    @property
    def matrix(self) -> Matrix | None:
        """The rows if they are a matrix."""
        return self.rows if isinstance(self.rows, np.ndarray) else None

    @property
    def widths(self) -> set[int]:
        """The numbers of values in the rows: a single one if all are equally long."""
        if isinstance(self.rows, np.ndarray):
            return {self.rows.shape[1]}
        return self.rows.widths if isinstance(self.rows, LazyCsvRows) else set(map(len, self.rows))


def build_table(names: tuple[str, ...] | None, rows: Sequence[Sequence[object]]) -> PayloadTable:
    """Returns a table of rows, as a matrix if float64 represents all values exactly.

    Raises RecordRejected(empty_payload).
    """
    if not rows:
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    width = len(rows[0])
    if set(map(len, rows)) != {width}:
        return PayloadTable(names, rows)
    matrix = to_exact_floats(list(chain.from_iterable(rows)))
    return PayloadTable(names, rows if matrix is None else matrix.reshape(len(rows), width))


def select_columns(rows: Sequence[Sequence[object]] | Matrix, positions: Sequence[int]) -> list[list[object]]:
    """Returns the columns at these positions of rows of equal length."""
    if isinstance(rows, LazyCsvRows):
        return rows.select_columns(positions)
    return [[row[position] for row in rows] for position in positions]


def to_exact_floats(values: list[object]) -> npt.NDArray[np.float64] | None:
    """Returns the values as float64 of shape (n,) if it represents all exactly, else None."""
    kinds = set(map(type, values))
    if not values or not kinds <= {float, int}:
        return None
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        return None
    # A larger whole number may be a category, which rounding would change.
    return None if int in kinds and bool((np.abs(array) >= EXACT_INTEGER_LIMIT).any()) else array
