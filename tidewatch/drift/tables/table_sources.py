"""Opens tables: a CSV or Parquet file, a folder of Parquet files, or arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.tables.csv_table import CsvTable
from tidewatch.drift.tables.parquet_table import (
    PARQUET_SUFFIXES,
    ParquetTable,
    has_parquet_files,
    require_flat_columns,
)
from tidewatch.drift.tables.table_batches import Batch, Progress, Table

CSV_SUFFIXES = (".csv", ".csv.gz")


def is_table(path: str) -> bool:
    """Whether a file is a table according to its name, or a folder according to the Parquet files in it."""
    return path.lower().endswith((*CSV_SUFFIXES, *PARQUET_SUFFIXES)) or has_parquet_files(Path(path))


def is_parquet(path: str) -> bool:
    """Whether a table is Parquet. Its rows have numbers; those of other tables start at a byte."""
    return path.lower().endswith(PARQUET_SUFFIXES) or has_parquet_files(Path(path))


def open_table(path: Path, names: Sequence[str] | None = None) -> Table:
    """Opens the table in a file, by the extension of its name, or in a folder of Parquet files.

    `names` are the columns of a CSV file without a header. Raises InvalidTable if it cannot be read as a table.
    """
    if is_parquet(str(path)):
        if names is not None:
            raise InvalidTable(f"{path} is Parquet, which names its columns: remove --no-header")
        return ParquetTable(path)
    if path.is_dir():
        raise InvalidTable(
            f"{path} is a folder without Parquet files: name one table; join parts of CSV under one header, or write "
            "them as Parquet"
        )
    if is_table(str(path)):
        return CsvTable(path, names)
    raise InvalidTable(
        f"{path} is not a table by its name: tables end in {', '.join((*CSV_SUFFIXES, *PARQUET_SUFFIXES))}"
    )


class ArrayTable:
    """Arrays by column name, of shape (n,) each: numpy arrays or sequences, with None or NaN for missing."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        import polars as pl

        try:
            self._frame = pl.DataFrame(dict(arrays), nan_to_null=True)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise InvalidTable(f"the arrays are not a table: {error}") from error
        self.names = tuple(self._frame.columns)

    def iter_batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:  # noqa: ARG002
        frame = self._frame.select(columns)
        require_flat_columns(frame.schema, "the arrays")
        yield Batch(frame, np.arange(len(self._frame)))
