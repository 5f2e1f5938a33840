from __future__ import annotations

import gzip
import io
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.capture import line_reader
from tidewatch.capture.line_reader import MAX_LINE_BYTES, Block, read_blocks
from tidewatch.capture.reject_reasons import RejectReason

MIB = 1 << 20


class _OneLine:
    """A stream of one line of `length` bytes and a short one after it, made as it is read."""

    def __init__(self, length: int) -> None:
        self._left = length
        self._tail = b"\n{}\n"

    def read(self, size: int) -> bytes:
        if self._left:
            given_now = min(size, self._left)
            self._left -= given_now
            return b"x" * given_now
        tail, self._tail = self._tail, b""
        return tail

    def close(self) -> None:
        pass


class _Dribble(io.BytesIO):
    """A stream that gives at most three bytes a read, as a socket may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(3, size if size is not None and size >= 0 else 3))


def _read_lines(data: bytes, size: int = 16) -> list[tuple[int, bytes, bool]]:
    return [each for block in read_blocks(io.BytesIO(data), size) for each in block.iter_lines()]


def test_lines_carry_their_offset_and_no_newline() -> None:
    assert _read_lines(b"one\ntwo\nthree\n") == [(0, b"one", False), (4, b"two", False), (8, b"three", False)]


def test_blank_lines_are_no_records() -> None:
    assert _read_lines(b"\n \t\r\none\n\n\n") == [(5, b"one", False)]


def test_an_empty_file_has_no_blocks() -> None:
    assert list(read_blocks(io.BytesIO(b""))) == []
    assert list(read_blocks(io.BytesIO(gzip.compress(b"")))) == []


def test_a_last_line_without_newline_is_open() -> None:
    assert _read_lines(b"one\ntwo") == [(0, b"one", False), (4, b"two", True)]


def test_blocks_hold_whole_lines_only() -> None:
    found = list(read_blocks(io.BytesIO(b"a\nbb\ncccc\n" * 50), 7))
    assert all(block.data.endswith(b"\n") for block in found)
    assert len(found) > 10


@given(st.lists(st.sampled_from([b"a", b"\n", b"bcdef", b" ", b"\r"])).map(b"".join), st.integers(1, 40))
def test_the_size_of_the_blocks_changes_nothing(data: bytes, size: int) -> None:
    assert b"".join(block.data for block in read_blocks(io.BytesIO(data), size)) == data
    assert _read_lines(data, size) == _read_lines(data, 1000)
    assert _read_lines(gzip.compress(data, mtime=0), size) == _read_lines(data, 1000)


@given(st.lists(st.integers(0, 12).map(lambda n: b"x" * n)).map(b"\n".join), st.integers(1, 30))
def test_a_line_is_too_long_by_its_length_alone(data: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_reader, "MAX_LINE_BYTES", 8)
        lost = [
            (block.offset, block.reject_reason) for block in read_blocks(io.BytesIO(data), size) if block.reject_reason
        ]
        kept = _read_lines(data, size)
    offsets = [sum(len(each) + 1 for each in data.split(b"\n")[:at]) for at in range(data.count(b"\n") + 1)]
    long = [
        (offset, RejectReason.TOO_LONG)
        for offset, each in zip(offsets, data.split(b"\n"), strict=True)
        if len(each) > 8
    ]
    assert lost == long
    assert [each for _, each, _ in kept] == [each for each in data.split(b"\n") if 0 < len(each) <= 8]


def test_a_line_of_50_mb_is_told_and_never_held() -> None:
    tracemalloc.start()
    found = list(read_blocks(_OneLine(50 * MIB)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [
        Block(0, b"", False, RejectReason.TOO_LONG),
        Block(50 * MIB + 1, b"{}\n", False),
    ]
    assert peak < MAX_LINE_BYTES + 4 * MIB


def test_a_last_line_of_50_mb_without_newline_is_too_long() -> None:
    stream = _OneLine(50 * MIB)
    stream._tail = b""
    assert list(read_blocks(stream)) == [Block(0, b"", True, RejectReason.TOO_LONG)]


def test_a_line_of_50_mb_of_gzip_is_told_and_never_held() -> None:
    packed = gzip.compress(b"x" * (50 * MIB) + b"\n{}\n")
    tracemalloc.start()
    found = list(read_blocks(io.BytesIO(packed), expansion=math.inf))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(block.offset, block.reject_reason) for block in found] == [
        (0, RejectReason.TOO_LONG),
        (50 * MIB + 1, None),
    ]
    assert peak < MAX_LINE_BYTES + 6 * MIB


def test_gzip_of_several_members_is_read_whole() -> None:
    assert _read_lines(gzip.compress(b"one\ntw") + gzip.compress(b"o\n")) == [(0, b"one", False), (4, b"two", False)]


def test_gzip_from_a_stream_that_dribbles_is_still_told_by_its_first_bytes() -> None:
    found = [each for block in read_blocks(_Dribble(gzip.compress(b"one\ntwo\n"))) for each in block.iter_lines()]
    assert [each for _, each, _ in found] == [b"one", b"two"]


def test_gzip_that_breaks_off_keeps_what_came_and_counts_the_rest_once() -> None:
    whole = b"".join(b'{"line": %d, "salt": %d}\n' % (n, n * n * 7919) for n in range(20_000))
    packed = gzip.compress(whole)
    found = list(read_blocks(io.BytesIO(packed[: len(packed) // 2])))
    kept = b"".join(block.data for block in found)
    assert whole.startswith(kept)
    assert kept.endswith(b"\n")
    assert len(kept) > len(whole) // 3
    assert found[-1] == Block(len(kept), b"", True, RejectReason.TRUNCATED)
    assert [block.reject_reason for block in found[:-1]] == [None] * (len(found) - 1)


@pytest.mark.parametrize("at", [0.3, 0.7, -5])
def test_damaged_gzip_never_stops_the_reading(at: float) -> None:
    packed = bytearray(gzip.compress(b"".join(b'{"line": %d}\n' % n for n in range(5000))))
    packed[int(at * len(packed)) if at > 0 else int(at)] ^= 0xFF
    found = list(read_blocks(io.BytesIO(bytes(packed))))
    assert found[-1].reject_reason is RejectReason.TRUNCATED


def test_bytes_after_a_gzip_stream_that_are_none_count_as_one_record_lost() -> None:
    found = list(read_blocks(io.BytesIO(gzip.compress(b"one\n") + b"rubbish")))
    assert [(block.offset, block.data, block.reject_reason) for block in found] == [
        (0, b"one\n", None),
        (4, b"", RejectReason.TRUNCATED),
    ]


def test_binary_junk_is_lines_like_any_other() -> None:
    junk = bytes(range(256)) * 40
    assert b"".join(block.data for block in read_blocks(io.BytesIO(junk), 100)) == junk


class _Counted(io.BytesIO):
    """A stream that counts how often it is read from."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def test_the_name_in_a_gzip_header_may_be_as_long_as_it_likes() -> None:
    """Python's gzip asks for it byte by byte, which takes as long as its writer likes."""
    raw = gzip.compress(b"one\ntwo\n", mtime=0)
    stream = _Counted(raw[:3] + b"\x08" + raw[4:10] + b"n" * (3 * MIB) + b"\x00" + raw[10:])
    found = [line for block in read_blocks(stream) for _, line, _ in block.iter_lines()]
    assert found == [b"one", b"two"]
    assert stream.reads < 10


@pytest.mark.parametrize("size", [3, 16, 1 << 20])
@pytest.mark.parametrize("between", [b"", b"\x00" * 40])
def test_members_of_a_gzip_stream_follow_one_another(size: int, between: bytes) -> None:
    empty = gzip.compress(b"", mtime=0)
    members = [gzip.compress(b"one\ntw", mtime=0), *[empty] * 300, gzip.compress(b"o\nthree\n", mtime=0), b""]
    found = _read_lines(between.join(members), size)
    assert [line for _, line, _ in found] == [b"one", b"two", b"three"]


@pytest.mark.parametrize("behind", [b"x", b"\x1f", b"\x1f\x8b\x08", b"one\n"])
def test_what_stands_behind_a_gzip_stream_is_counted_as_lost(behind: bytes) -> None:
    found = list(read_blocks(io.BytesIO(gzip.compress(b"one\n", mtime=0) + behind)))
    assert [line for block in found for _, line, _ in block.iter_lines()] == [b"one"]
    assert found[-1].reject_reason is RejectReason.TRUNCATED
