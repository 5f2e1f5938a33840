"""Builds the reference of a table of training rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tidewatch.arrays import Floats
from tidewatch.capture.reject_reasons import RecordRejected
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.reference import Reference
from tidewatch.drift.tables.table_batches import (
    CategoryReader,
    Progress,
    Table,
    describe_bad_row,
    read_numeric_column,
    require_column,
)
from tidewatch.drift.training.column_review import describe_mixed_column, review_columns
from tidewatch.drift.training.reference_builder import ColumnValues, build_reference

if TYPE_CHECKING:
    import polars as pl


def build_reference_from_table(
    table: Table,
    *,
    score: str | None = None,
    score_output: int | str | None = None,
    exclude: Sequence[str] = (),
    categorical: Sequence[str] = (),
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Reference:
    """Builds the reference of a training table.

    `score` is the column of the model's answers; Reference explains `score_output`. `exclude` are columns that are no
    features. `categorical` are columns of categories that contain numbers. Otherwise a column is numeric if all its
    values are numbers. `note` is called with a sentence for each column that people should check. Raises InvalidTable
    or InvalidTraining if a column does not exist, the score is not numeric, a column is numeric except for a few
    values, or a row does not fit its header.
    """
    for name in (*exclude, *categorical, *([score] if score else [])):
        require_column(table, name)
    features = [name for name in table.names if name not in exclude and name != score]
    if not features:
        raise InvalidTable("no column is left for a feature: exclude fewer, or give the whole training table")
    columns = [*features, *([score] if score else [])]
    report_progress = progress or _ignore_progress
    censuses = _survey_columns(
        table, columns, score, set(categorical), lambda done, size: report_progress(done, 2 * size)
    )
    # A column without any value gets categories, so that any later value is read and counts as new.
    numeric = {
        name for name, census in censuses.items() if not census.text_count and (census.number_count or name == score)
    }
    columns_by_name = _read_columns(table, columns, numeric, lambda done, size: report_progress(size + done, 2 * size))
    answers = columns_by_name.pop(score) if score else None
    result = build_reference(
        columns_by_name,
        score=(score, np.asarray(answers, np.float64)) if score else None,
        order=[name for name in table.names if name != score],
        score_output=score_output,
    )
    if note is not None:
        for sentence in (*review_columns(result, columns_by_name), *_describe_mixed_columns(censuses)):
            note(sentence)
    return result


MAX_STRAY_SHARE = 0.1
"""If a numeric column has a smaller share of other texts, that is a mistake in the data, not a category column."""


def _ignore_progress(done: int, size: int) -> None: ...


def _survey_columns(
    table: Table, columns: Sequence[str], score: str | None, categorical: set[str], progress: Progress
) -> dict[str, _TypeCensus]:
    """Counts the types of the columns that may be numeric. Raises for rows that do not fit and for mixed columns."""
    census_names = [name for name in columns if name == score or name not in categorical]
    censuses: dict[str, _TypeCensus] = {name: _TypeCensus() for name in census_names}
    for batch in table.iter_batches(columns, progress):
        if batch.bad_rows:
            raise InvalidTable(
                f"{describe_bad_row('the training data', batch.bad_rows[0])}, since a reference counts every row"
            )
        for name, census in censuses.items():
            census.add(batch.frame[name])
    for name, census in censuses.items():
        if census.text_count and name == score:
            raise InvalidTable(
                f"the score {score!r} is not numeric: it holds {census.example!r}; name the column of the model's "
                "answers"
            )
        if 0 < census.share < MAX_STRAY_SHARE:
            raise InvalidTable(
                f"the column {name!r} holds numbers except for {census.text_count} of "
                f"{census.text_count + census.number_count} values, the first of them {census.example!r}: fix or "
                "empty those cells, or name it as a column of categories"
            )
    return censuses


def _read_columns(
    table: Table, columns: Sequence[str], numeric: Collection[str], progress: Progress
) -> dict[str, ColumnValues]:
    """Returns the values of the columns, those in `numeric` as numbers and the others as categories."""
    builders = {name: _NumericColumnBuilder() if name in numeric else _CategoryColumnBuilder(name) for name in columns}
    for batch in table.iter_batches(columns, progress):
        for name, builder in builders.items():
            builder.add(batch.frame[name])
    return {name: builder.build() for name, builder in builders.items()}


def _describe_mixed_columns(censuses: Mapping[str, _TypeCensus]) -> list[str]:
    """Returns a sentence for each column that would be numeric except for some of its values."""
    return [
        describe_mixed_column(name, census.share, census.example)
        for name, census in censuses.items()
        if census.is_mixed
    ]


class _TypeCensus:
    """Counts how many values of a column are numbers and how many are other texts."""

    def __init__(self) -> None:
        self.number_count = self.text_count = 0
        self.example = ""
        self._has_one_word = True

    def add(self, column: pl.Series) -> None:
        parsed = read_numeric_column(column)
        invalid_count = int(parsed.is_invalid.sum())
        if invalid_count:
            words = column.filter(parsed.is_invalid).unique()
            if not self.text_count:
                self.example = str(column[int(parsed.is_invalid.argmax())])[:40]
            self._has_one_word &= len(words) == 1 and str(words[0])[:40] == self.example
        self.text_count += invalid_count
        self.number_count += int((~np.isnan(parsed.values) & ~parsed.is_invalid).sum())

    @property
    def share(self) -> float:
        """The share of other texts among the values."""
        return self.text_count / max(self.text_count + self.number_count, 1)

    @property
    def is_mixed(self) -> bool:
        """Whether it would be numeric except for one word, or for less than half of its values."""
        return bool(self.text_count and self.number_count) and (self._has_one_word or self.share < 0.5)


class _NumericColumnBuilder:
    """Collects a column of numbers."""

    def __init__(self) -> None:
        self._chunks: list[Floats] = []

    def add(self, column: pl.Series) -> None:
        self._chunks.append(read_numeric_column(column).values)

    def build(self) -> ColumnValues:
        return np.concatenate(self._chunks) if self._chunks else np.empty(0)


class _CategoryColumnBuilder:
    """Collects a column of categories."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reader = CategoryReader()
        self._values: list[str | None] = []

    def add(self, column: pl.Series) -> None:
        try:
            self._values += self._reader.read(column)
        except RecordRejected as error:
            raise InvalidTable(f"the column {self._name!r} holds infinity, which is not a category: fix it") from error

    def build(self) -> ColumnValues:
        return self._values
