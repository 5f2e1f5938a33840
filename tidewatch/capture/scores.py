"""Extracts the score of each row from an answer: by its name if the answer has names, never by a guess.

Sources of the formats: SageMaker, "Common data formats for inference",
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html. Sources of the errors: TensorFlow Serving, Triton
and FastAPI answer {"error": ...} and {"detail": ...}, TorchServe and MLflow a "code" or "error_code" next to a
"message", SageMaker an "ErrorCode" next to a "Message".
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
"""The reject reason of an answer by that of its payload. Any other is bad_output."""
_ERROR_KEYS = frozenset(
    {"error", "errors", "error_message", "errormessage", "error_code", "errorcode", "errortype", "exception", "message",
     "detail", "traceback", "originalmessage", "originalstatuscode"}
)  # fmt: skip
"""The keys, in lower case, of answers that are errors."""


_NAME_AND_INDEX = re.compile(r"(.+):(-?\d{1,5})", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class ScoreSelector:
    """Selects the score among an answer's numbers."""

    name: str
    """The score's name, which an answer may use."""
    output: int | str | None = None
    """If the answer uses another name: that name; or the index of the number in a row, or among the classes under its
    name, negative from the end; or both as "NAME:1". None uses the score's name."""

    @cached_property
    def name_and_index(self) -> tuple[str, int] | None:
        """The name and the index, if the output has both."""
        found = _NAME_AND_INDEX.fullmatch(self.output) if isinstance(self.output, str) else None
        return None if found is None else (found[1], int(found[2]))

    @cached_property
    def index(self) -> int | None:
        """The index, if there is one."""
        if isinstance(self.output, int):
            return self.output
        return None if self.name_and_index is None else self.name_and_index[1]

    def find_columns(self, names: Sequence[str]) -> tuple[list[int], int | None]:
        """Returns the answer's columns with the selected name, and the index among their numbers."""
        if not isinstance(self.output, str):
            return _find_columns_by_name(self.name, names), self.index
        columns = _find_columns_by_name(self.output, names)
        if columns or self.name_and_index is None:
            return columns, None
        return _find_columns_by_name(self.name_and_index[0], names), self.index


def extract_scores(output: Payload, rows: int, score: ScoreSelector) -> Floats:
    """Returns the scores of `rows` rows of a request, of shape (rows,), NaN if missing. Raises RecordRejected.

    An answer with names is read by the score's name; a list under it has one number per class, of which `score` selects
    one. Without the name the only number of each row is the score. The reasons are no_output, bad_output,
    row_count_mismatch and ambiguous_payload; error_response if the answer is an error; ambiguous_score if it has
    several numbers and none is selected.
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
    """Turns the first row of a CSV answer into column names if it is a header with the score's name."""
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
    """Returns the columns of a name: one, or those into which a tensor of that name was expanded."""
    if target in names:
        return [names.index(target)]
    prefix = f"{target}__"
    return [index for index, name in enumerate(names) if name.startswith(prefix) and name[len(prefix) :].isdigit()]


def _find_unnamed_column(
    rows: Sequence[Sequence[object]] | Matrix, names: Sequence[str] | None, score: ScoreSelector
) -> list[int]:
    """Returns the column of the score in rows without its name: the selected one, or the only number."""
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
    """Whether a value may be a score: a number, or with names a list of numbers, or without names a numeric text."""
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
    """Returns the cells of the score: of the only one of `columns`, or of the one at `index`."""
    if len(columns) > 1:
        if index is None:
            raise RecordRejected(RejectReason.AMBIGUOUS_SCORE)
        columns = [columns[index]]
    if isinstance(rows, np.ndarray):
        return rows[:, columns[0]]
    return [row[columns[0]] for row in rows]


def _select_class(cell: object, index: int | None) -> object:
    """Returns the score in a value that may be a list with a number per class."""
    if not isinstance(cell, list):
        return cell
    classes = cast("list[object]", cell)
    if len(classes) == 1:
        return classes[0]
    if index is None:
        raise RecordRejected(RejectReason.AMBIGUOUS_SCORE)
    return classes[index]


def _is_error(table: PayloadTable) -> bool:
    """Whether an answer without the score's name reports an error instead."""
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
    """Returns the rows of a single row that has the scores of several: in sequence, or in lists by name."""
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
