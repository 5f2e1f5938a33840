"""Finds the two payloads in lines that are alike but for them, by byte offsets, without parsing their JSON.

SageMaker writes every record of an hour in one form. What stands around the payloads is learned from one line that the
strict reader accepted; a line that has the same bytes there is valid JSON wherever that one is, so only the payloads
are left to read. Any other line is left to the strict reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tidewatch.arrays import Bytes, Counts, Mask, Words
from tidewatch.capture.payload import Payload, is_csv
from tidewatch.capture.record import Record

MAX_OUTPUT_BYTES = 24
"""Bytes of an answer, with the quote before it, that are looked for before the end of the line."""
_VARIABLE_FIELDS = re.compile(rb'"(?:eventId|inferenceId|inferenceTime)":"([ !#-\[\]-~]*)"')
_UNESCAPED_TEXT = re.compile(r"[ !#-\[\]-~]+\Z")


@dataclass(frozen=True)
class PayloadSpans:
    """Where the payloads of some lines stand in a block: offsets and lengths in bytes, shape (lines,) each."""

    line_indices: Counts
    input_start: Counts
    input_length: Counts
    output_start: Counts
    output_length: Counts

    def __len__(self) -> int:
        return len(self.line_indices)

    def select(self, mask: Mask) -> PayloadSpans:
        """The spans of the chosen lines."""
        return PayloadSpans(
            self.line_indices[mask],
            self.input_start[mask],
            self.input_length[mask],
            self.output_start[mask],
            self.output_length[mask],
        )


class PaddedBuffer:
    """A block of bytes that is read in many places at once. It is followed by room, so that no read passes its end."""

    def __init__(self, block: bytes, padding: int = 4096) -> None:
        self.size = len(block)
        self.bytes = block + bytes(padding)
        self.array: Bytes = np.frombuffer(self.bytes, np.uint8)

    def gather(self, starts: Counts, width: int) -> Bytes:
        """A copy of `width` bytes from each start; shape (len(starts), width). No start may lie before the block."""
        sliding_view = np.ndarray((len(self.bytes) - width + 1,), f"V{width}", self.bytes, 0, (1,))
        return sliding_view[starts].view(np.uint8).reshape(len(starts), width)

    def gather_words(self, starts: Counts) -> Words:
        """Eight bytes from each start as one little-endian number."""
        sliding_view = np.ndarray((len(self.bytes) - 7,), "<u8", self.bytes, 0, (1,))
        return sliding_view[starts]


@dataclass(frozen=True, eq=False)
class _TemplateSegment:
    """Bytes that a line must have, but where it is free to have any plain character of a string (there they are 0)."""

    text: bytes
    variable_spans: tuple[slice, ...]

    @classmethod
    def from_bytes(cls, raw: bytes) -> _TemplateSegment:
        variable_spans = tuple(slice(*found.span(1)) for found in _VARIABLE_FIELDS.finditer(raw) if found[1])
        text = bytearray(raw)
        for span in variable_spans:
            text[span] = bytes(span.stop - span.start)
        return cls(bytes(text), variable_spans)

    def __len__(self) -> int:
        return len(self.text)

    def find_matches(self, buffer: PaddedBuffer, starts: Counts) -> Mask:
        """At which of the starts these bytes stand."""
        seen = buffer.gather(starts, len(self.text))
        same = np.ones(len(starts), np.bool_)
        for span in self.variable_spans:
            characters = seen[:, span]
            same &= find_true_rows((characters - np.uint8(32) < 95) & (characters != 34) & (characters != 92))
            seen[:, span] = 0
        # As a rule every line has them, which one comparison of all tells.
        if seen.tobytes() != self.text * len(starts):
            same &= find_true_rows(seen == np.frombuffer(self.text, np.uint8))
        return same


def find_true_rows(good: Mask) -> Mask:
    """In which rows everything is good."""
    return np.ones(len(good), np.bool_) if good.all() else np.logical_and.reduce(good, axis=1)


@dataclass(frozen=True)
class LineTemplate:
    """What stands before, between and after the two payloads of a line; `fields`: how many values the input has."""

    before: _TemplateSegment
    between: _TemplateSegment
    after: _TemplateSegment
    field_count: int

    def match(self, buffer: PaddedBuffer, starts: Counts, ends: Counts, lines: Counts) -> tuple[PayloadSpans, Counts]:
        """The spans in those of `lines` (indices into starts and ends) that have this form, and the other lines."""
        fixed = len(self.before) + len(self.between) + len(self.after)
        room = ends[lines] - starts[lines] - fixed
        long_enough = room >= 2
        tried, others = lines[long_enough], lines[~long_enough]
        if not len(tried):
            return PayloadSpans(tried, tried, tried, tried, tried), others
        start = starts[tried]
        after = ends[tried] - len(self.after)
        good = self.before.find_matches(buffer, start)
        good &= self.after.find_matches(buffer, after)
        # Every line of this length or more has at least MOST_SCORE bytes before its tail: the piece before is longer.
        quotes = buffer.gather(after - MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES)[:, ::-1] == ord('"')
        length = quotes.argmax(1)
        good &= quotes.any(1) & (length > 0)
        output = after - length
        payload = start + len(self.before)
        close = output - len(self.between)
        good &= close > payload
        close = np.maximum(close, payload)
        good &= self.between.find_matches(buffer, close)
        found = PayloadSpans(tried, payload, close - payload, output, length)
        return found.select(good), np.concatenate([others, tried[~good]])


def learn_template(line: bytes, record: Record) -> LineTemplate | None:
    """The template of a line that the strict reader made `record` of; None where its form is no plain one.

    A plain line has one row of CSV without quotes or escapes on the way in, and one plain CSV value on the way out.
    """
    if record.output is None:
        return None
    input_span, output_span = _find_payload_span(line, record.input), _find_payload_span(line, record.output)
    if (
        input_span is None
        or output_span is None
        or not input_span[1] <= output_span[0]
        or output_span[1] - output_span[0] >= MAX_OUTPUT_BYTES
    ):
        return None
    if b"," in line[slice(*output_span)] or input_span[0] < MAX_OUTPUT_BYTES:
        return None
    return LineTemplate(
        _TemplateSegment.from_bytes(line[: input_span[0]]),
        _TemplateSegment.from_bytes(line[input_span[1] : output_span[0]]),
        _TemplateSegment.from_bytes(line[output_span[1] :]),
        line[slice(*input_span)].count(b",") + 1,
    )


def _find_payload_span(line: bytes, payload: Payload) -> tuple[int, int] | None:
    """Where the payload's row stands in the line as it is, its closing newline left out."""
    row = payload.data.removesuffix("\n")
    if not is_csv(payload) or not _UNESCAPED_TEXT.match(row):
        return None
    marker = b'"data":"' + row.encode()
    if line.count(marker) != 1:
        return None
    start = line.index(marker) + len(b'"data":"')
    return start, start + len(row)
