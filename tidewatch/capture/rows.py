"""A record to the values of a model's columns: the strict path, which every faster one agrees with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import msgspec
import numpy as np

from tidewatch.capture.columns import CHUNK_ROWS, Floats, parse_column, parse_row
from tidewatch.capture.foreign import is_chat, is_libsvm
from tidewatch.capture.limits import CATEGORY, FEW_ROWS, check_values
from tidewatch.capture.payload import read_input
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.record import Record
from tidewatch.capture.scalars import categories, category, flag, number
from tidewatch.capture.scores import Score, scores
from tidewatch.capture.table import Matrix, Split, Table, columns_of, unnamed


@dataclass(frozen=True)
class Column:
    """A feature: of numbers, or of categories. flags: of zeros and ones alone."""

    name: str
    numeric: bool
    flags: bool = False

    @property
    def read(self) -> Callable[[object, str], float]:
        """Reads one of its numbers; names the column in what it raises."""
        return flag if self.flags else number


@dataclass(frozen=True)
class Layout:
    """What a model's requests hold.

    columns: the request's columns in their order, those that are no features among them. features: in the order of the
    columns. score: which number of an answer is the score; None to read no answer.
    """

    features: tuple[Column, ...]
    columns: tuple[str, ...]
    score: Score | None = None

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The names of the numeric features."""
        return tuple(feature.name for feature in self.features if feature.numeric)

    @cached_property
    def readers(self) -> tuple[tuple[str, Callable[[object, str], float]], ...]:
        """The names of the numeric features, and what reads a number of each."""
        return tuple((feature.name, feature.read) for feature in self.features if feature.numeric)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The names of the category features."""
        return tuple(feature.name for feature in self.features if not feature.numeric)

    @cached_property
    def headers(self) -> tuple[tuple[str, ...], ...]:
        """The rows that would name a payload's columns; a column without a name stands empty there."""
        named = {self.columns, tuple(feature.name for feature in self.features)}
        empty = {unnamed(at) for at in range(len(self.columns))}
        return tuple(named | {tuple("" if name in empty else name for name in names) for names in named})

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """The first names of those rows."""
        return frozenset(names[0] for names in self.headers if names)

    @cached_property
    def widths(self) -> dict[int, dict[str, int]]:
        """By the length of a row without names: the place of each feature."""
        every = {name: at for at, name in enumerate(self.columns)}
        features = {feature.name: at for at, feature in enumerate(self.features)}
        return {len(self.columns): every, len(self.features): features}


class Rows(msgspec.Struct, frozen=True, eq=False):
    """A record's rows.

    numbers: shape (rows, numeric features), finite or NaN where missing. categories: for each category feature the
    values of the rows, None where missing. scores: shape (rows,), NaN where missing; None where none were asked for, or
    no answer was captured. headers: rows of a CSV payload that named the columns, and are left out: 0 or 1.
    """

    numbers: Floats
    categories: tuple[list[str | None], ...]
    scores: Floats | None
    headers: int = 0

    def __len__(self) -> int:
        return len(self.numbers)


def values(record: Record, layout: Layout) -> Rows:
    """The values of a record's rows. Raises Unreadable: one bad row, or a bad answer, rejects the whole record."""
    table = read_input(record.input)
    headers = int(_has_header(table, layout))
    if headers:
        table = msgspec.structs.replace(table, rows=table.rows[1:])
        if not len(table.rows):
            raise Unreadable(Reason.EMPTY_PAYLOAD)
    check_values(len(table.rows), len(layout.numbers) + CATEGORY * len(layout.categories))
    places = _places(table, layout)
    matrix = table.matrix
    if matrix is None:
        numbers, categories = _from_rows(table.rows, layout, places)
    else:
        numbers, categories = _from_matrix(matrix, layout, places)
    answered = None if layout.score is None else _scores(record, len(numbers), layout.score)
    return Rows(numbers, categories, answered, headers)


def _has_header(table: Table, layout: Layout) -> bool:
    """Whether the first row holds the name of its own column in every place."""
    rows = table.rows
    if table.names is not None or isinstance(rows, np.ndarray):
        return False
    if isinstance(rows, Split):
        return any(rows.starts_with(names) for names in layout.headers)
    row = rows[0]
    if not row or not isinstance(row[0], str) or row[0] not in layout.beginnings:
        return False
    return any(len(row) == len(names) and tuple(row) == names for names in layout.headers)


