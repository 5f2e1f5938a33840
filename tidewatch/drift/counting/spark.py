"""The same counting as a step of a Spark job, for when the captured records of a day outgrow one machine.

Each task counts its partition's lines with a counter of its own and hands back one profile; the driver adds them up:

    raw = Path("reference.json").read_bytes()
    lines = spark.read.text("s3a://BUCKET/capture/...", recursiveFileLookup=True, lineSep="\\n")
    rows = lines.mapInArrow(counts(raw), SCHEMA).collect()
    day = total(reference.decode(raw, "reference.json"), (profile.decode(bytes(row.profile), "Spark") for row in rows))

Without `lineSep` Spark cuts at carriage returns too. The executors need tidewatch, msgspec, numpy and pysimdjson.
The counts are those of one process, save that Spark does not tell where a file ends: a last line that is cut off is
rejected as `not_json`, not as `truncated`. The place of a rejected record is known within its partition only.
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
"""What mapInArrow is told that it gets."""
PARTITION_SOURCE = "a Spark partition"
"""Stands for the file in the places of rejected records."""


class ArrowColumn(Protocol):
    """What is used of a pyarrow.Array."""

    def cast(self, target_type: str, /) -> ArrowColumn: ...

    def to_pylist(self) -> list[bytes | None]: ...


class ArrowBatch(Protocol):
    """What is used of a pyarrow.RecordBatch."""

    def column(self, i: int, /) -> ArrowColumn: ...


def build_partition_counter(reference: bytes) -> Callable[[Iterator[ArrowBatch]], Iterator[ArrowBatch]]:
    """What mapInArrow calls in each task: from batches of lines to one row, the encoded profile of the partition.

    reference: as encoded in reference.json; sent to the executors with the function. Of a batch the first column is
    read, text or bytes, each value a line without its newline; a null is a blank line, which is no record. Raises
    InvalidReference at once, before any task.
    """
    decode_reference(reference, "the reference given to Spark")

    def count_partition(batches: Iterator[ArrowBatch]) -> Iterator[ArrowBatch]:
        counter = create_counter(decode_reference(reference, "the reference given to Spark"))
        for block in read_blocks(_LineStream(batches)):
            counter.count(block, PARTITION_SOURCE)
        yield _build_batch(counter.profile().encode())

    return count_partition


class _LineStream:
    """The lines of batches as one stream, each with its newline: blocks are of one size whatever the batches are."""

    def __init__(self, batches: Iterator[ArrowBatch]) -> None:
        self._batches = batches
        # A blank line ahead of all others, lest a partition whose first line begins as gzip does be decompressed.
        self._buffer = BytesIO(b"\n")

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none after the last batch."""
        while not (read := self._buffer.read(size)):
            batch = next(self._batches, None)
            if batch is None:
                return b""
            # Spark hands text on as the file's bytes; as text, those that are not UTF-8 could not be taken out.
            lines = batch.column(0).cast("binary").to_pylist()
            self._buffer = BytesIO(b"\n".join([*(line or b"" for line in lines), b""]))
        return read

    def close(self) -> None:
        """Nothing is open: the batches are Spark's."""


def _build_batch(profile: bytes) -> ArrowBatch:
    # Spark's own, on every worker that runs mapInArrow, and no dependency of tidewatch.
    pyarrow = importlib.import_module("pyarrow")
    return pyarrow.RecordBatch.from_pydict({"profile": [profile]})
