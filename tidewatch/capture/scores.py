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

from tidewatch.arrays import Floats
from tidewatch.capture.limits import require_readable_size
from tidewatch.capture.numeric_columns import read_numbers
from tidewatch.capture.parsing import parse_number
from tidewatch.capture.payload import Payload, read_output
from tidewatch.capture.payload_table import Matrix, PayloadTable
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.status import STATUS_KEYS, is_failure

_OUTPUT_REASONS = {
    RejectReason.EMPTY_PAYLOAD: RejectReason.NO_OUTPUT,
    RejectReason.AMBIGUOUS_PAYLOAD: RejectReason.AMBIGUOUS_PAYLOAD,
}
"""Why an answer is not read, by the reason that its payload is not; any other is a bad output."""
_ERROR_KEYS = frozenset(
    {"error", "errors", "error_message", "errormessage", "error_code", "errorcode", "errortype", "exception", "message",
     "detail", "traceback", "originalmessage", "originalstatuscode"}
)  # fmt: skip
"""Keys, in lower case, that answers hold which are errors."""


_NAME_AND_INDEX = re.compile(r"(.+):(-?\d{1,5})", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class ScoreSelector:
    """Which of an answer's numbers is the score.

    name: the score's, which an answer may call it by. output: where the answer calls it otherwise, that name, or which
    number of a row, or of the classes under its name, it is, negative from the end; "NAME:1" is both; None to go by the
    name.
    """

    name: str
    output: int | str | None = None

    @cached_property
    def name_and_index(self) -> tuple[str, int] | None:
        """The name and the place of an output that tells both."""
        found = _NAME_AND_INDEX.fullmatch(self.output) if isinstance(self.output, str) else None
        return None if found is None else (found[1], int(found[2]))

    @cached_property
    def index(self) -> int | None:
        """Which number it is, where that was said."""
        if isinstance(self.output, int):
            return self.output
        return None if self.name_and_index is None else self.name_and_index[1]

    def find_columns(self, names: Sequence[str]) -> tuple[list[int], int | None]:
        """Where among an answer's columns those of its name are, and which of their numbers it is."""
        if not isinstance(self.output, str):
            return _find_columns_by_name(self.name, names), self.index
        columns = _find_columns_by_name(self.output, names)
        if columns or self.name_and_index is None:
            return columns, None
        return _find_columns_by_name(self.name_and_index[0], names), self.index


def extract_scores(output: Payload, rows: int, score: ScoreSelector) -> Floats:
    """The scores of `rows` rows of a request, shape (rows,), NaN where missing. Raises Unreadable.

    An answer that names its values is read by the score's name; the numbers of a list under it are those of the
    classes, of which `score` tells one. Without its name the only number of each row is the score. no_output,
    bad_output, row_count_mismatch, ambiguous_payload; error_response where the answer is an error;
    ambiguous_score where it holds several
    numbers, and nothing tells which is the score.
    """
    try:
        table = read_output(output)
    except RecordRejected as rejection:
        raise RecordRejected(_OUTPUT_REASONS.get(rejection.reason, RejectReason.BAD_OUTPUT)) from rejection
    table = _promote_header(table, rows, score)
    columns, index = ([], score.index) if table.names is None else score.find_columns(table.names)
    if table.names is not None and not columns and _is_error(table):
        raise RecordRejected(RejectReason.ERROR_RESPONSE)
    found = _split_single_row(table, rows) if len(table.rows) == 1 and (rows > 1 or _has_lists(table)) else table.rows
    if len(found) != rows:
        raise RecordRejected(RejectReason.ROW_COUNT_MISMATCH)
    try:
        column = _select_column(found, columns or _find_unnamed_column(found, table.names, score), index)
        if table.names is not None and not isinstance(column, np.ndarray):
            column = [_select_class(cell, index) for cell in column]
        values = column.astype(np.float64) if isinstance(column, np.ndarray) else read_numbers(column)
    except (IndexError, TypeError) as error:
        raise RecordRejected(RejectReason.BAD_OUTPUT) from error
    except RecordRejected as error:
        raise (
            error if error.reason is RejectReason.AMBIGUOUS_SCORE else RecordRejected(RejectReason.BAD_OUTPUT)
        ) from error
    if np.count_nonzero(np.isinf(values)):
        raise RecordRejected(RejectReason.BAD_OUTPUT)
    return values


def _promote_header(table: PayloadTable, rows: int, score: ScoreSelector) -> PayloadTable:
    """An answer in CSV whose first row names its columns, the score's among them, with the names for what they are."""
    if table.names is not None or table.matrix is not None or len(table.rows) != rows + 1:
        return table
    first = table.rows[0]
    names = [cell for cell in first if isinstance(cell, str)]
    if len(names) < len(first) or not score.find_columns(names)[0] or table.widths != {len(first)}:
        return table
    return PayloadTable(tuple(names), table.rows[1:], table.sibling_keys)


def _has_lists(table: PayloadTable) -> bool:
    return table.names is not None and table.matrix is None and list in map(type, table.rows[0])


def _find_columns_by_name(target: str, names: Sequence[str]) -> list[int]:
    """Where the columns of a name are: one, or those that a tensor of that name was laid out in."""
    if target in names:
        return [names.index(target)]
    prefix = f"{target}__"
    return [index for index, name in enumerate(names) if name.startswith(prefix) and name[len(prefix) :].isdigit()]


def _find_unnamed_column(
    rows: Sequence[Sequence[object]] | Matrix, names: Sequence[str] | None, score: ScoreSelector
) -> list[int]:
    """Where the score of rows is that do not name it: where `score` tells, or at the only number."""
    if isinstance(score.output, str) and names is not None:
        raise RecordRejected(RejectReason.BAD_OUTPUT)
    columns = [index for index in range(len(rows[0])) if names is None or names[index] not in STATUS_KEYS]
    if len(columns) == 1 or score.index is not None:
        return columns
    if columns and isinstance(rows, np.ndarray):
        raise RecordRejected(RejectReason.AMBIGUOUS_SCORE)
    numbers = [index for index in columns if _is_number(rows[0][index], names is not None)]
    if len(numbers) != 1:
        raise RecordRejected(RejectReason.AMBIGUOUS_SCORE if numbers else RejectReason.BAD_OUTPUT)
    return numbers


def _is_number(cell: object, is_named: bool) -> bool:
    """Whether a value may be a score: a number, those of classes, or without a name beside it a text that is one."""
    if isinstance(cell, str) and not is_named:
        try:
            parse_number(cell)
        except RecordRejected:
            return False
        return True
    return (isinstance(cell, int | float) and not isinstance(cell, bool)) or (is_named and isinstance(cell, list))


def _select_column(
    rows: Sequence[Sequence[object]] | Matrix, columns: list[int], index: int | None
) -> list[object] | Matrix:  # fmt: skip
    """The cells of the score: of the only one of `columns`, or of that which `at` tells among them."""
    if len(columns) > 1:
        if index is None:
            raise RecordRejected(RejectReason.AMBIGUOUS_SCORE)
        columns = [columns[index]]
    if isinstance(rows, np.ndarray):
        return rows[:, columns[0]]
    return [row[columns[0]] for row in rows]


def _select_class(cell: object, index: int | None) -> object:
    """The score of a value that may be a list of one for each class."""
    if not isinstance(cell, list):
        return cell
    classes = cast("list[object]", cell)
    if len(classes) == 1:
        return classes[0]
    if index is None:
        raise RecordRejected(RejectReason.AMBIGUOUS_SCORE)
    return classes[index]


def _is_error(table: PayloadTable) -> bool:
    """Whether an answer that does not hold the score by its name says what went wrong instead."""
    names = table.names or ()
    error_columns = [index for index, name in enumerate(names) if name.lower() in _ERROR_KEYS]
    if not error_columns and STATUS_KEYS.isdisjoint(names):
        return False
    return any(
        any(isinstance(row[index], str | list | dict) and bool(row[index]) for index in error_columns)
        or is_failure(dict(zip(names, cast("Sequence[object]", row), strict=True)))
        for row in table.rows
    )


def _split_single_row(table: PayloadTable, rows: int) -> Sequence[Sequence[object]] | Matrix:
    """The rows of an answer's only row, where that holds the scores of several: side by side, or in lists by name."""
    found = table.rows
    if table.names is None:
        if len(found[0]) != rows:
            return found
        return found.T if isinstance(found, np.ndarray) else [[value] for value in found[0]]
    cells = [cast("list[object]", cell) if isinstance(cell, list) else None for cell in found[0]]
    if not any(cell is not None and len(cell) == rows for cell in cells):
        return found
    require_readable_size(rows, len(cells))
    spread = [
        cell if cell is not None and len(cell) == rows else [raw_cell] * rows
        for cell, raw_cell in zip(cells, found[0], strict=True)
    ]
    return list(zip(*spread, strict=True))