def _places(table: Table, layout: Layout) -> dict[str, int]:
    """Where in a row each feature is; one that is absent from named rows is missing from all of them."""
    if table.beside and any(feature.name in table.beside for feature in layout.features):
        # A server that reads rows by name would see another row than the one that is counted.
        raise Unreadable(Reason.AMBIGUOUS)
    if table.names is not None:
        named = {name: at for at, name in enumerate(table.names)}
        if not any(feature.name in named for feature in layout.features):
            # A body of another form would otherwise count as rows without a single value.
            raise Unreadable(Reason.CHAT if is_chat(named) else Reason.MISSING_COLUMNS)
        return named
    lengths = table.widths
    found = layout.widths.get(min(lengths))
    if found is not None and len(lengths) == 1:
        return found
    if min(lengths) >= min(layout.widths):
        raise Unreadable(Reason.EXTRA_COLUMNS)
    raise Unreadable(Reason.LIBSVM if lengths == {1} and is_libsvm(table.rows[0][0]) else Reason.MISSING_COLUMNS)


def _from_matrix(
    matrix: Matrix, layout: Layout, places: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    at = [places.get(name, -1) for name in layout.numbers]
    in_order = at == list(range(matrix.shape[1]))
    numbers = (matrix if in_order else matrix[:, at]).astype(np.float64)
    if -1 in at:
        numbers[:, [place < 0 for place in at]] = np.nan
    _check_finite(numbers, layout.numbers)
    return numbers, tuple(
        [category(value, name) for value in matrix[:, places[name]].tolist()]
        if name in places
        else [None] * len(matrix)
        for name in layout.categories
    )


def _from_rows(
    rows: Sequence[Sequence[object]] | Matrix, layout: Layout, places: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    if len(rows) <= FEW_ROWS:
        return _from_few(list(rows), layout, places)
    numbers = np.full((len(rows), len(layout.numbers)), math.nan)
    categories: tuple[list[str | None], ...] = tuple([] for _ in layout.categories)
    known: dict[str, str | None] = {}
    for start in range(0, len(rows), CHUNK_ROWS):
        part = rows[start : start + CHUNK_ROWS]
        into = numbers[start : start + len(part)]
        present = [name for name in (*layout.numbers, *layout.categories) if name in places]
        columns = dict(zip(present, columns_of(part, [places[name] for name in present]), strict=True))
        _fill(into, columns, layout)
        _check_finite(into, layout.numbers)
        for held, name in zip(categories, layout.categories, strict=True):
            held += _categories(columns[name], name, known) if name in columns else [None] * len(part)
    return numbers, categories


def _from_few(
    rows: list[Sequence[object]], layout: Layout, places: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    at = [places.get(name) for name in layout.numbers]
    found: list[list[float]] = []
    for row in rows:
        cells = [None if place is None else row[place] for place in at]
        plain = parse_row(cells)
        if plain is None:
            plain = [read(cell, name) for cell, (name, read) in zip(cells, layout.readers, strict=True)]
        found.append(plain)
    numbers = np.array(found, np.float64).reshape(len(rows), len(at))
    _check_finite(numbers, layout.numbers)
    return numbers, tuple(
        [category(row[places[name]], name) for row in rows] if name in places else [None] * len(rows)
        for name in layout.categories
    )


def _check_finite(numbers: Floats, names: Sequence[str]) -> None:
    infinite = np.isinf(numbers)
    if np.count_nonzero(infinite):
        raise Unreadable(Reason.NOT_FINITE, names[int(infinite.any(0).argmax())])


def _categories(cells: list[object], name: str, known: dict[str, str | None]) -> list[str | None]:
    """The categories of a column; a text that was met before is told from memory, and kept once."""
    if not set(map(type, cells)) <= {str}:
        return [category(cell, name) for cell in cells]
    texts = cast("list[str]", cells)
    known |= categories({text for text in set(texts) if text not in known})
    return [known[text] for text in texts]


def _fill(numbers: Floats, columns: dict[str, list[object]], layout: Layout) -> None:
    """Reads the columns one by one where all their cells are plain, else row by row: the first fault is to be told."""
    held = [(at, name, read) for at, (name, read) in enumerate(layout.readers) if name in columns]
    for at, name, _ in held:
        column = parse_column(columns[name])
        if column is None:
            break
        numbers[:, at] = column
    else:
        return
    for into, *cells in zip(numbers, *(columns[name] for _, name, _ in held), strict=True):
        for (at, name, read), cell in zip(held, cells, strict=True):
            into[at] = read(cell, name)


def _scores(record: Record, rows: int, score: Score) -> Floats | None:
    if record.failed:
        raise Unreadable(Reason.ERROR_ANSWER)
    if record.output is not None:
        return scores(record.output, rows, score)
    if record.answered:
        raise Unreadable(Reason.NO_OUTPUT)
    return None
