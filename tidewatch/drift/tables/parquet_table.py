"""Reads Parquet in batches: a file, or a folder of files as Spark writes it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatch.capture.capture_keys import CAPTURE_SUFFIXES as CAPTURE_SUFFIXES
from tidewatch.drift.errors import InvalidTable
from tidewatch.drift.tables.table_batches import Batch, Progress, resolve_column_names

if TYPE_CHECKING:
    import polars as pl

PARQUET_BATCH_ROWS = 65_536
PARQUET_SUFFIXES = (".parquet", ".pq")


def list_parquet_files(folder: Path) -> list[Path]:
    """Lists the Parquet files under a folder, without those that Spark and Hadoop hide or have not finished."""
    found = (path for path in folder.rglob("*") if path.name.lower().endswith(PARQUET_SUFFIXES) and path.is_file())
    return sorted(path for path in found if not any(each[0] in "._" for each in path.relative_to(folder).parts))


def has_parquet_files(path: Path) -> bool:
    """Whether a path is a folder of Parquet files, directly or in partition folders, without captured records."""
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        return False
    found = list(path.iterdir())
    return not any(each.name.endswith(CAPTURE_SUFFIXES) for each in found) and any(
        (each.is_dir() and "=" in each.name and has_parquet_files(each))
        or (each.name.lower().endswith(PARQUET_SUFFIXES) and each.name[0] not in "._" and each.is_file())
        for each in found
    )


class ParquetTable:
    """A Parquet file, or all files of a folder as one table. Folders named `key=value` become columns.

    Raises InvalidTable if it cannot be read or contains no Parquet.
    """

    def __init__(self, path: Path) -> None:
        import polars as pl

        self._path = path
        self._files = list_parquet_files(path) if path.is_dir() else [path]
        if not self._files:
            raise InvalidTable(f"{path} is a folder without a .parquet file: name the table itself")
        with self._map_errors(), _silence_stderr():
            frame = self._scan()
            schema = frame.collect_schema()
            self._rows: int = frame.select(pl.len()).collect().item()
        self.names = resolve_column_names(schema.names(), path)
        self._columns = dict(zip(self.names, schema.items(), strict=True))

    def iter_batches(self, columns: Sequence[str], progress: Progress | None = None) -> Iterator[Batch]:
        """Yields the rows with these columns, each of its own type."""
        import polars as pl

        require_flat_columns({name: self._columns[name][1] for name in columns}, self._path)
        selected = [pl.col(self._columns[name][0]).alias(name) for name in columns]
        done, size = 0, sum(file.stat().st_size for file in self._files)
        with self._map_errors():
            for frame in self._scan().select(selected).collect_batches(chunk_size=PARQUET_BATCH_ROWS):
                yield Batch(frame, np.arange(done, done + len(frame)))
                done += len(frame)
                if progress is not None:
                    progress(size * done // max(self._rows, 1), size)

    def _scan(self) -> pl.LazyFrame:
        import polars as pl

        inner = {part for file in self._files for part in file.relative_to(self._path).parts[:-1]}
        if not any("=" in part for part in inner):
            return pl.scan_parquet(self._files, glob=False)
        outer = {part.partition("=")[0] for part in self._path.parts if "=" in part}
        return pl.scan_parquet(self._files, glob=False, hive_partitioning=True).select(pl.exclude(*outer))

    @contextmanager
    def _map_errors(self) -> Generator[None]:
        import polars as pl

        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise InvalidTable(f"{self._path} cannot be read as Parquet: {error}; write it again") from error


def require_flat_columns(schema: Mapping[str, Any], source: Path | str) -> None:
    """Raises InvalidTable if a column contains lists, structs or bytes."""
    nested = [f"{name!r} ({dtype})" for name, dtype in schema.items() if dtype.is_nested() or str(dtype) == "Binary"]
    if nested:
        raise InvalidTable(
            f"{source} has columns that hold neither numbers nor text: {', '.join(nested)}; drop or flatten them"
        )


@contextmanager
def _silence_stderr() -> Generator[None]:
    """Hides the stack trace that Rust prints for a panic, bypassing Python, before it becomes an error."""
    try:
        saved_stderr = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)
