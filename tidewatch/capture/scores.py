"""The score of each row of an answer: by its name where the answer names it, never a guess among several numbers.

Sources of the forms: SageMaker, "Common data formats for inference",
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html; those of errors: TensorFlow Serving, Triton and
FastAPI answer {"error": ...} and {"detail": ...}, TorchServe and MLflow a "code" or "error_code" beside a "message",
SageMaker an "ErrorCode" beside a "Message".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from tidewatch.capture.columns import Floats, read_numbers
from tidewatch.capture.limits import check_values
from tidewatch.capture.payload import Payload, read_output
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.record import STATUS, is_failure
from tidewatch.capture.scalars import number
from tidewatch.capture.table import Matrix, Table

_OF_ANSWERS = {Reason.EMPTY_PAYLOAD: Reason.NO_OUTPUT, Reason.AMBIGUOUS: Reason.AMBIGUOUS}
"""Why an answer is not read, by the reason that its payload is not; any other is a bad output."""
_ERRORS = frozenset(
    {"error", "errors", "error_message", "errormessage", "error_code", "errorcode", "errortype", "exception", "message",
     "detail", "traceback", "originalmessage", "originalstatuscode"}
)  # fmt: skip
"""Keys, in lower case, that answers hold which are errors."""


_PLACED = re.compile(r"(.+):(-?\d{1,5})", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Score:
    """Which of an answer's numbers is the score.

    name: the score's, which an answer may call it by. output: where the answer calls it otherwise, that name, or which
    number of a row, or of the classes under its name, it is, negative from the end; "NAME:1" is both; None to go by the
    name.
    """

    name: str
    output: int | str | None = None

    @cached_property
    def placed(self) -> tuple[str, int] | None:
        """The name and the place of an output that tells both."""
        found = _PLACED.fullmatch(self.output) if isinstance(self.output, str) else None
        return None if found is None else (found[1], int(found[2]))

    @cached_property
    def at(self) -> int | None:
        """Which number it is, where that was said."""
        if isinstance(self.output, int):
            return self.output
        return None if self.placed is None else self.placed[1]

    def among(self, names: Sequence[str]) -> tuple[list[int], int | None]:
        """Where among an answer's columns those of its name are, and which of their numbers it is."""
        if not isinstance(self.output, str):
            return _called(self.name, names), self.at
        columns = _called(self.output, names)
        if columns or self.placed is None:
            return columns, None
        return _called(self.placed[0], names), self.at


def scores(output: Payload, rows: int, score: Score) -> Floats:
    """The scores of `rows` rows of a request, shape (rows,), NaN where missing. Raises Unreadable.

    An answer that names its values is read by the score's name; the numbers of a list under it are those of the
    classes, of which `score` tells one. Without its name the only number of each row is the score. no_output,
    bad_output, rows_differ, ambiguous; error_answer where the answer is an error; which_score where it holds several
    numbers, and nothing tells which is the score.
    """
    try:
        table = read_output(output)
    except Unreadable as unreadable:
        raise Unreadable(_OF_ANSWERS.get(unreadable.reason, Reason.BAD_OUTPUT)) from unreadable
    table = _under_header(table, rows, score)
    named, at = ([], score.at) if table.names is None else score.among(table.names)
    if table.names is not None and not named and _is_error(table):
        raise Unreadable(Reason.ERROR_ANSWER)
    found = _side_by_side(table, rows) if len(table.rows) == 1 and (rows > 1 or _holds_lists(table)) else table.rows
    if len(found) != rows:
        raise Unreadable(Reason.ROWS_DIFFER)
    try:
        column = _column(found, named or _unnamed(found, table.names, score), at)
        if table.names is not None and not isinstance(column, np.ndarray):
            column = [_of_classes(cell, at) for cell in column]
        values = column.astype(np.float64) if isinstance(column, np.ndarray) else read_numbers(column)
    except (IndexError, TypeError) as error:
        raise Unreadable(Reason.BAD_OUTPUT) from error
    except Unreadable as error:
        raise error if error.reason is Reason.WHICH_SCORE else Unreadable(Reason.BAD_OUTPUT) from error
    if np.count_nonzero(np.isinf(values)):
        raise Unreadable(Reason.BAD_OUTPUT)
    return values


