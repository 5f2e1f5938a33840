"""Captured records for the command line: files, folders of them, objects in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from cli.bar import Bar
from cli.errors import UserError
from tidewatch.capture.foreign import foreign_file
from tidewatch.capture.keys import ENDINGS
from tidewatch.capture.lines import Stream, blocks
from tidewatch.capture.source import SourceMissing, files_under, open_local, open_object
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference

S3 = "s3://"
FOREIGN = (".tsv", ".xls", ".xlsx", ".feather", ".orc", ".avro")
"""Tables that would be read as captured records, and every line rejected."""

HEAD = 1 << 16
"""Bytes by which a file is told that holds no captured records."""


@dataclass(frozen=True)
class _Source:
    name: str
    size: int
    open: Callable[[], Stream]


class Captures:
    """The capture files under some paths."""

    def __init__(self, paths: Sequence[str]) -> None:
        local = [path for path in paths if not path.startswith(S3)]
        remote = [path for path in paths if path.startswith(S3)]
        self._sources = [*_files(local), *_objects(remote)]

    def count(self, reference: Reference, bar: Bar) -> Profile:
        """Counts every record against the reference. Raises UserError where a file cannot be read."""
        from tidewatch.drift.counting import counter

        lines = counter(reference)
        meter = _Meter(bar, sum(source.size for source in self._sources))
        for source in self._sources:
            try:
                stream = source.open()
                try:
                    for block in blocks(meter.reading(stream)):
                        if block.offset == 0 and (told := foreign_file(source.name, block.data[:HEAD])):
                            raise UserError(told)
                        lines.count(block, source.name)
                finally:
                    stream.close()
            except OSError as error:
                raise UserError(f"cannot read {source.name}: {(error.strerror or str(error)).lower()}") from error
        return lines.profile()


@dataclass
class _Meter:
    """Tells the bar how much of all files was read."""

    bar: Bar
    total: int
    done: int = 0

    def reading(self, stream: Stream) -> Stream:
        return _Metered(stream, self)

    def add(self, size: int) -> None:
        self.done += size
        self.bar("count", self.done, max(self.total, self.done))


@dataclass(frozen=True)
class _Metered:
    stream: Stream
    meter: _Meter

    def read(self, size: int, /) -> bytes:
        chunk = self.stream.read(size)
        self.meter.add(len(chunk))
        return chunk

    def close(self) -> None:
        self.stream.close()


def _files(paths: Sequence[str]) -> list[_Source]:
    try:
        found = files_under(paths)
    except SourceMissing as error:
        raise UserError(str(error)) from error
    if foreign := [str(path) for path in found if path.suffix.lower() in FOREIGN]:
        raise UserError(
            f"{', '.join(foreign)} are neither captured records nor tables that are read here: "
            "save them as .csv or .parquet"
        )
    return [_Source(str(path), path.stat().st_size, lambda path=path: open_local(path)) for path in found]


def _objects(addresses: Sequence[str]) -> Iterator[_Source]:
    s3: Any = boto3.client("s3") if addresses else None
    for address in addresses:
        bucket, _, prefix = address.removeprefix(S3).partition("/")
        found = list(_under(s3, bucket, prefix))
        if not found:
            raise UserError(f"no object under {address} ends in {' or '.join(ENDINGS)}; name the objects themselves")
        for key, size in found:
            yield _Source(f"{S3}{bucket}/{key}", size, lambda bucket=bucket, key=key: open_object(s3, bucket, key))


def _under(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """The object of that key whatever its name, and the capture files in the folder of that name."""
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    for listed in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in listed.get("Contents", []):
            key = found["Key"]
            if key == prefix or (key.startswith(folder) and key.endswith(ENDINGS)):
                yield key, found["Size"]
