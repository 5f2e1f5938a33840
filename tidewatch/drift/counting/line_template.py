"""Finds the two payloads of lines of the same form by byte offsets, without parsing their JSON.

SageMaker writes all records of an hour in one form. The bytes around the payloads are learned from a line that the
strict parser accepted. Another line with the same bytes there is valid JSON too, so only its payloads are parsed. Any
other line is left to the strict parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tidewatch.arrays import Bytes, Counts, Mask, Words
from tidewatch.capture.payload import Payload, is_csv
from tidewatch.capture.record import Record

MAX_OUTPUT_BYTES = 24
"""The last bytes of a line's fixed part in which the output, with the quote before it, is searched."""
_VARIABLE_FIELDS = re.compile(rb'"(?:eventId|inferenceId|inferenceTime)":"([ !#-\[\]-~]*)"')
_UNESCAPED_TEXT = re.compile(r"[ !#-\[\]-~]+\Z")


@dataclass(frozen=True)
class PayloadSpans:
    """The payloads of some lines in a block: offsets and lengths in bytes, each of shape (lines,)."""

    line_indices: Counts
    input_start: Counts
    input_length: Counts
    output_start: Counts
    output_length: Counts

    def __len__(self) -> int:
        return len(self.line_indices)

    def select(self, mask: Mask) -> PayloadSpans:
        """Returns the spans of the selected lines."""
        return PayloadSpans(
            self.line_indices[mask],
            self.input_start[mask],
            self.input_length[mask],
            self.output_start[mask],
            self.output_length[mask],
        )


class PaddedBuffer:
    """A block of bytes, followed by padding so that no read passes its end."""

    def __init__(self, block: bytes, padding: int = 4096) -> None:
        self.size = len(block)
        self.bytes = block + bytes(padding)
        self.array: Bytes = np.frombuffer(self.bytes, np.uint8)

    def gather(self, starts: Counts, width: int) -> Bytes:
        """Returns `width` bytes from each start, as a copy of shape (len(starts), width). No start may be negative."""
        sliding_view = np.ndarray((len(self.bytes) - width + 1,), f"V{width}", self.bytes, 0, (1,))
        return sliding_view[starts].view(np.uint8).reshape(len(starts), width)

    def gather_words(self, starts: Counts) -> Words:
        """Returns eight bytes from each start as one little-endian number."""
        sliding_view = np.ndarray((len(self.bytes) - 7,), "<u8", self.bytes, 0, (1,))
        return sliding_view[starts]


@dataclass(frozen=True, eq=False)
class _TemplateSegment:
    """Bytes that a line must have.

    Variable spans may hold any unescaped characters of a string; they are 0 in `text`.
    """

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
        """Returns at which of the starts these bytes are."""
        seen = buffer.gather(starts, len(self.text))
        same = np.ones(len(starts), np.bool_)
        for span in self.variable_spans:
            characters = seen[:, span]
            same &= find_true_rows((characters - np.uint8(32) < 95) & (characters != 34) & (characters != 92))
            seen[:, span] = 0
        # Usually every line has these bytes, which one comparison of the whole array shows.
        if seen.tobytes() != self.text * len(starts):
            same &= find_true_rows(seen == np.frombuffer(self.text, np.uint8))
        return same


def find_true_rows(good: Mask) -> Mask:
    """Returns the rows in which all values are true."""
    return np.ones(len(good), np.bool_) if good.all() else np.logical_and.reduce(good, axis=1)


@dataclass(frozen=True)
class LineTemplate:
    """The fixed bytes of a line: before, between and after its two payloads."""

    before: _TemplateSegment
    between: _TemplateSegment
    after: _TemplateSegment
    field_count: int
    """The number of values in the input."""

    def match(self, buffer: PaddedBuffer, starts: Counts, ends: Counts, lines: Counts) -> tuple[PayloadSpans, Counts]:
        """Returns the spans of the lines that have this form, and the other lines.

        `lines` are indices into `starts` and `ends`.
        """
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
        # A line of this length or more has at least MAX_OUTPUT_BYTES before its tail, because the first part is longer.
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
    """Returns the template of a line that the strict parser decoded to `record`, or None if the line is not simple.

    A simple line has one CSV row without quotes or escapes as its input and one CSV value as its output.
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
    """Returns where the payload's row is in the raw line, without its final newline, or None."""
    row = payload.data.removesuffix("\n")
    if not is_csv(payload) or not _UNESCAPED_TEXT.match(row):
        return None
    marker = b'"data":"' + row.encode()
    if line.count(marker) != 1:
        return None
    start = line.index(marker) + len(b'"data":"')
    return start, start + len(row)
