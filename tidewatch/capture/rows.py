"""A record to the values of a model's columns: the strict path, which every faster one agrees with."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from tidewatch.capture.limits import CATEGORY, LONGEST_NUMBER, check_values
from tidewatch.capture.payload import Payload, read_input, read_output
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.record import Record
from tidewatch.capture.scalars import MISSING, categories, category, number
from tidewatch.capture.table import Matrix, Table, columns_of

Floats: TypeAlias = npt.NDArray[np.float64]

_PLAIN = re.compile(r"[0-9eE.,+-]*")
"""Over these characters, Python's float() takes exactly the numbers that scalars.number does."""
_OF_ANSWERS = {Reason.EMPTY_PAYLOAD: Reason.NO_OUTPUT, Reason.AMBIGUOUS: Reason.AMBIGUOUS}
"""Why an answer is not read, by the reason that its payload is not; any other is a bad output."""
FEW_ROWS = 16
"""Up to so many rows are read cell by cell: to begin with a column costs more than they take."""
CHUNK_ROWS = 4096
"""Rows held as Python objects at once: a record may have a million."""


@dataclass(frozen=True)
class Column:
    """A feature: of numbers, or of categories."""

    name: str
    numeric: bool


@dataclass(frozen=True)
class Layout:
    """What a model's requests hold.

    columns: the request's columns in their order, those that are no features among them. features: in the order of the
    columns. score_output: which number of an answer's row is the score, negative from the end; None to read no answer.
    """

    features: tuple[Column, ...]
    columns: tuple[str, ...]
    score_output: int | None = -1

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The names of the numeric features."""
        return tuple(feature.name for feature in self.features if feature.numeric)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The names of the category features."""
        return tuple(feature.name for feature in self.features if not feature.numeric)

    @cached_property
    def widths(self) -> dict[int, dict[str, int]]:
        """By the length of a row without names: the place of each feature."""
        every = {name: at for at, name in enumerate(self.columns)}
        features = {feature.name: at for at, feature in enumerate(self.features)}
        return {len(self.columns): every, len(self.features): features}


@dataclass(frozen=True, eq=False)
class Rows:
    """A record's rows.

    numbers: shape (rows, numeric features), finite or NaN where missing. categories: for each category feature the
    values of the rows, None where missing. scores: shape (rows,), NaN where missing; None where none were asked for.
    """

    numbers: Floats
    categories: tuple[list[str | None], ...]
    scores: Floats | None

    def __len__(self) -> int:
        return len(self.numbers)


def values(record: Record, layout: Layout) -> Rows:
    """The values of a record's rows. Raises Unreadable: one bad row, or a bad answer, rejects the whole record."""
    table = read_input(record.input)
    check_values(len(table.rows), len(layout.numbers) + CATEGORY * len(layout.categories))
    places = _places(table, layout)
    matrix = table.matrix
    if matrix is None:
        numbers, categories = _from_rows(table.rows, layout, places)
    else:
        numbers, categories = _from_matrix(matrix, layout, places)
    scores = None if layout.score_output is None else _scores(record.output, len(numbers), layout.score_output)
    return Rows(numbers, categories, scores)


def _places(table: Table, layout: Layout) -> dict[str, int]:
    """Where in a row each feature is; one that is absent from named rows is missing from all of them."""
    if table.beside and any(feature.name in table.beside for feature in layout.features):
        # A server that reads rows by name would see another row than the one that is counted.
        raise Unreadable(Reason.AMBIGUOUS)
    if table.names is not None:
        named = {name: at for at, name in enumerate(table.names)}
        if not any(feature.name in named for feature in layout.features):
            # A body of another form would otherwise count as rows without a single value.
            raise Unreadable(Reason.MISSING_COLUMNS)
        return named
    lengths = table.widths
    found = layout.widths.get(min(lengths))
    if found is not None and len(lengths) == 1:
        return found
    raise Unreadable(Reason.MISSING_COLUMNS if min(lengths) < min(layout.widths) else Reason.EXTRA_COLUMNS)


