"""Finds the two payloads in lines that are alike but for them, by byte offsets, without parsing their JSON.

SageMaker writes every record of an hour in one form. What stands around the payloads is learned from one line that the
strict reader accepted; a line that has the same bytes there is valid JSON wherever that one is, so only the payloads
are left to read. Any other line is left to the strict reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tidewatch.capture.payload import Payload, is_csv
from tidewatch.capture.record import Record
from tidewatch.drift.reference import Counts

Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint64]
Mask: TypeAlias = npt.NDArray[np.bool_]

MOST_SCORE = 24
"""Bytes of an answer, with the quote before it, that are looked for before the end of the line."""
_FREE = re.compile(rb'"(?:eventId|inferenceId|inferenceTime)":"([ !#-\[\]-~]*)"')
_PLAIN = re.compile(r"[ !#-\[\]-~]+\Z")


@dataclass(frozen=True)
class Spans:
    """Where the payloads of some lines stand in a block: offsets and lengths in bytes, shape (lines,) each."""

    lines: Counts
    input_start: Counts
    input_length: Counts
    output_start: Counts
    output_length: Counts

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, chosen: Mask) -> Spans:
        """The spans of the chosen lines."""
        return Spans(
            self.lines[chosen],
            self.input_start[chosen],
            self.input_length[chosen],
            self.output_start[chosen],
            self.output_length[chosen],
        )


class Window:
    """A block of bytes that is read in many places at once. It is followed by room, so that no read passes its end."""

    def __init__(self, block: bytes, room: int = 4096) -> None:
        self.size = len(block)
        self.bytes = block + bytes(room)
        self.array: Bytes = np.frombuffer(self.bytes, np.uint8)

    def at(self, starts: Counts, width: int) -> Bytes:
        """A copy of `width` bytes from each start; shape (len(starts), width). No start may lie before the block."""
        every = np.ndarray((len(self.bytes) - width + 1,), f"V{width}", self.bytes, 0, (1,))
        return every[starts].view(np.uint8).reshape(len(starts), width)

    def words(self, starts: Counts) -> Words:
        """Eight bytes from each start as one little-endian number."""
        every = np.ndarray((len(self.bytes) - 7,), "<u8", self.bytes, 0, (1,))
        return every[starts]


@dataclass(frozen=True, eq=False)
class _Piece:
    """Bytes that a line must have, but where it is free to have any plain character of a string (there they are 0)."""

    text: bytes
    free: tuple[slice, ...]

    @classmethod
    def of(cls, raw: bytes) -> _Piece:
        free = tuple(slice(*found.span(1)) for found in _FREE.finditer(raw) if found[1])
        text = bytearray(raw)
        for span in free:
            text[span] = bytes(span.stop - span.start)
        return cls(bytes(text), free)

    def __len__(self) -> int:
        return len(self.text)

    def stand_at(self, window: Window, starts: Counts) -> Mask:
        """At which of the starts these bytes stand."""
        seen = window.at(starts, len(self.text))
        same = np.ones(len(starts), np.bool_)
        for span in self.free:
            held = seen[:, span]
            same &= whole_rows((held - np.uint8(32) < 95) & (held != 34) & (held != 92))
            seen[:, span] = 0
        # As a rule every line has them, which one comparison of all tells.
        if seen.tobytes() != self.text * len(starts):
            same &= whole_rows(seen == np.frombuffer(self.text, np.uint8))
        return same


def whole_rows(good: Mask) -> Mask:
    """In which rows everything is good."""
    return np.ones(len(good), np.bool_) if good.all() else np.logical_and.reduce(good, axis=1)


@dataclass(frozen=True)
class Template:
    """What stands before, between and after the two payloads of a line; `fields`: how many values the input has."""

    before: _Piece
    between: _Piece
    after: _Piece
    fields: int

    def match(self, window: Window, starts: Counts, ends: Counts, lines: Counts) -> tuple[Spans, Counts]:
        """The spans in those of `lines` (indices into starts and ends) that have this form, and the other lines."""
        fixed = len(self.before) + len(self.between) + len(self.after)
        room = ends[lines] - starts[lines] - fixed
        long_enough = room >= 2
        tried, others = lines[long_enough], lines[~long_enough]
        if not len(tried):
            return Spans(tried, tried, tried, tried, tried), others
        start = starts[tried]
        after = ends[tried] - len(self.after)
        good = self.before.stand_at(window, start)
        good &= self.after.stand_at(window, after)
        # Every line of this length or more has at least MOST_SCORE bytes before its tail: the piece before is longer.
        quotes = window.at(after - MOST_SCORE, MOST_SCORE)[:, ::-1] == ord('"')
        length = quotes.argmax(1)
        good &= quotes.any(1) & (length > 0)
        output = after - length
        payload = start + len(self.before)
        close = output - len(self.between)
        good &= close > payload
        close = np.maximum(close, payload)
        good &= self.between.stand_at(window, close)
        found = Spans(tried, payload, close - payload, output, length)
        return found.part(good), np.concatenate([others, tried[~good]])


def learn(line: bytes, record: Record) -> Template | None:
    """The template of a line that the strict reader made `record` of; None where its form is no plain one.

    A plain line has one row of CSV without quotes or escapes on the way in, and one plain CSV value on the way out.
    """
    if record.output is None:
        return None
    given, answered = _raw(line, record.input), _raw(line, record.output)
    if given is None or answered is None or not given[1] <= answered[0] or answered[1] - answered[0] >= MOST_SCORE:
        return None
    if b"," in line[slice(*answered)] or given[0] < MOST_SCORE:
        return None
    return Template(
        _Piece.of(line[: given[0]]),
        _Piece.of(line[given[1] : answered[0]]),
        _Piece.of(line[answered[1] :]),
        line[slice(*given)].count(b",") + 1,
    )


def _raw(line: bytes, payload: Payload) -> tuple[int, int] | None:
    """Where the payload's row stands in the line as it is, its closing newline left out."""
    row = payload.data.removesuffix("\n")
    if not is_csv(payload) or not _PLAIN.match(row):
        return None
    opened = b'"data":"' + row.encode()
    if line.count(opened) != 1:
        return None
    start = line.index(opened) + len(b'"data":"')
    return start, start + len(row)
