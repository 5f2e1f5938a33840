"""The plain pipeline that anybody would write first, kept strict: `python -m bench.drift.plain`.

Blocks of 1 MiB -> typed JSON by msgspec -> one CSV text -> columns by polars -> numpy.histogram. What it cannot be sure
of it reads line by line, so that its counts and its account are those of tidewatch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from bench.drift import measuring
from tidewatch.capture.accounting import Accounting
from tidewatch.capture.lines import Block, blocks
from tidewatch.capture.scalars import category
from tidewatch.drift import reference as references
from tidewatch.drift.binning import Categories
from tidewatch.drift.counting import StrictLines
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Counts, NumericFeature, Reference
from tidewatch.drift.verdict import judge


class Payload(msgspec.Struct, gc=False):
    """What the endpoint was sent, or answered."""

    data: str
    encoding: str


class Capture(msgspec.Struct, gc=False, rename={"sent": "endpointInput", "answered": "endpointOutput"}):
    """Both payloads of a record."""

    sent: Payload
    answered: Payload


class Line(msgspec.Struct, gc=False, rename="camel"):
    """A record, as far as it is read."""

    capture_data: Capture


class NotPlain(Exception):
    """A block holds something that columns of CSV cannot tell strictly."""


class PlainPipeline:
    """Counts blocks of captured records whose positions are the features of the reference, then the score."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._strict = StrictLines(reference)
        self._decoder = msgspec.json.Decoder(Line)
        measured = reference.measured
        self._schema = {one.name: pl.Float64 if isinstance(one, NumericFeature) else pl.String for one in measured}
        self._bins = [Numbers(one) if isinstance(one, NumericFeature) else Names(one) for one in measured]
        self._counts = [np.zeros(one.width, np.int64) for one in measured]
        self._rows = 0

    def count(self, block: Block, source: str) -> None:
        """Counts a block's records."""
        if block.lost is not None:
            self._strict.count(block, source)
            return
        try:
            table = self._table(block.data)
            counted = [bins.count(column) for bins, column in zip(self._bins, table, strict=True)]
        except (NotPlain, msgspec.DecodeError, UnicodeDecodeError, pl.exceptions.PolarsError):
            self._strict.count(block, source)
            return
        self._rows += table.height
        for total, each in zip(self._counts, counted, strict=True):
            total += each

    def profile(self) -> Profile:
        """The counts of all blocks so far."""
        account = Accounting(read=self._rows, parsed=self._rows)
        plain = Profile(self._reference.digest, account, self._rows, tuple(self._counts))
        return plain + self._strict.profile()

    def _table(self, data: bytes) -> pl.DataFrame:
        rows: list[str] = []
        for line in self._decoder.decode_lines(data):
            sent, answered = line.capture_data.sent, line.capture_data.answered
            if sent.encoding != "CSV" or answered.encoding != "CSV" or "," in answered.data:
                raise NotPlain
            rows.append(sent.data.removesuffix("\n") + "," + answered.data.removesuffix("\n"))
        text = ("\n".join(rows) + "\n").encode()
        whole = text.count(b"\n") == len(rows) and text.count(b",") == len(rows) * (len(self._bins) - 1)
        if not whole or len(rows) != data.count(b"\n") or b'"' in text or b" " in text or b"\r" in text:
            raise NotPlain
        table = pl.read_csv(text, has_header=False, schema=self._schema, quote_char=None)
        if table.height != len(rows):
            raise NotPlain
        return table


class Numbers:
    """Counts a numeric column."""

    def __init__(self, feature: NumericFeature) -> None:
        self._edges = np.concatenate([[-np.inf], feature.edges, [np.inf]])

    def count(self, column: pl.Series) -> Counts:
        """The bins, then the missing. Raises NotPlain where a value is infinite."""
        values = column.to_numpy()
        missing = np.isnan(values)
        present = values[~missing] if missing.any() else values
        if not np.isfinite(present).all():
            raise NotPlain
        return np.append(np.histogram(present, self._edges)[0], len(values) - len(present))


class Names:
    """Counts a column of categories."""

    def __init__(self, feature: CategoryFeature) -> None:
        self._bins = Categories(feature)
        self._name, self._width = feature.name, feature.width

    def count(self, column: pl.Series) -> Counts:
        """The named values, other, unseen, missing."""
        counts = np.zeros(self._width, np.int64)
        values, tallies = column.value_counts()
        for value, tally in zip(values.to_list(), tallies.to_list(), strict=True):
            counts[self._bins.bin(None if value is None else category(value, self._name))] += tally
        return counts


def main(file: Path, reference_file: Path, out: Path) -> None:
    """Measures itself, and writes its profile beside what it measured."""
    began = measuring.now()
    reference = references.decode(reference_file.read_bytes(), str(reference_file))
    profile = count(file, reference)
    counted = measuring.now()
    judge(reference, profile)
    judged = measuring.now()
    out.with_suffix(".profile").write_bytes(profile.encode())
    measuring.write(
        out,
        records=profile.accounting.read,
        imports=began,
        phases={"decode and count": counted - began, "statistics": judged - counted},
        versions={"msgspec": msgspec.__version__, "polars": pl.__version__, "numpy": np.__version__},
        rejected=profile.accounting.rejected_total,
    )


def count(file: Path, reference: Reference) -> Profile:
    """The profile of a file."""
    pipeline = PlainPipeline(reference)
    with file.open("rb", buffering=0) as stream:
        for block in blocks(stream):
            pipeline.count(block, file.name)
    return pipeline.profile()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
