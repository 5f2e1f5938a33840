"""Counts in a Spark job, if one machine cannot process the captured records of a day.

Each task counts the lines of its partition with its own counter and returns one profile; the driver adds them up:

    raw = Path("reference.json").read_bytes()
    lines = spark.read.text("s3a://BUCKET/capture/...", recursiveFileLookup=True, lineSep="\\n")
    rows = lines.mapInArrow(build_partition_counter(raw), ARROW_SCHEMA).collect()
    profiles = (decode_profile(bytes(row.profile), "Spark") for row in rows)
    day = sum_profiles(decode_reference(raw, "reference.json"), profiles)

Without `lineSep` Spark also splits at carriage returns. The executors need tidewatch, msgspec, numpy and pysimdjson.
The counts equal those of one process, except that Spark does not show where a file ends: a last line that is cut off is
rejected as `not_json`, not as `truncated`. The location of a rejected record is known only within its partition.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Protocol

from tidewatch.capture.line_reader import read_blocks
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.reference import decode_reference

ARROW_SCHEMA = "profile binary"
"""The schema of the result, for mapInArrow."""
PARTITION_SOURCE = "a Spark partition"
"""Replaces the file in the locations of rejected records."""


class ArrowColumn(Protocol):
    """The methods of pyarrow.Array that are used."""

    def cast(self, target_type: str, /) -> ArrowColumn: ...

    def to_pylist(self) -> list[bytes | None]: ...


class ArrowBatch(Protocol):
    """The methods of pyarrow.RecordBatch that are used."""

    def column(self, i: int, /) -> ArrowColumn: ...


def build_partition_counter(reference: bytes) -> Callable[[Iterator[ArrowBatch]], Iterator[ArrowBatch]]:
    """Returns the function that mapInArrow calls in each task: it turns batches of lines into one encoded profile.

    `reference` has the format of reference.json and is sent to the executors with the function. The first column of a
    batch is read, text or bytes; each value is a line without its newline, and a null is a blank line, which is no
    record. Raises InvalidReference at once, before any task.
    """
    decode_reference(reference, "the reference given to Spark")

    def count_partition(batches: Iterator[ArrowBatch]) -> Iterator[ArrowBatch]:
        counter = create_counter(decode_reference(reference, "the reference given to Spark"))
        for block in read_blocks(_LineStream(batches)):
            counter.count(block, PARTITION_SOURCE)
        yield _build_batch(counter.profile().encode())

    return count_partition


class _LineStream:
    """The lines of batches as one stream with newlines, so that blocks have one size whatever the batches are."""

    def __init__(self, batches: Iterator[ArrowBatch]) -> None:
        self._batches = batches
        # The stream begins with a blank line, or a partition whose first line begins like gzip would be decompressed.
        self._buffer = BytesIO(b"\n")

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes, and none after the last batch."""
        while not (read := self._buffer.read(size)):
            batch = next(self._batches, None)
            if batch is None:
                return b""
            # Spark passes text on as the file's bytes. Reading it as text would fail for bytes that are not UTF-8.
            lines = batch.column(0).cast("binary").to_pylist()
            self._buffer = BytesIO(b"\n".join([*(line or b"" for line in lines), b""]))
        return read

    def close(self) -> None:
        """Does nothing: the batches belong to Spark."""


def _build_batch(profile: bytes) -> ArrowBatch:
    # Every worker that runs mapInArrow has pyarrow; it is no dependency of tidewatch.
    pyarrow = importlib.import_module("pyarrow")
    return pyarrow.RecordBatch.from_pydict({"profile": [profile]})
