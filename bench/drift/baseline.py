"""The simple pipeline that one would write first, kept strict: `python -m bench.drift.baseline`.

Blocks of 1 MiB -> typed JSON by msgspec -> one CSV text -> columns by polars -> numpy.histogram. It reads blocks that
it cannot be sure of line by line, so that its counts and its accounting are those of tidewatch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from bench.drift import measurement
from tidewatch.arrays import Counts
from tidewatch.capture.accounting import Accounting
from tidewatch.capture.line_reader import Block, read_blocks
from tidewatch.capture.parsing import parse_category
from tidewatch.drift import reference as references
from tidewatch.drift.counting.binning import CategoryBinner
from tidewatch.drift.counting.line_counter import StrictLineCounter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature, Reference
from tidewatch.drift.statistics import judge_profile


class EncodedPayload(msgspec.Struct, gc=False):
    """The body of a request or of its answer."""

    data: str
    encoding: str


class EncodedCapture(msgspec.Struct, gc=False, rename={"request": "endpointInput", "response": "endpointOutput"}):
    """Both payloads of a record."""

    request: EncodedPayload
    response: EncodedPayload


class EncodedRecord(msgspec.Struct, gc=False, rename="camel"):
    """The parts of a record that are read."""

    capture_data: EncodedCapture


class UnsupportedBlock(Exception):
    """A block contains something that CSV columns cannot represent strictly."""


class BaselinePipeline:
    """Counts blocks of captured records whose columns are the features of the reference, then the score."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._strict_counter = StrictLineCounter(reference)
        self._decoder = msgspec.json.Decoder(EncodedRecord)
        measured = reference.measured_features
        self._schema = {
            feature.name: pl.Float64 if isinstance(feature, NumericFeature) else pl.String for feature in measured
        }
        self._bins = [
            NumericCounter(feature) if isinstance(feature, NumericFeature) else CategoryCounter(feature)
            for feature in measured
        ]
        self._counts = [np.zeros(feature.width, np.int64) for feature in measured]
        self._rows = 0

    def count(self, block: Block, source: str) -> None:
        """Counts a block's records."""
        if block.reject_reason is not None:
            self._strict_counter.count(block, source)
            return
        try:
            table = self._parse_table(block.data)
            column_counts = [bins.count(column) for bins, column in zip(self._bins, table, strict=True)]
        except (UnsupportedBlock, msgspec.DecodeError, UnicodeDecodeError, pl.exceptions.PolarsError):
            self._strict_counter.count(block, source)
            return
        self._rows += table.height
        for total, addition in zip(self._counts, column_counts, strict=True):
            total += addition

    def profile(self) -> Profile:
        """Returns the counts of all blocks so far."""
        account = Accounting(read=self._rows, parsed=self._rows)
        fast_profile = Profile(self._reference.digest, account, self._rows, tuple(self._counts))
        return fast_profile + self._strict_counter.profile()

    def _parse_table(self, data: bytes) -> pl.DataFrame:
        rows: list[str] = []
        for line in self._decoder.decode_lines(data):
            request, response = line.capture_data.request, line.capture_data.response
            if request.encoding != "CSV" or response.encoding != "CSV" or "," in response.data:
                raise UnsupportedBlock
            rows.append(request.data.removesuffix("\n") + "," + response.data.removesuffix("\n"))
        text = ("\n".join(rows) + "\n").encode()
        is_complete = text.count(b"\n") == len(rows) and text.count(b",") == len(rows) * (len(self._bins) - 1)
        if not is_complete or len(rows) != data.count(b"\n") or b'"' in text or b" " in text or b"\r" in text:
            raise UnsupportedBlock
        table = pl.read_csv(text, has_header=False, schema=self._schema, quote_char=None)
        if table.height != len(rows):
            raise UnsupportedBlock
        return table


class NumericCounter:
    """Counts a numeric column."""

    def __init__(self, feature: NumericFeature) -> None:
        self._edges = np.concatenate([[-np.inf], feature.edges, [np.inf]])

    def count(self, column: pl.Series) -> Counts:
        """Returns the counts of the bins, then of missing values. Raises UnsupportedBlock if a value is infinite."""
        values = column.to_numpy()
        missing = np.isnan(values)
        present = values[~missing] if missing.any() else values
        if not np.isfinite(present).all():
            raise UnsupportedBlock
        return np.append(np.histogram(present, self._edges)[0], len(values) - len(present))


class CategoryCounter:
    """Counts a column of categories."""

    def __init__(self, feature: CategoryFeature) -> None:
        self._bins = CategoryBinner(feature)
        self._name, self._width = feature.name, feature.width

    def count(self, column: pl.Series) -> Counts:
        """Returns the counts of the named values, other, unseen and missing."""
        counts = np.zeros(self._width, np.int64)
        values, tallies = column.value_counts()
        for value, tally in zip(values.to_list(), tallies.to_list(), strict=True):
            counts[self._bins.bin(None if value is None else parse_category(value, self._name))] += tally
        return counts


def main(file: Path, reference_file: Path, out: Path) -> None:
    """Measures itself, and writes its profile next to the measurement."""
    began = measurement.read_clocks()
    reference = references.decode_reference(reference_file.read_bytes(), str(reference_file))
    profile = count_file(file, reference)
    counted = measurement.read_clocks()
    judge_profile(reference, profile)
    judged = measurement.read_clocks()
    out.with_suffix(".profile").write_bytes(profile.encode())
    measurement.write_measurement(
        out,
        records=profile.accounting.read,
        imports=began,
        phases={"decode and count": counted - began, "statistics": judged - counted},
        versions={"msgspec": msgspec.__version__, "polars": pl.__version__, "numpy": np.__version__},
        rejected=profile.accounting.rejected_total,
    )


def count_file(file: Path, reference: Reference) -> Profile:
    """Returns the profile of a file."""
    pipeline = BaselinePipeline(reference)
    with file.open("rb", buffering=0) as stream:
        for block in read_blocks(stream):
            pipeline.count(block, file.name)
    return pipeline.profile()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