def _from_matrix(
    matrix: Matrix, layout: Layout, places: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    at = [places.get(name, -1) for name in layout.numbers]
    numbers = matrix[:, at].astype(np.float64)
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
        _fill(into, columns, layout.numbers)
        _check_finite(into, layout.numbers)
        for held, name in zip(categories, layout.categories, strict=True):
            held += _categories(columns[name], name, known) if name in columns else [None] * len(part)
    return numbers, categories


def _from_few(
    rows: list[Sequence[object]], layout: Layout, places: dict[str, int]
) -> tuple[Floats, tuple[list[str | None], ...]]:  # fmt: skip
    numbers = np.full((len(rows), len(layout.numbers)), math.nan)
    held = [(at, places[name], name) for at, name in enumerate(layout.numbers) if name in places]
    for into, row in zip(numbers, rows, strict=True):
        for at, place, name in held:
            into[at] = number(row[place], name)
    _check_finite(numbers, layout.numbers)
    return numbers, tuple(
        [category(row[places[name]], name) for row in rows] if name in places else [None] * len(rows)
        for name in layout.categories
    )


def _check_finite(numbers: Floats, names: Sequence[str]) -> None:
    infinite = np.isinf(numbers)
    if infinite.any():
        raise Unreadable(Reason.NOT_FINITE, names[int(infinite.any(0).argmax())])


def _categories(cells: list[object], name: str, known: dict[str, str | None]) -> list[str | None]:
    """The categories of a column; a text that was met before is told from memory, and kept once."""
    if not set(map(type, cells)) <= {str}:
        return [category(cell, name) for cell in cells]
    texts = cast("list[str]", cells)
    known |= categories({text for text in set(texts) if text not in known})
    return [known[text] for text in texts]


def _fill(numbers: Floats, columns: dict[str, list[object]], names: Sequence[str]) -> None:
    """Reads the columns one by one where all their cells are plain, else row by row: the first fault is to be told."""
    held = [(at, name) for at, name in enumerate(names) if name in columns]
    for at, name in held:
        column = _column(columns[name])
        if column is None:
            break
        numbers[:, at] = column
    else:
        return
    for into, *cells in zip(numbers, *(columns[name] for _, name in held), strict=True):
        for (at, name), cell in zip(held, cells, strict=True):
            into[at] = number(cell, name)


def _column(cells: list[object]) -> Sequence[float] | Floats | None:
    """The numbers of cells that are all text and plain, or all numbers and None; None for any other."""
    kinds = set(map(type, cells))
    try:
        if kinds <= {float, int, NoneType}:
            return np.array(cells, np.float64)
        return _parsed(cast("list[str]", cells)) if kinds <= {str} else None
    except (OverflowError, ValueError):
        return None


def _parsed(texts: list[str]) -> list[float] | None:
    """The numbers of texts that are all finite or missing; None, or ValueError, where one may be something else."""
    if max(map(len, texts)) > LONGEST_NUMBER:
        return None
    if _PLAIN.fullmatch(",".join(texts)):
        return [float(text) if text else math.nan for text in texts]
    # A cell in each chunk that has spaces, or a word for no value, would have all of them read one by one.
    stripped = [text.strip(" ") for text in texts]
    if _PLAIN.fullmatch(",".join([text for text in stripped if text not in MISSING])):
        return [math.nan if text in MISSING else float(text) for text in stripped]
    return None


def _scores(output: Payload | None, rows: int, which: int) -> Floats:
    if output is None:
        raise Unreadable(Reason.NO_OUTPUT)
    try:
        table = read_output(output)
    except Unreadable as unreadable:
        raise Unreadable(_OF_ANSWERS.get(unreadable.reason, Reason.BAD_OUTPUT)) from unreadable
    found = _turned(table, rows)
    if len(found) != rows:
        raise Unreadable(Reason.ROWS_DIFFER)
    try:
        if isinstance(found, np.ndarray):
            scores = found[:, which].astype(np.float64)
        else:
            scores = _numbers([row[which] for row in found])
    except (IndexError, Unreadable) as error:
        raise Unreadable(Reason.BAD_OUTPUT) from error
    if np.isinf(scores).any():
        raise Unreadable(Reason.BAD_OUTPUT)
    return scores


def _numbers(cells: list[object]) -> Floats:
    """The numbers of a column, of which the reader knows no more than that it should hold numbers."""
    if len(cells) <= FEW_ROWS:
        return np.array([number(cell) for cell in cells], np.float64)
    found = np.empty(len(cells))
    for start in range(0, len(cells), CHUNK_ROWS):
        part = cells[start : start + CHUNK_ROWS]
        column = _column(part)
        found[start : start + len(part)] = [number(cell) for cell in part] if column is None else column
    return found


def _turned(table: Table, rows: int) -> Sequence[Sequence[object]] | Matrix:
    """The answer's rows; a single one without names, as long as the request has rows, is their scores side by side."""
    found = table.rows
    if rows == 1 or table.names is not None or len(found) != 1 or len(found[0]) != rows:
        return found
    return found.T if isinstance(found, np.ndarray) else [[value] for value in found[0]]
