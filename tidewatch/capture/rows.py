"""Extracts the values of a model's columns from a record. The faster paths must agree with this strict one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import msgspec
import numpy as np

from tidewatch.arrays import Floats
from tidewatch.capture.limits import CATEGORY_COST, MAX_ROWWISE_ROWS, require_readable_size
from tidewatch.capture.numeric_columns import CHUNK_ROWS, parse_column, parse_row
from tidewatch.capture.parsing import parse_binary, parse_categories, parse_category, parse_number
from tidewatch.capture.payload import read_input
from tidewatch.capture.payload_table import LazyCsvRows, Matrix, PayloadTable, make_default_name, select_columns
from tidewatch.capture.record import Record
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.scores import ScoreSelector, extract_scores
from tidewatch.capture.unsupported_formats import is_chat, is_libsvm


@dataclass(frozen=True)
class ColumnSpec:
    """A feature of numbers or categories."""

    name: str
    is_numeric: bool
    is_binary: bool = False
    """Whether it has only zeros and ones."""

    @property
    def parser(self) -> Callable[[object, str], float]:
        """The parser of one of its numbers. The errors it raises name the column."""
        return parse_binary if self.is_binary else parse_number


@dataclass(frozen=True)
class RecordSchema:
    """The columns of a model's requests."""

    features: tuple[ColumnSpec, ...]
    """In the order of the columns."""
    columns: tuple[str, ...]
    """The request's columns in order, including those that are no features."""
    score: ScoreSelector | None = None
    """Selects the score among an answer's numbers. None ignores answers."""

    @cached_property
    def numeric_names(self) -> tuple[str, ...]:
        """The names of the numeric features."""
        return tuple(feature.name for feature in self.features if feature.is_numeric)

    @cached_property
    def numeric_parsers(self) -> tuple[tuple[str, Callable[[object, str], float]], ...]:
        """The names of the numeric features, each with its parser."""
        return tuple((feature.name, feature.parser) for feature in self.features if feature.is_numeric)

    @cached_property
    def category_names(self) -> tuple[str, ...]:
        """The names of the category features."""
        return tuple(feature.name for feature in self.features if not feature.is_numeric)

    @cached_property
    def header_rows(self) -> tuple[tuple[str, ...], ...]:
        """The rows that would be a payload's header. A column without a name is empty there."""
        named = {self.columns, tuple(feature.name for feature in self.features)}
        empty = {make_default_name(index) for index in range(len(self.columns))}
        return tuple(named | {tuple("" if name in empty else name for name in names) for names in named})

    @cached_property
    def header_first_names(self) -> frozenset[str]:
        """The first names of these rows."""
        return frozenset(names[0] for names in self.header_rows if names)

    @cached_property
    def positions_by_width(self) -> dict[int, dict[str, int]]:
        """The position of each feature, by the length of a row without names."""
        column_positions = {name: index for index, name in enumerate(self.columns)}
        feature_positions = {feature.name: index for index, feature in enumerate(self.features)}
        return {len(self.columns): column_positions, len(self.features): feature_positions}


class RecordRows(msgspec.Struct, frozen=True, eq=False):
    """A record's rows."""

    numbers: Floats
    """Shape (rows, numeric features); finite, or NaN if missing."""
    categories: tuple[list[str | None], ...]
    """The values of the rows for each category feature, None if missing."""
    scores: Floats | None
    """Shape (rows,), NaN if missing. None if the schema has no score or no answer was captured."""
    headers: int = 0
    """The header rows of a CSV payload, which are left out: 0 or 1."""

    def __len__(self) -> int:
        return len(self.numbers)


def extract_rows(record: Record, schema: RecordSchema) -> RecordRows:
    """Returns the values of a record's rows.

    Raises RecordRejected: one bad row, or a bad answer, rejects the whole record.
    """
    table = read_input(record.input)
    headers = int(_has_header(table, schema))
    if headers:
        table = msgspec.structs.replace(table, rows=table.rows[1:])
        if not len(table.rows):
            raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    require_readable_size(len(table.rows), len(schema.numeric_names) + CATEGORY_COST * len(schema.category_names))
    positions = _locate_features(table, schema)
    matrix = table.matrix
    if matrix is None:
        numbers, categories = _extract_from_rows(table.rows, schema, positions)
    else:
        numbers, categories = _extract_from_matrix(matrix, schema, positions)
    row_scores = None if schema.score is None else _extract_row_scores(record, len(numbers), schema.score)
    return RecordRows(numbers, categories, row_scores, headers)


def _has_header(table: PayloadTable, schema: RecordSchema) -> bool:
    """Whether every value of the first row is the name of its own column."""
    rows = table.rows
    if table.names is not None or isinstance(rows, np.ndarray):
        return False
    if isinstance(rows, LazyCsvRows):
        return any(rows.starts_with(names) for names in schema.header_rows)
    row = rows[0]
    if not row or not isinstance(row[0], str) or row[0] not in schema.header_first_names:
        return False
    return any(len(row) == len(names) and tuple(row) == names for names in schema.header_rows)


