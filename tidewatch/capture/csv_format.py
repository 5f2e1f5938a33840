"""CSV payloads: rows of text by position."""

from __future__ import annotations

import csv
import io

from tidewatch.capture.limits import require_readable_size
from tidewatch.capture.payload_table import LazyCsvRows, PayloadTable
from tidewatch.capture.reject_reasons import RecordRejected, RejectReason

WHITESPACE = " \t\r\n"
MAX_EAGER_LENGTH = 1 << 14
"""Payloads up to this number of characters are split at once, because they need little memory."""


def read_csv(text: str, *, answer: bool = False) -> PayloadTable:
    """Returns the rows of a payload, with a final newline, CRLF or none.

    Quotes follow RFC 4180: a quoted field may contain commas, newlines and doubled quotes. A blank line between rows is
    a row of one empty field. Blank lines after a request's rows do not count, because servers skip them; in an answer
    with one number per row, each may be a missing number. Raises RecordRejected: empty_payload, too_large, or
    bad_payload for unbalanced quotes and for a carriage return that ends no line.
    """
    if not text.strip(WHITESPACE):
        raise RecordRejected(RejectReason.EMPTY_PAYLOAD)
    text = text.removesuffix("\n").removesuffix("\r")
    if text[-1:] == "\n" and not (answer and "," not in text):
        text = text.rstrip("\r\n")
    require_readable_size(text.count(",") + text.count("\n") + 1, 1)
    if '"' in text:
        return PayloadTable(None, _parse_quoted(text))
    lines = text.split("\n")
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
        if any("\r" in line for line in lines):
            raise RecordRejected(RejectReason.BAD_PAYLOAD)
    if len(text) > MAX_EAGER_LENGTH:
        return PayloadTable(None, LazyCsvRows(lines))
    return PayloadTable(None, [line.split(",") for line in lines])


def _parse_quoted(text: str) -> list[list[str]]:
    try:
        # With newline="\n" a carriage return does not end a line, so one inside quotes is kept.
        return [row or [""] for row in csv.reader(io.StringIO(text, newline="\n"), strict=True)]
    except csv.Error as error:
        raise RecordRejected(RejectReason.BAD_PAYLOAD) from error
