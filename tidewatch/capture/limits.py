"""The limits of one record. Each is checked before the work is done, so that a small body stays cheap."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch.capture.reject_reasons import RecordRejected, RejectReason

MAX_RECORD_VALUES = 1_000_000
"""The largest number of values in a record's table (rows times columns) and in a JSON text. More takes over a
second."""
CATEGORY_COST = 3
"""How many values a category counts as: a separate text for each row takes that much longer than a number."""
LINE_COST = 12
"""How many values a line of JSON counts as, because each line is parsed separately."""
MAX_NAME_CHARACTERS = 4 << 20
"""The largest number of characters in column names that are made from a tensor's name and width."""
MAX_ROWWISE_ROWS = 16
"""Up to this number rows are read row by row, because starting a column takes longer."""
BYTE_ORDER_MARK = "\ufeff"
"""The byte order mark, which some programs write before text."""
_VALUE_MARKERS = (",", "[", "{", ":")


def require_readable_size(rows: int, columns: int) -> None:
    """Raises RecordRejected(too_large) if a table of this shape exceeds the limit of one record."""
    if rows * columns > MAX_RECORD_VALUES:
        raise RecordRejected(RejectReason.TOO_LARGE)


def require_readable_json(text: str | bytes, payloads: int = 1) -> None:
    """Raises RecordRejected(too_large) if a JSON text may contain too many values to parse.

    Its punctuation bounds their number without a parser: a value follows each mark, or begins the text. Marks in
    strings count too, so a line may have the number of two payloads.
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
    """Whether it contains only characters. Half of a surrogate pair, which JSON can escape, is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def compute_size(shape: Sequence[int]) -> int:
    """Returns the product of a shape's dimensions.

    Raises RecordRejected: bad_payload if one is negative, or too_large.
    """
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
    """Returns NAME__0, NAME__1 and so on, the columns of a wide tensor. Raises RecordRejected(too_large)."""
    if len(name) * width > MAX_NAME_CHARACTERS:
        raise RecordRejected(RejectReason.TOO_LARGE)
    return [f"{name}__{index}" for index in range(width)]