def _under_header(table: Table, rows: int, score: Score) -> Table:
    """An answer in CSV whose first row names its columns, the score's among them, with the names for what they are."""
    if table.names is not None or table.matrix is not None or len(table.rows) != rows + 1:
        return table
    first = table.rows[0]
    names = [cell for cell in first if isinstance(cell, str)]
    if len(names) < len(first) or not score.among(names)[0] or table.widths != {len(first)}:
        return table
    return Table(tuple(names), table.rows[1:], table.beside)


def _holds_lists(table: Table) -> bool:
    return table.names is not None and table.matrix is None and list in map(type, table.rows[0])


def _called(called: str, names: Sequence[str]) -> list[int]:
    """Where the columns of a name are: one, or those that a tensor of that name was laid out in."""
    if called in names:
        return [names.index(called)]
    beginning = f"{called}__"
    return [at for at, name in enumerate(names) if name.startswith(beginning) and name[len(beginning) :].isdigit()]


def _unnamed(rows: Sequence[Sequence[object]] | Matrix, names: Sequence[str] | None, score: Score) -> list[int]:
    """Where the score of rows is that do not name it: where `score` tells, or at the only number."""
    if isinstance(score.output, str) and names is not None:
        raise Unreadable(Reason.BAD_OUTPUT)
    columns = [at for at in range(len(rows[0])) if names is None or names[at] not in STATUS]
    if len(columns) == 1 or score.at is not None:
        return columns
    if columns and isinstance(rows, np.ndarray):
        raise Unreadable(Reason.WHICH_SCORE)
    numbers = [at for at in columns if _is_number(rows[0][at], names is not None)]
    if len(numbers) != 1:
        raise Unreadable(Reason.WHICH_SCORE if numbers else Reason.BAD_OUTPUT)
    return numbers


def _is_number(cell: object, named: bool) -> bool:
    """Whether a value may be a score: a number, those of classes, or without a name beside it a text that is one."""
    if isinstance(cell, str) and not named:
        try:
            number(cell)
        except Unreadable:
            return False
        return True
    return (isinstance(cell, int | float) and not isinstance(cell, bool)) or (named and isinstance(cell, list))


def _column(
    rows: Sequence[Sequence[object]] | Matrix, columns: list[int], at: int | None
) -> list[object] | Matrix:  # fmt: skip
    """The cells of the score: of the only one of `columns`, or of that which `at` tells among them."""
    if len(columns) > 1:
        if at is None:
            raise Unreadable(Reason.WHICH_SCORE)
        columns = [columns[at]]
    if isinstance(rows, np.ndarray):
        return rows[:, columns[0]]
    return [row[columns[0]] for row in rows]


def _of_classes(cell: object, at: int | None) -> object:
    """The score of a value that may be a list of one for each class."""
    if not isinstance(cell, list):
        return cell
    classes = cast("list[object]", cell)
    if len(classes) == 1:
        return classes[0]
    if at is None:
        raise Unreadable(Reason.WHICH_SCORE)
    return classes[at]


def _is_error(table: Table) -> bool:
    """Whether an answer that does not hold the score by its name says what went wrong instead."""
    names = table.names or ()
    words = [at for at, name in enumerate(names) if name.lower() in _ERRORS]
    if not words and STATUS.isdisjoint(names):
        return False
    return any(
        any(isinstance(row[at], str | list | dict) and bool(row[at]) for at in words)
        or is_failure(dict(zip(names, cast("Sequence[object]", row), strict=True)))
        for row in table.rows
    )


def _side_by_side(table: Table, rows: int) -> Sequence[Sequence[object]] | Matrix:
    """The rows of an answer's only row, where that holds the scores of several: side by side, or in lists by name."""
    found = table.rows
    if table.names is None:
        if len(found[0]) != rows:
            return found
        return found.T if isinstance(found, np.ndarray) else [[value] for value in found[0]]
    cells = [cast("list[object]", cell) if isinstance(cell, list) else None for cell in found[0]]
    if not any(cell is not None and len(cell) == rows for cell in cells):
        return found
    check_values(rows, len(cells))
    spread = [
        cell if cell is not None and len(cell) == rows else [one] * rows
        for cell, one in zip(cells, found[0], strict=True)
    ]
    return list(zip(*spread, strict=True))
