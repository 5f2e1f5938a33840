"""Tables of training or production rows, CSV, Parquet or arrays: into a reference, or counted against one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatch.capture.accounting import AccountingBuilder
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.drift.counting.binning import Binner
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Floats, NumericFeature, Reference
from tidewatch.drift.tables.csv_table import CsvTable
from tidewatch.drift.tables.parquet_table import PARQUET_SUFFIXES as PARQUET_SUFFIXES
from tidewatch.drift.tables.parquet_table import ParquetTable, has_parquet_files, require_flat_columns
from tidewatch.drift.tables.table_batches import (
    Batch,
    CategoryReader,
    Mask,
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

CSV_SUFFIXES = (".csv", ".csv.gz")


def is_table(path: str) -> bool:
    """Whether a file is a table by its name, or a folder by the Parquet files in it."""
    return path.lower().endswith((*CSV_SUFFIXES, *PARQUET_SUFFIXES)) or has_parquet_files(Path(path))


def is_parquet(path: str) -> bool:
    """Whether a table is Parquet: its rows are numbered, others begin at a byte."""
    return path.lower().endswith(PARQUET_SUFFIXES) or has_parquet_files(Path(path))


def open_table(path: Path, names: Sequence[str] | None = None) -> Table:
    """The table in a file, by the extension of its name, or in a folder of Parquet files; `names` are the columns of a
    CSV file without a header.

    Raises InvalidTable where it cannot be read as one.
    """
    if is_parquet(str(path)):
        if names is not None:
            raise InvalidTable(f"{path} is Parquet, which names its columns: leave --no-header out")
        return ParquetTable(path)
    if path.is_dir():
        raise InvalidTable(
            f"{path} is a folder without Parquet files: name one table; join parts of CSV under one header, or write "
            "them as Parquet"
        )
    if is_table(str(path)):
        return CsvTable(path, names)
    raise InvalidTable(f"{path} is no table by its name: tables end in {', '.join((*CSV_SUFFIXES, *PARQUET_SUFFIXES))}")


class ArrayTable:
    """Arrays by the names of their columns, shape (n,) each: numpy arrays or sequences, None or NaN where missing."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        import polars as pl

        try:
            self._frame = pl.DataFrame(dict(arrays), nan_to_null=True)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise InvalidTable(f"the arrays are no table: {error}") from error
        self.names = tuple(self._frame.columns)

    def iter_batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:  # noqa: ARG002
        frame = self._frame.select(columns)
        require_flat_columns(frame.schema, "the arrays")
        yield Batch(frame, np.arange(len(self._frame)))


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
    """The reference of a training table.

    score: the column of the model's answers; score_output: where an answer has it (see Reference). exclude: columns
    that are no features. categorical: columns of categories though they hold numbers. A column is numeric where all its
    values are numbers. note: is called with a sentence for each column that is worth a second look. Raises InvalidTable
    or InvalidTraining where a column is not there, the score is not numeric, a column holds numbers but for a few
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
    # A column without any value is of no kind: it holds categories, so that whatever comes later is read, and new.
    numeric = {
        name for name, census in censuses.items() if not census.text_count and (census.number_count or name == score)
    }
    builders = {name: _NumericColumnBuilder() if name in numeric else _CategoryColumnBuilder(name) for name in columns}
    for batch in table.iter_batches(columns, lambda done, size: report_progress(size + done, 2 * size)):
        for name, builder in builders.items():
            builder.add(batch.frame[name])
    answers = builders.pop(score).build() if score else None
    columns_by_name = {name: builder.build() for name, builder in builders.items()}
    result = build_reference(
        columns_by_name,
        score=(score, np.asarray(answers, np.float64)) if score else None,
        order=[name for name in table.names if name != score],
        score_output=score_output,
    )
    if note is not None:
        mixed = [
            describe_mixed_column(name, census.share, census.example)
            for name, census in censuses.items()
            if census.is_mixed
        ]
        for sentence in (*review_columns(result, columns_by_name), *mixed):
            note(sentence)
    return result


MAX_STRAY_SHARE = 0.1
"""A share of other texts below this in a column of numbers is a fault of the data, not a column of categories."""


def _ignore_progress(done: int, size: int) -> None: ...


def _survey_columns(
    table: Table, columns: Sequence[str], score: str | None, categorical: set[str], progress: Progress
) -> dict[str, _TypeCensus]:
    """What the columns hold that may be numbers; refuses rows that do not fit, and columns of neither kind."""
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
                f"the column {name!r} holds numbers but for {census.text_count} of "
                f"{census.text_count + census.number_count} values, the "
                f"first of them {census.example!r}: mend or empty those cells, or name it as a column of categories"
            )
    return censuses


class _TypeCensus:
    """How many values of a column are numbers, and how many are other texts."""

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
        """Whether it would be a column of numbers but for one word, or for less than half of its values."""
        return bool(self.text_count and self.number_count) and (self._has_one_word or self.share < 0.5)


class _NumericColumnBuilder:
    """A column of numbers as it is put together."""

    def __init__(self) -> None:
        self._chunks: list[Floats] = []

    def add(self, column: pl.Series) -> None:
        self._chunks.append(read_numeric_column(column).values)

    def build(self) -> ColumnValues:
        return np.concatenate(self._chunks) if self._chunks else np.empty(0)


class _CategoryColumnBuilder:
    """A column of categories as it is put together."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reader = CategoryReader()
        self._values: list[str | None] = []

    def add(self, column: pl.Series) -> None:
        try:
            self._values += self._reader.read(column)
        except RecordRejected as error:
            raise InvalidTable(f"the column {self._name!r} holds infinity, which is no category: mend it") from error

    def build(self) -> ColumnValues:
        return self._values


