"""Tables of training or production rows, CSV, Parquet or arrays: into a reference, or counted against one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatch.capture.accounting import Tally
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.drift.batches import Batch, Flags, Progress, Table, Texts, must_have, numbers, told
from tidewatch.drift.binning import Binner
from tidewatch.drift.csvfile import CsvTable
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.notes import among_numbers, notes
from tidewatch.drift.parquetfile import ENDINGS as PARQUET
from tidewatch.drift.parquetfile import ParquetTable, holds_parts, no_nested
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Floats, NumericFeature, Reference
from tidewatch.drift.training import Column, build

if TYPE_CHECKING:
    import polars as pl

CSV = (".csv", ".csv.gz")


def is_table(path: str) -> bool:
    """Whether a file is a table by its name, or a folder by the Parquet files in it."""
    return path.lower().endswith((*CSV, *PARQUET)) or holds_parts(Path(path))


def is_parquet(path: str) -> bool:
    """Whether a table is Parquet: its rows are numbered, others begin at a byte."""
    return path.lower().endswith(PARQUET) or holds_parts(Path(path))


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
    raise InvalidTable(f"{path} is no table by its name: tables end in {', '.join((*CSV, *PARQUET))}")


class ArrayTable:
    """Arrays by the names of their columns, shape (n,) each: numpy arrays or sequences, None or NaN where missing."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        import polars as pl

        try:
            self._frame = pl.DataFrame(dict(arrays), nan_to_null=True)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise InvalidTable(f"the arrays are no table: {error}") from error
        self.names = tuple(self._frame.columns)

    def batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:  # noqa: ARG002
        frame = self._frame.select(columns)
        no_nested(frame.schema, "the arrays")
        yield Batch(frame, np.arange(len(self._frame)))


