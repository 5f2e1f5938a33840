"""Measures tidewatch's memory over one long stream: `python -m bench.drift.long_stream`.

The stream is a file of captured records, repeated. One counter reads it as if it were a single file, which is never
written.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench.drift import measurement
from tidewatch.capture.line_reader import read_blocks
from tidewatch.drift import reference as references
from tidewatch.drift.counting.line_counter import create_counter


class RepeatedFile:
    """A file's bytes, repeated several times, as one stream."""

    def __init__(self, file: Path, times: int) -> None:
        self._stream = file.open("rb", buffering=0)
        self._repeats_left = times - 1
        self.bytes_read = 0

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes; none after the last repetition."""
        chunk = self._stream.read(size)
        if not chunk and self._repeats_left:
            self._repeats_left -= 1
            self._stream.seek(0)
            chunk = self._stream.read(size)
        self.bytes_read += len(chunk)
        return chunk

    def close(self) -> None:
        self._stream.close()


def main(file: Path, reference_file: Path, out: Path, times: int) -> None:
    """Measures itself."""
    began = measurement.read_clocks()
    reference = references.decode_reference(reference_file.read_bytes(), str(reference_file))
    line_counter, stream = create_counter(reference), RepeatedFile(file, times)
    for block in read_blocks(stream):
        line_counter.count(block, file.name)
    profile = line_counter.profile()
    measurement.write_measurement(
        out,
        records=profile.accounting.read,
        imports=began,
        phases={"decode and count": measurement.read_clocks() - began},
        versions={"numpy": np.__version__},
        bytes=stream.bytes_read,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), times=int(sys.argv[4]))