@dataclass(frozen=True)
class TableCounts:
    """A table's rows against a reference, and which of its measured columns the table has not."""

    profile: Profile
    absent_columns: frozenset[str]


def count_table(table: Table, reference: Reference, source: str, progress: Progress | None = None) -> TableCounts:
    """Counts a table; every row is one record, and columns that the reference does not know are not read.

    source: names the table in examples of rejected rows.
    """
    measured_names = [feature.name for feature in reference.measured_features]
    present = [name for name in measured_names if name in table.names]
    rows = _TableCounter(reference, source, frozenset(present))
    # Without a single column, rows could not be told from none.
    for batch in table.iter_batches(present or table.names[:1], progress):
        rows.add(batch)
    return TableCounts(rows.profile(), frozenset(measured_names) - frozenset(present))


class _TableCounter:
    """The rows of a table as they are counted; one with a value that cannot be counted is rejected whole."""

    def __init__(self, reference: Reference, source: str, present: frozenset[str]) -> None:
        self._reference, self._source, self._present = reference, source, present
        self._binner = Binner(reference)
        self._readers = {
            feature.name: CategoryReader() for feature in reference.features if isinstance(feature, CategoryFeature)
        }
        self._counts = self._binner.zeros()
        self._accounting = AccountingBuilder()

    def profile(self) -> Profile:
        accounting = self._accounting.build()
        return Profile(self._reference.digest, accounting, accounting.parsed, tuple(self._counts))

    def add(self, batch: Batch) -> None:
        for bad_row in batch.bad_rows:
            self._accounting.reject(self._source, bad_row.start, bad_row.reason)
        is_accepted, columns = self._read_numbers(batch)
        self._accounting.add_parsed(int(is_accepted.sum()))
        numeric = [
            columns[feature.name][is_accepted]
            for feature in self._reference.features
            if isinstance(feature, NumericFeature)
        ]
        score = self._reference.score
        counted = self._binner.count(
            np.stack(numeric, axis=1) if numeric else np.empty((int(is_accepted.sum()), 0)),
            [self._read_categories(batch, name, is_accepted) for name in self._readers],
            columns[score.name][is_accepted] if score is not None and score.name in self._present else None,
        )
        for total, more in zip(self._counts, counted, strict=True):
            total += more

    def _read_numbers(self, batch: Batch) -> tuple[Mask, dict[str, Floats]]:
        """Which rows can be counted, and the numeric columns, the score's among them."""
        is_accepted = np.ones(len(batch.starts), np.bool_)
        columns: dict[str, Floats] = {}
        for feature in self._reference.measured_features:
            if feature.name not in self._present:
                columns[feature.name] = np.full(len(is_accepted), np.nan)
            elif isinstance(feature, NumericFeature) or batch.frame[feature.name].dtype.is_float():
                is_binary = isinstance(feature, NumericFeature) and feature.is_binary
                parsed = read_numeric_column(batch.frame[feature.name], is_binary=is_binary)
                is_bad = parsed.is_invalid | parsed.is_infinite
                for index in np.flatnonzero(is_accepted & is_bad):
                    reason = RejectReason.NOT_A_NUMBER if parsed.is_invalid[index] else RejectReason.NOT_FINITE
                    self._accounting.reject(self._source, int(batch.starts[index]), reason, feature.name)
                is_accepted &= ~is_bad
                columns[feature.name] = parsed.values
        return is_accepted, columns

    def _read_categories(self, batch: Batch, name: str, is_accepted: Mask) -> list[str | None]:
        if name not in self._present:
            return [None] * int(is_accepted.sum())
        return self._readers[name].read(batch.frame[name].filter(is_accepted))
