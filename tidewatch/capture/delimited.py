"""CSV payloads: rows of text by position."""

from __future__ import annotations

import csv
import io

from tidewatch.capture.limits import check_values
from tidewatch.capture.reasons import Reason, Unreadable
from tidewatch.capture.table import Split, Table

BLANK = " \t\r\n"
SHORT = 1 << 14
"""Characters of a payload that is split at once: it needs little memory in any case."""


def read_csv(text: str, *, answer: bool = False) -> Table:
    """The rows of a payload, with a final newline, CRLF or none.

    Quotes are those of RFC 4180: a quoted field may hold commas, newlines and doubled quotes. A blank line between rows
    is a row of one empty field. Blank lines behind a request's rows are none, as its server skips them; in an answer of
    one number a row, each may be a missing one. Raises Unreadable: empty_payload, too_large, or bad_payload for
    unbalanced quotes and for a carriage return that ends no line.
    """
    if not text.strip(BLANK):
        raise Unreadable(Reason.EMPTY_PAYLOAD)
    text = text.removesuffix("\n").removesuffix("\r")
    if text[-1:] == "\n" and not (answer and "," not in text):
        text = text.rstrip("\r\n")
    check_values(text.count(",") + text.count("\n") + 1, 1)
    if '"' in text:
        return Table(None, _quoted(text))
    lines = text.split("\n")
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
        if any("\r" in line for line in lines):
            raise Unreadable(Reason.BAD_PAYLOAD)
    if len(text) > SHORT:
        return Table(None, Split(lines))
    return Table(None, [line.split(",") for line in lines])


def _quoted(text: str) -> list[list[str]]:
    try:
        # With newline="\n" no carriage return is taken for a line's end, so one inside quotes is kept.
        return [row or [""] for row in csv.reader(io.StringIO(text, newline="\n"), strict=True)]
    except csv.Error as error:
        raise Unreadable(Reason.BAD_PAYLOAD) from error
