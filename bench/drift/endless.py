"""tidewatch's memory over one long stream: a file of captured records, many times: `python -m bench.drift.endless`.

The stream is read through one counter, as if it were a single file, which is never written.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench.drift import measuring
from tidewatch.capture.lines import blocks
from tidewatch.drift import reference as references
from tidewatch.drift.counting import counter


class Repeated:
    """A file's bytes, several times over, as one stream."""

    def __init__(self, file: Path, times: int) -> None:
        self._stream = file.open("rb", buffering=0)
        self._left = times - 1
        self.given = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end of the last time."""
        read = self._stream.read(size)
        if not read and self._left:
            self._left -= 1
            self._stream.seek(0)
            read = self._stream.read(size)
        self.given += len(read)
        return read

    def close(self) -> None:
        self._stream.close()


def main(file: Path, reference_file: Path, out: Path, times: int) -> None:
    """Measures itself."""
    began = measuring.now()
    reference = references.decode(reference_file.read_bytes(), str(reference_file))
    counting, stream = counter(reference), Repeated(file, times)
    for block in blocks(stream):
        counting.count(block, file.name)
    profile = counting.profile()
    measuring.write(
        out,
        records=profile.accounting.read,
        imports=began,
        phases={"decode and count": measuring.now() - began},
        versions={"numpy": np.__version__},
        bytes=stream.given,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), times=int(sys.argv[4]))
