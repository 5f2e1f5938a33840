"""Parses one value, text or JSON, as a number or a category. Training and captured data follow the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Set

import numpy as np

from tidewatch.capture.reject_reasons import RecordRejected, RejectReason
from tidewatch.capture.temporal import can_be_temporal, normalize_temporal

Scalar = str | float | int | bool | None

MISSING_MARKERS = frozenset(
    {"", "nan", "NaN", "NAN", "NaT", "NA", "N/A", "n/a", "<NA>", "#N/A", "null", "Null", "NULL", "None", "\\N"}
)
"""Texts that mean missing in data frames, spreadsheets and JSON. A number's spaces are stripped first; a category's are
not."""
MAX_NUMBER_LENGTH = 4_000
"""In characters. The longest exact decimal of a float64 has 1,077."""
EXACT_INTEGER_LIMIT = 2**53
"""Smaller whole numbers are exact in float64."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_FLOAT32_DIGITS = 9
"""No float32 needs more characters."""
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)\.0", re.ASCII)
_BOOLEAN_SPELLINGS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
BOOLEAN_NUMBERS = {
    text: float(word == "true") for text, word in [*_BOOLEAN_SPELLINGS.items(), ("true", "true"), ("false", "false")]
}
"""The words for 1 and 0 in a column of flags."""
_NORMALIZED_TEXTS = MISSING_MARKERS | _BOOLEAN_SPELLINGS.keys()
"""Texts that do not stay as they are, except whole numbers with one decimal zero and timestamps."""


def parse_binary(value: object, column: str | None = None) -> float:
    """Returns the number of a scalar in a column of zeros and ones.

    true is 1; other values are as in `parse_number`.
    """
    if isinstance(value, bool):
        return float(value)
    found = BOOLEAN_NUMBERS.get(value.strip(" ")) if isinstance(value, str) else None
    return parse_number(value, column) if found is None else found


def parse_number(value: object, column: str | None = None) -> float:
    """Returns the number of a scalar, NaN if it is missing and infinity if it is infinite.

    Text, also that of a JSON string, is a number if it matches `[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?` between
    spaces, up to MAX_NUMBER_LENGTH characters. Raises RecordRejected(not_a_number), which names the column, for other
    text, booleans, lists and objects.
    """
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return _parse_number_text(value, column)
    if value is None:
        return math.nan
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    raise RecordRejected(RejectReason.NOT_A_NUMBER, column)


def _parse_number_text(text: str, column: str | None) -> float:
    stripped = text.strip(" ")
    if len(stripped) > MAX_NUMBER_LENGTH:
        raise RecordRejected(RejectReason.NOT_A_NUMBER, column)
    if _NUMBER.fullmatch(stripped):
        return float(stripped)
    if stripped in MISSING_MARKERS:
        return math.nan
    if _INFINITY.fullmatch(stripped):
        return float(stripped)
    raise RecordRejected(RejectReason.NOT_A_NUMBER, column)


def parse_category(value: object, column: str | None = None) -> str | None:
    """Returns the category of a scalar, or None if it is missing.

    Text stays as it is, with these exceptions: "True", "TRUE", "False" and "FALSE" become "true" and "false" as in
    JSON; whole numbers with one decimal zero lose it ("3.0" is "3"); timestamps, times and durations are normalized
    (`normalize_temporal`). JSON and tensor numbers: 3.0 is "3", 2.5 is "2.5". Raises RecordRejected, which names the
    column: not_finite for an infinite number, bad_payload for a list or an object.
    """
    if isinstance(value, str):
        return _parse_category_text(value)
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _format_integer(value, column)
    if isinstance(value, float):
        return _format_category_number(value, column)
    raise RecordRejected(RejectReason.BAD_PAYLOAD, column)


def parse_categories(texts: Set[str]) -> dict[str, str | None]:
    """Returns the category of each text, like `parse_category`.

    Nearly all stay as they are, so only a few are parsed.
    """
    found: dict[str, str | None] = dict(zip(texts, texts, strict=True))
    candidates = [text for text in texts if can_be_temporal(text) or text[-2:] == ".0"]
    for text in (*(texts & _NORMALIZED_TEXTS), *candidates):
        found[text] = _parse_category_text(text)
    return found


def _parse_category_text(text: str) -> str | None:
    if text in MISSING_MARKERS:
        return None
    if text.endswith(".0") and _WHOLE_NUMBER.fullmatch(text):
        return "0" if text == "-0.0" else text[:-2]
    return _BOOLEAN_SPELLINGS.get(text) or normalize_temporal(text) or text


def _format_category_number(value: float, column: str | None) -> str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise RecordRejected(RejectReason.NOT_FINITE, column)
    if value.is_integer() and abs(value) < EXACT_INTEGER_LIMIT:
        return str(int(value))
    text = repr(value)
    if len(text) <= _FLOAT32_DIGITS:
        return text
    # A float32 is written with its own digits: 0.1, where the nearest float64 has seventeen digits.
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return repr(float(str(single))) if float(single) == value else text


def _format_integer(value: int, column: str | None) -> str:
    try:
        return str(value)
    except ValueError as error:
        # Python does not convert integers with thousands of digits (sys.set_int_max_str_digits).
        raise RecordRejected(RejectReason.BAD_PAYLOAD, column) from error
