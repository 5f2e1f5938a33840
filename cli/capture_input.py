"""Captured records as input of commands: files, folders of them, and objects in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from cli.errors import UserError
from cli.progress import ProgressBar
from tidewatch.capture.capture_keys import CAPTURE_SUFFIXES
from tidewatch.capture.line_reader import Stream, read_blocks
from tidewatch.capture.source import SourceMissing, list_capture_files, open_file, open_object
from tidewatch.capture.unsupported_formats import explain_unsupported_file
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference

S3 = "s3://"
UNSUPPORTED_SUFFIXES = (".tsv", ".xls", ".xlsx", ".feather", ".orc", ".avro")
"""Table formats that would be read as captured records, with every line rejected."""

HEAD_BYTES = 1 << 16
"""How many bytes are enough to recognise a file without captured records."""


@dataclass(frozen=True)
class _Source:
    name: str
    size: int
    open: Callable[[], Stream]


class CaptureFiles:
    """The capture files under some paths."""

    def __init__(self, paths: Sequence[str]) -> None:
        local = [path for path in paths if not path.startswith(S3)]
        remote = [path for path in paths if path.startswith(S3)]
        self._sources = [*_find_local_sources(local), *_find_s3_sources(remote)]

    def count(self, reference: Reference, progress_bar: ProgressBar) -> Profile:
        """Counts every record against the reference. Raises UserError if a file cannot be read."""
        from tidewatch.drift.counting.line_counter import create_counter

        lines = create_counter(reference)
        byte_counter = _ByteCounter(progress_bar, sum(source.size for source in self._sources))
        for source in self._sources:
            try:
                stream = source.open()
                try:
                    for block in read_blocks(byte_counter.wrap(stream)):
                        if block.offset == 0 and (
                            reason := explain_unsupported_file(source.name, block.data[:HEAD_BYTES])
                        ):
                            raise UserError(reason)
                        lines.count(block, source.name)
                finally:
                    stream.close()
            except OSError as error:
                raise UserError(f"cannot read {source.name}: {(error.strerror or str(error)).lower()}") from error
        return lines.profile()


@dataclass
class _ByteCounter:
    """Reports to the progress bar how many bytes of all files were read."""

    progress_bar: ProgressBar
    total: int
    done: int = 0

    def wrap(self, stream: Stream) -> Stream:
        return _CountingStream(stream, self)

    def add(self, size: int) -> None:
        self.done += size
        self.progress_bar("count", self.done, max(self.total, self.done))


@dataclass(frozen=True)
class _CountingStream:
    stream: Stream
    byte_counter: _ByteCounter

    def read(self, size: int, /) -> bytes:
        chunk = self.stream.read(size)
        self.byte_counter.add(len(chunk))
        return chunk

    def close(self) -> None:
        self.stream.close()


def _find_local_sources(paths: Sequence[str]) -> list[_Source]:
    try:
        found = list_capture_files(paths)
    except SourceMissing as error:
        raise UserError(str(error)) from error
    if unsupported_files := [str(path) for path in found if path.suffix.lower() in UNSUPPORTED_SUFFIXES]:
        raise UserError(
            f"{', '.join(unsupported_files)} are neither captured records nor supported tables: save them as .csv or "
            ".parquet"
        )
    return [_Source(str(path), path.stat().st_size, lambda path=path: open_file(path)) for path in found]


def _find_s3_sources(addresses: Sequence[str]) -> Iterator[_Source]:
    s3: Any = boto3.client("s3") if addresses else None
    for address in addresses:
        bucket, _, prefix = address.removeprefix(S3).partition("/")
        found = list(_list_objects(s3, bucket, prefix))
        if not found:
            raise UserError(
                f"no object under {address} ends in {' or '.join(CAPTURE_SUFFIXES)}; name the objects themselves"
            )
        for key, size in found:
            yield _Source(f"{S3}{bucket}/{key}", size, lambda bucket=bucket, key=key: open_object(s3, bucket, key))


def _list_objects(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yields the object with this key, whatever its name, and the capture files in the folder of this name."""
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            key = found["Key"]
            if key == prefix or (key.startswith(folder) and key.endswith(CAPTURE_SUFFIXES)):
                yield key, found["Size"]
