"""Batches of lines as Spark hands them over, without Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow
import pytest

from tidewatch.capture.line_reader import MAX_LINE_BYTES
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.drift.counting.spark import build_partition_counter
from tidewatch.drift.errors import InvalidReference
from tidewatch.drift.profile import Profile, decode_profile
from tidewatch.drift.training.reference_builder import build_reference

REFERENCE = build_reference({"x": np.arange(100.0)})


def line(value: str) -> bytes:
    return b'{"captureData":{"endpointInput":{"observedContentType":"text/csv","data":"%s","encoding":"CSV"}}}' % (
        value.encode()
    )


def count_batches(batches: Iterable[Sequence[bytes | None]], kind: object = None) -> Profile:
    (row,) = build_partition_counter(REFERENCE.encode())(_arrow(batches, kind or pyarrow.binary()))
    (raw,) = row.column(0).to_pylist()
    return decode_profile(raw, "this test")


def _arrow(batches: Iterable[Sequence[bytes | None]], kind: object) -> Iterator[pyarrow.RecordBatch]:
    for lines in batches:
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array(lines, pyarrow.binary()).cast(kind)], ["value"])


def test_how_lines_are_batched_makes_no_difference() -> None:
    lines = [line(str(at / 7)) for at in range(50)] + [b"no json"]
    whole = count_batches([lines])
    assert whole.accounting.read == 51
    for size in (1, 7, 50):
        assert count_batches([lines[at : at + size] for at in range(0, len(lines), size)]) == whole


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.large_binary()], ids=str)
def test_text_and_bytes_of_any_arrow_type_count_the_same(kind: object) -> None:
    lines = [line("1"), line("nothing"), "caf\u00e9".encode()]
    assert count_batches([lines], kind) == count_batches([lines])


def test_nulls_and_blank_lines_are_no_records() -> None:
    assert count_batches([[None, b"", b" \t", line("1"), None], [], [None]]).accounting.read == 1


def test_a_partition_without_lines_has_an_empty_profile() -> None:
    assert count_batches([]) == Profile.empty(REFERENCE)
    assert count_batches([[], []]) == Profile.empty(REFERENCE)


def test_a_partition_that_begins_as_gzip_does_is_not_decompressed() -> None:
    account = count_batches([[b"\x1f\x8b\x08\x00", line("1")]]).accounting
    assert (account.parsed, account.rejected_total) == (1, 1)


def test_a_line_beyond_the_longest_is_rejected_alone() -> None:
    account = count_batches([[line("1"), b"x" * (MAX_LINE_BYTES + 1), line("2")]]).accounting
    assert account.parsed == 2
    assert account.rejected == {RejectReason.TOO_LONG: 1}


def test_a_reference_that_is_none_is_refused_before_any_task() -> None:
    with pytest.raises(InvalidReference, match="given to Spark"):
        build_partition_counter(b"{}")