def reference(
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
        must_have(table, name)
    features = [name for name in table.names if name not in exclude and name != score]
    if not features:
        raise InvalidTable("no column is left for a feature: exclude fewer, or give the whole training table")
    columns = [*features, *([score] if score else [])]
    heard = progress or _unheard
    odd = _odd(table, columns, score, set(categorical), lambda done, size: heard(done, 2 * size))
    # A column without any value is of no kind: it holds categories, so that whatever comes later is read, and new.
    numeric = {name for name, seen in odd.items() if not seen.texts and (seen.numbers or name == score)}
    parts = {name: _Numeric() if name in numeric else _Named(name) for name in columns}
    for batch in table.batches(columns, lambda done, size: heard(size + done, 2 * size)):
        for name, part in parts.items():
            part.add(batch.frame[name])
    answers = parts.pop(score).whole() if score else None
    whole = {name: part.whole() for name, part in parts.items()}
    made = build(
        whole,
        score=(score, np.asarray(answers, np.float64)) if score else None,
        order=[name for name in table.names if name != score],
        score_output=score_output,
    )
    if note is not None:
        mixed = [among_numbers(name, seen.share, seen.example) for name, seen in odd.items() if seen.is_mixed]
        for sentence in (*notes(made, whole), *mixed):
            note(sentence)
    return made


MOSTLY = 0.1
"""A share of other texts below this in a column of numbers is a fault of the data, not a column of categories."""


def _unheard(done: int, size: int) -> None: ...


def _odd(
    table: Table, columns: Sequence[str], score: str | None, categorical: set[str], progress: Progress
) -> dict[str, _Odd]:
    """What the columns hold that may be numbers; refuses rows that do not fit, and columns of neither kind."""
    asked = [name for name in columns if name == score or name not in categorical]
    odd: dict[str, _Odd] = {name: _Odd() for name in asked}
    for batch in table.batches(columns, progress):
        if batch.misfits:
            raise InvalidTable(f"{told('the training data', batch.misfits[0])}, since a reference counts every row")
        for name, seen in odd.items():
            seen.add(batch.frame[name])
    for name, seen in odd.items():
        if seen.texts and name == score:
            raise InvalidTable(
                f"the score {score!r} is not numeric: it holds {seen.example!r}; name the column of the model's answers"
            )
        if 0 < seen.share < MOSTLY:
            raise InvalidTable(
                f"the column {name!r} holds numbers but for {seen.texts} of {seen.texts + seen.numbers} values, the "
                f"first of them {seen.example!r}: mend or empty those cells, or name it as a column of categories"
            )
    return odd


class _Odd:
    """How many values of a column are numbers, and how many are other texts."""

    def __init__(self) -> None:
        self.numbers = self.texts = 0
        self.example = ""
        self._one_word = True

    def add(self, column: pl.Series) -> None:
        read = numbers(column)
        wrong = int(read.wrong.sum())
        if wrong:
            words = column.filter(read.wrong).unique()
            if not self.texts:
                self.example = str(column[int(read.wrong.argmax())])[:40]
            self._one_word &= len(words) == 1 and str(words[0])[:40] == self.example
        self.texts += wrong
        self.numbers += int((~np.isnan(read.values) & ~read.wrong).sum())

    @property
    def share(self) -> float:
        """The share of other texts among the values."""
        return self.texts / max(self.texts + self.numbers, 1)

    @property
    def is_mixed(self) -> bool:
        """Whether it would be a column of numbers but for one word, or for less than half of its values."""
        return bool(self.texts and self.numbers) and (self._one_word or self.share < 0.5)


class _Numeric:
    """A column of numbers as it is put together."""

    def __init__(self) -> None:
        self._parts: list[Floats] = []

    def add(self, column: pl.Series) -> None:
        self._parts.append(numbers(column).values)

    def whole(self) -> Column:
        return np.concatenate(self._parts) if self._parts else np.empty(0)


class _Named:
    """A column of categories as it is put together."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts = Texts()
        self._values: list[str | None] = []

    def add(self, column: pl.Series) -> None:
        try:
            self._values += self._texts.read(column)
        except Unreadable as error:
            raise InvalidTable(f"the column {self._name!r} holds infinity, which is no category: mend it") from error

    def whole(self) -> Column:
        return self._values


@dataclass(frozen=True)
class Counted:
    """A table's rows against a reference, and which of its measured columns the table has not."""

    profile: Profile
    absent: frozenset[str]


def count(table: Table, reference: Reference, source: str, progress: Progress | None = None) -> Counted:
    """Counts a table; every row is one record, and columns that the reference does not know are not read.

    source: names the table in examples of rejected rows.
    """
    wanted = [one.name for one in reference.measured]
    present = [name for name in wanted if name in table.names]
    rows = _Rows(reference, source, frozenset(present))
    # Without a single column, rows could not be told from none.
    for batch in table.batches(present or table.names[:1], progress):
        rows.add(batch)
    return Counted(rows.profile(), frozenset(wanted) - frozenset(present))


class _Rows:
    """The rows of a table as they are counted; one with a value that cannot be counted is rejected whole."""

    def __init__(self, reference: Reference, source: str, present: frozenset[str]) -> None:
        self._reference, self._source, self._present = reference, source, present
        self._binner = Binner(reference)
        self._texts = {one.name: Texts() for one in reference.features if isinstance(one, CategoryFeature)}
        self._counts = self._binner.zeros()
        self._tally = Tally()

    def profile(self) -> Profile:
        account = self._tally.total()
        return Profile(self._reference.digest, account, account.parsed, tuple(self._counts))

    def add(self, batch: Batch) -> None:
        for odd in batch.misfits:
            self._tally.reject(self._source, odd.start, odd.reason)
        kept, columns = self._numbers(batch)
        self._tally.parsed(int(kept.sum()))
        numeric = [columns[one.name][kept] for one in self._reference.features if isinstance(one, NumericFeature)]
        score = self._reference.score
        counted = self._binner.count(
            np.stack(numeric, axis=1) if numeric else np.empty((int(kept.sum()), 0)),
            [self._categories(batch, name, kept) for name in self._texts],
            columns[score.name][kept] if score is not None and score.name in self._present else None,
        )
        for total, more in zip(self._counts, counted, strict=True):
            total += more

    def _numbers(self, batch: Batch) -> tuple[Flags, dict[str, Floats]]:
        """Which rows can be counted, and the numeric columns, the score's among them."""
        kept = np.ones(len(batch.starts), np.bool_)
        columns: dict[str, Floats] = {}
        for feature in self._reference.measured:
            if feature.name not in self._present:
                columns[feature.name] = np.full(len(kept), np.nan)
            elif isinstance(feature, NumericFeature) or batch.frame[feature.name].dtype.is_float():
                flags = isinstance(feature, NumericFeature) and feature.of_flags
                read = numbers(batch.frame[feature.name], flags=flags)
                odd = read.wrong | read.infinite
                for at in np.flatnonzero(kept & odd):
                    reason = Reason.NOT_A_NUMBER if read.wrong[at] else Reason.NOT_FINITE
                    self._tally.reject(self._source, int(batch.starts[at]), reason, feature.name)
                kept &= ~odd
                columns[feature.name] = read.values
        return kept, columns

    def _categories(self, batch: Batch, name: str, kept: Flags) -> list[str | None]:
        if name not in self._present:
            return [None] * int(kept.sum())
        return self._texts[name].read(batch.frame[name].filter(kept))
