"""Whole lines of a binary stream in blocks, plain or gzip, in bounded memory whatever the stream holds."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tidewatch.capture.reasons import Reason

BLOCK = 1 << 20
"""Bytes read at a time."""
LONGEST = 8 << 20
"""The longest line that is read, in bytes without its newline."""
BROKEN = (EOFError, zlib.error)
"""What the decompressor raises on a stream that breaks off, or is damaged."""
MOST_EXPANSION = 200
"""How many times itself a gzip stream may unpack to: records alike but for their ids shrink to a twentieth."""
FREE_EXPANSION = 16 << 20
"""Bytes that it may unpack to in any case."""
_GZIP = b"\x1f\x8b"
_GZIP_BITS = 31
"""zlib's word for the largest window, within gzip's header and checksum."""
_FED = 1 << 14


class Stream(Protocol):
    """What is read of a file or of an S3 object's body."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> object: ...


@dataclass(frozen=True)
class Block:
    """Whole lines, each with its newline but for the file's last line where `last_is_open`.

    offset: of the first byte, in the stream as decompressed. lost: where it is set, there is no data: the block stands
    for one record that could not be held (too_long), or for whatever follows where a gzip stream breaks (truncated) or
    has unpacked to too many times itself (too_large).
    """

    offset: int
    data: bytes
    last_is_open: bool
    lost: Reason | None = None

    def lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Each line that is not blank, without its newline: its offset, its bytes, whether the file ends within it.

        A line of spaces, tabs and carriage returns only is blank, and no record.
        """
        offset, left = self.offset, self.data.count(b"\n")
        for line in self.data.split(b"\n"):
            if line.strip(b" \t\r"):
                yield offset, line, left == 0
            offset += len(line) + 1
            left -= 1


def blocks(stream: Stream, size: int = BLOCK, expansion: float = MOST_EXPANSION) -> Iterator[Block]:
    """The stream's lines in blocks of about `size` bytes.

    Holds a block, and the one line that goes on beyond it up to LONGEST bytes. Bytes that begin as gzip does (RFC 1952)
    are decompressed, all members of them, up to `expansion` times what they are. Errors of reading the stream itself
    are passed on.
    """
    rest = _Rest()
    try:
        for chunk in _chunks(stream, min(size, LONGEST), expansion):
            for start in range(0, len(chunk), LONGEST):
                yield from rest.add(chunk[start : start + LONGEST])
    except BROKEN:
        yield Block(rest.offset, b"", True, Reason.TRUNCATED)
        return
    except _Expanded:
        yield Block(rest.offset, b"", True, Reason.TOO_LARGE)
        return
    yield from rest.end()


class _Rest:
    """The line that the chunks so far have begun and not ended."""

    def __init__(self) -> None:
        self.offset = 0
        self._pieces: list[bytes] = []
        self._length = 0

    def add(self, chunk: bytes) -> Iterator[Block]:
        """The blocks that a further chunk completes."""
        if self._length:
            first = chunk.find(b"\n") + 1
            if not first:
                self._hold(chunk)
                return
            if self._length + first - 1 > LONGEST:
                yield Block(self.offset, b"", False, Reason.TOO_LONG)
                self._go_on(self._length + first)
                chunk = chunk[first:]
        last = chunk.rfind(b"\n") + 1
        if last:
            yield from self._whole(chunk[:last])
        if last < len(chunk):
            self._hold(chunk[last:])

    def end(self) -> Iterator[Block]:
        """The last line, where no newline ends it."""
        if self._length > LONGEST:
            yield Block(self.offset, b"", True, Reason.TOO_LONG)
        elif self._length:
            yield Block(self.offset, b"".join(self._pieces), True)

    def _whole(self, lines: bytes) -> Iterator[Block]:
        data = b"".join([*self._pieces, lines]) if self._pieces else lines
        yield Block(self.offset, data, False)
        self._go_on(len(data))

    def _hold(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > LONGEST:
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def _go_on(self, length: int) -> None:
        self.offset += length
        self._pieces.clear()
        self._length = 0


def _chunks(stream: Stream, size: int, expansion: float) -> Iterator[bytes]:
    head = stream.read(size)
    if len(head) == 1:
        head += stream.read(size)
    if head[:2] == _GZIP:
        yield from _gathered(_Unpacked(head, stream, size, expansion), size)
        return
    while head:
        yield head
        head = stream.read(size)


def _gathered(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The pieces in chunks of `size` bytes or a little more; where they break off, first what came before."""
    gathered = bytearray()
    try:
        for piece in pieces:
            gathered += piece
            if len(gathered) >= size:
                yield bytes(gathered)
                gathered.clear()
    except (*BROKEN, _Expanded):
        yield bytes(gathered)
        raise
    yield bytes(gathered)


class _Expanded(Exception):
    """A gzip stream that unpacks to more than it may."""


class _Unpacked:
    """What the members of a gzip stream unpack to, and the zeros between them are not (RFC 1952, 2.2).

    Python's gzip reads the names in a member's header byte by byte, and those may be as long as the stream.
    """

    def __init__(self, head: bytes, stream: Stream, size: int, expansion: float) -> None:
        self._held, self._at = head, 0
        self._stream, self._size, self._expansion = stream, size, expansion
        self._taken = self._given = 0

    def __iter__(self) -> Iterator[bytes]:
        while self._more():
            member = zlib.decompressobj(_GZIP_BITS)
            while not member.eof:
                if not self._more():
                    raise EOFError
                # Little at a time, since what a call leaves is copied: a stream may be of nothing but empty members.
                fed = self._held[self._at : self._at + _FED]
                piece = member.decompress(fed, self._size)
                taken = len(fed) - len(member.unconsumed_tail) - len(member.unused_data)
                self._at += taken
                self._taken += taken
                self._given += len(piece)
                if self._given > FREE_EXPANSION + self._expansion * self._taken:
                    raise _Expanded
                yield piece
            while self._more() and self._held[self._at] == 0:
                self._at += len(self._held) - self._at - len(self._held[self._at :].lstrip(b"\0"))

    def _more(self) -> bool:
        """Whether there is a further byte, which is then held."""
        if self._at == len(self._held):
            self._held, self._at = self._stream.read(self._size), 0
        return bool(self._held)