def _locate_features(table: PayloadTable, schema: RecordSchema) -> dict[str, int]:
    """Returns the position of each feature in a row.

    A feature that named rows do not have is missing in all of them.
    """
    if table.sibling_keys and any(feature.name in table.sibling_keys for feature in schema.features):
        # A server that reads rows by name would see a different row from the counted one.
        raise RecordRejected(RejectReason.AMBIGUOUS_PAYLOAD)
    if table.names is not None:
        named = {name: index for index, name in enumerate(table.names)}
        if not any(feature.name in named for feature in schema.features):
            # Otherwise a body of another format would count as rows without any value.
            raise RecordRejected(RejectReason.CHAT if is_chat(named) else RejectReason.MISSING_COLUMNS)
        return named
    lengths = table.widths
    found = schema.positions_by_width.get(min(lengths))
    if found is not None and len(lengths) == 1:
        return found
    if min(lengths) >= min(schema.positions_by_width):
        raise RecordRejected(RejectReason.EXTRA_COLUMNS)
    raise RecordRejected(
        RejectReason.LIBSVM if lengths == {1} and is_libsvm(table.rows[0][0]) else RejectReason.MISSING_COLUMNS
    )


def _extract_from_matrix(
    matrix: Matrix, schema: RecordSchema, positions: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    feature_positions = [positions.get(name, -1) for name in schema.numeric_names]
    in_order = feature_positions == list(range(matrix.shape[1]))
    numbers = (matrix if in_order else matrix[:, feature_positions]).astype(np.float64)
    if -1 in feature_positions:
        numbers[:, [position < 0 for position in feature_positions]] = np.nan
    _require_finite(numbers, schema.numeric_names)
    return numbers, tuple(
        [parse_category(value, name) for value in matrix[:, positions[name]].tolist()]
        if name in positions
        else [None] * len(matrix)
        for name in schema.category_names
    )


def _extract_from_rows(
    rows: Sequence[Sequence[object]] | Matrix, schema: RecordSchema, positions: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    if len(rows) <= MAX_ROWWISE_ROWS:
        return _extract_few_rows(list(rows), schema, positions)
    numbers = np.full((len(rows), len(schema.numeric_names)), math.nan)
    categories: tuple[list[str | None], ...] = tuple([] for _ in schema.category_names)
    category_cache: dict[str, str | None] = {}
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]
        chunk_numbers = numbers[start : start + len(chunk)]
        present = [name for name in (*schema.numeric_names, *schema.category_names) if name in positions]
        columns = dict(zip(present, select_columns(chunk, [positions[name] for name in present]), strict=True))
        _fill_numbers(chunk_numbers, columns, schema)
        _require_finite(chunk_numbers, schema.numeric_names)
        for column_values, name in zip(categories, schema.category_names, strict=True):
            column_values += (
                _parse_category_column(columns[name], name, category_cache) if name in columns else [None] * len(chunk)
            )
    return numbers, categories


def _extract_few_rows(
    rows: list[Sequence[object]], schema: RecordSchema, positions: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    feature_positions = [positions.get(name) for name in schema.numeric_names]
    found: list[list[float]] = []
    for row in rows:
        cells = [None if position is None else row[position] for position in feature_positions]
        row_numbers = parse_row(cells)
        if row_numbers is None:
            row_numbers = [parse(cell, name) for cell, (name, parse) in zip(cells, schema.numeric_parsers, strict=True)]
        found.append(row_numbers)
    numbers = np.array(found, np.float64).reshape(len(rows), len(feature_positions))
    _require_finite(numbers, schema.numeric_names)
    return numbers, tuple(
        [parse_category(row[positions[name]], name) for row in rows] if name in positions else [None] * len(rows)
        for name in schema.category_names
    )


def _require_finite(numbers: Floats, names: Sequence[str]) -> None:
    infinite = np.isinf(numbers)
    if np.count_nonzero(infinite):
        raise RecordRejected(RejectReason.NOT_FINITE, names[int(infinite.any(0).argmax())])


def _parse_category_column(cells: list[object], name: str, cache: dict[str, str | None]) -> list[str | None]:
    """Returns the categories of a column. A repeated text comes from the cache and is stored once."""
    if not set(map(type, cells)) <= {str}:
        return [parse_category(cell, name) for cell in cells]
    texts = cast("list[str]", cells)
    cache |= parse_categories({text for text in set(texts) if text not in cache})
    return [cache[text] for text in texts]


def _fill_numbers(numbers: Floats, columns: dict[str, list[object]], schema: RecordSchema) -> None:
    """Fills the numbers by column if all cells are simple, else by row, so that the first error is reported."""
    parsers = [(index, name, parse) for index, (name, parse) in enumerate(schema.numeric_parsers) if name in columns]
    for index, name, _ in parsers:
        column = parse_column(columns[name])
        if column is None:
            break
        numbers[:, index] = column
    else:
        return
    for row_numbers, *cells in zip(numbers, *(columns[name] for _, name, _ in parsers), strict=True):
        for (index, name, parse), cell in zip(parsers, cells, strict=True):
            row_numbers[index] = parse(cell, name)


def _extract_row_scores(record: Record, rows: int, score: ScoreSelector) -> Floats | None:
    if record.failed:
        raise RecordRejected(RejectReason.ERROR_RESPONSE)
    if record.output is not None:
        return extract_scores(record.output, rows, score)
    if record.answered:
        raise RecordRejected(RejectReason.NO_OUTPUT)
    return None
