"""What one record may cost its reader. Each limit is held before the work is done, so that a small body stays cheap."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch.capture.reject_reasons import RecordRejected, RejectReason

MAX_RECORD_VALUES = 1_000_000
"""Values of a record's table, rows times columns, and places of a JSON text: more takes over a second to read."""
CATEGORY_COST = 3
"""Values that one of a category counts for: a text of its own for each row takes that much longer than a number."""
LINE_COST = 12
"""Values that a line of JSON counts for: each is parsed for itself."""
MAX_NAME_CHARACTERS = 4 << 20
"""Characters of column names that are made from a tensor's name and its width."""
MAX_ROWWISE_ROWS = 16
"""Up to so many rows are read row by row: to begin with a column costs more than they take."""
BYTE_ORDER_MARK = "\ufeff"
"""The byte order mark, which some programs write before text."""
_VALUE_MARKERS = (",", "[", "{", ":")


def require_readable_size(rows: int, columns: int) -> None:
    """Raises Unreadable(too_large) where a table of this shape holds more than is read of one record."""
    if rows * columns > MAX_RECORD_VALUES:
        raise RecordRejected(RejectReason.TOO_LARGE)


def require_readable_json(text: str | bytes, payloads: int = 1) -> None:
    """Raises Unreadable(too_large) where a JSON text has so many places for values that parsing it takes too much.

    Its marks bound them without a parser: a value follows each, or the text's beginning. Those in strings count too, so
    that a line may have those of its two payloads.
    """
    limit = payloads * MAX_RECORD_VALUES
    if len(text) <= limit:
        return
    marks = (
        sum(map(text.count, _VALUE_MARKERS))
        if isinstance(text, str)
        else sum(text.count(mark.encode()) for mark in _VALUE_MARKERS)
    )
    if marks > limit:
        raise RecordRejected(RejectReason.TOO_LARGE)


def is_text(text: str) -> bool:
    """Whether it holds characters alone: half of a surrogate pair, which JSON can escape, is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def compute_size(shape: Sequence[int]) -> int:
    """The product of a shape's dimensions. Raises Unreadable: bad_payload where one is negative, or too_large."""
    least = min(shape, default=1)
    if least < 0:
        raise RecordRejected(RejectReason.BAD_PAYLOAD)
    size = 1 if least else 0
    for dimension in shape:
        size *= dimension
        if size > MAX_RECORD_VALUES:
            raise RecordRejected(RejectReason.TOO_LARGE)
    return size


def expand_name(name: str, width: int) -> list[str]:
    """NAME__0 and on, the names of a wide tensor's columns. Raises Unreadable(too_large)."""
    if len(name) * width > MAX_NAME_CHARACTERS:
        raise RecordRejected(RejectReason.TOO_LARGE)
    return [f"{name}__{index}" for index in range(width)]
