"""Reads whole lines of a binary stream in blocks, uncompressed or gzip, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tidewatch.capture.reject_reasons import RejectReason

BLOCK_BYTES = 1 << 20
"""In bytes."""
MAX_LINE_BYTES = 8 << 20
"""The longest line that is read, in bytes without its newline."""
DECOMPRESSION_ERRORS = (EOFError, zlib.error)
"""The decompressor's errors for a truncated or damaged stream."""
MAX_EXPANSION = 200
"""How many times its own size a gzip stream may expand to. Records that differ only in their ids shrink to a
twentieth."""
FREE_EXPANSION = 16 << 20
"""The number of bytes that it may expand to in any case."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 31
"""zlib's value for the largest window with gzip's header and checksum."""
_GZIP_CHUNK_BYTES = 1 << 14


class Stream(Protocol):
    """The methods of a file or of an S3 object's body that are used."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> object: ...


@dataclass(frozen=True)
class Block:
    """Whole lines, each with its newline except an open last one."""

    offset: int
    """The position of the first byte in the decompressed stream."""
    data: bytes
    last_is_open: bool
    """Whether the file ends within the last line."""
    reject_reason: RejectReason | None = None
    """If set, there is no data. The block stands for one record that was too long (too_long), or for the rest of a gzip
    stream that is damaged (truncated) or expands too much (too_large)."""

    def iter_lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yields each line that is not blank, with its offset and whether the file ends within it.

        The line comes without its newline. One with only spaces, tabs and carriage returns is blank and no record.
        """
        offset, remaining = self.offset, self.data.count(b"\n")
        for line in self.data.split(b"\n"):
            if line.strip(b" \t\r"):
                yield offset, line, remaining == 0
            offset += len(line) + 1
            remaining -= 1


def read_blocks(stream: Stream, size: int = BLOCK_BYTES, expansion: float = MAX_EXPANSION) -> Iterator[Block]:
    """Yields the stream's lines in blocks of about `size` bytes.

    It keeps a block and the one line that continues after it, up to MAX_LINE_BYTES. Bytes that begin like gzip (RFC
    1952) are decompressed, all members of them, up to `expansion` times their size. Errors of the stream itself
    propagate.
    """
    partial_line = _PartialLine()
    try:
        for chunk in _read_chunks(stream, min(size, MAX_LINE_BYTES), expansion):
            for start in range(0, len(chunk), MAX_LINE_BYTES):
                yield from partial_line.add(chunk[start : start + MAX_LINE_BYTES])
    except DECOMPRESSION_ERRORS:
        yield Block(partial_line.offset, b"", True, RejectReason.TRUNCATED)
        return
    except _ExpansionExceeded:
        yield Block(partial_line.offset, b"", True, RejectReason.TOO_LARGE)
        return
    yield from partial_line.flush()


class _PartialLine:
    """The line that has begun in the chunks so far and has not ended."""

    def __init__(self) -> None:
        self.offset = 0
        self._pieces: list[bytes] = []
        self._length = 0

    def add(self, chunk: bytes) -> Iterator[Block]:
        """Yields the blocks that another chunk completes."""
        if self._length:
            first = chunk.find(b"\n") + 1
            if not first:
                self._buffer(chunk)
                return
            if self._length + first - 1 > MAX_LINE_BYTES:
                yield Block(self.offset, b"", False, RejectReason.TOO_LONG)
                self._advance(self._length + first)
                chunk = chunk[first:]
        last = chunk.rfind(b"\n") + 1
        if last:
            yield from self._complete(chunk[:last])
        if last < len(chunk):
            self._buffer(chunk[last:])

    def flush(self) -> Iterator[Block]:
        """Yields the last line if no newline ends it."""
        if self._length > MAX_LINE_BYTES:
            yield Block(self.offset, b"", True, RejectReason.TOO_LONG)
        elif self._length:
            yield Block(self.offset, b"".join(self._pieces), True)

    def _complete(self, lines: bytes) -> Iterator[Block]:
        data = b"".join([*self._pieces, lines]) if self._pieces else lines
        yield Block(self.offset, data, False)
        self._advance(len(data))

    def _buffer(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > MAX_LINE_BYTES:
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def _advance(self, length: int) -> None:
        self.offset += length
        self._pieces.clear()
        self._length = 0


def _read_chunks(stream: Stream, size: int, expansion: float) -> Iterator[bytes]:
    head = stream.read(size)
    if len(head) == 1:
        head += stream.read(size)
    if head[:2] == _GZIP_MAGIC:
        yield from _merge_chunks(_GzipReader(head, stream, size, expansion), size)
        return
    while head:
        yield head
        head = stream.read(size)


def _merge_chunks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yields the pieces in chunks of `size` bytes or a little more. Before an error it yields what it has."""
    buffer = bytearray()
    try:
        for piece in pieces:
            buffer += piece
            if len(buffer) >= size:
                yield bytes(buffer)
                buffer.clear()
    except (*DECOMPRESSION_ERRORS, _ExpansionExceeded):
        yield bytes(buffer)
        raise
    yield bytes(buffer)


class _ExpansionExceeded(Exception):
    """A gzip stream expands to more than the limit."""


class _GzipReader:
    """Decompresses the members of a gzip stream and skips the zeros between them (RFC 1952, 2.2).

    Python's gzip reads the names in a member's header byte by byte, and they may be as long as the stream.
    """

    def __init__(self, head: bytes, stream: Stream, size: int, expansion: float) -> None:
        self._buffer, self._position = head, 0
        self._stream, self._size, self._expansion = stream, size, expansion
        self._consumed_bytes = self._produced_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        while self._fill_buffer():
            member = zlib.decompressobj(_GZIP_BITS)
            while not member.eof:
                if not self._fill_buffer():
                    raise EOFError
                # Small chunks, because a call copies its rest: a stream may consist of empty members only.
                chunk = self._buffer[self._position : self._position + _GZIP_CHUNK_BYTES]
                piece = member.decompress(chunk, self._size)
                consumed = len(chunk) - len(member.unconsumed_tail) - len(member.unused_data)
                self._position += consumed
                self._consumed_bytes += consumed
                self._produced_bytes += len(piece)
                if self._produced_bytes > FREE_EXPANSION + self._expansion * self._consumed_bytes:
                    raise _ExpansionExceeded
                yield piece
            while self._fill_buffer() and self._buffer[self._position] == 0:
                self._position += len(self._buffer) - self._position - len(self._buffer[self._position :].lstrip(b"\0"))

    def _fill_buffer(self) -> bool:
        """Fills the buffer. Returns whether there is another byte."""
        if self._position == len(self._buffer):
            self._buffer, self._position = self._stream.read(self._size), 0
        return bool(self._buffer)
