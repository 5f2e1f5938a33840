"""One value: text or JSON to a number or a category. Training data and captured data are read by the same rules."""

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
"""Texts that stand for no value, as data frames, spreadsheets and JSON write it; of a number with the spaces around it
stripped, of a category as it is."""
MAX_NUMBER_LENGTH = 4_000
"""Characters of a number in text; the longest exact decimal of a float64 has 1,077."""
EXACT_INTEGER_LIMIT = 2**53
"""Whole numbers below it are exact in float64."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_FLOAT32_DIGITS = 9
"""Characters of a number that no float32 has more digits than."""
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)\.0", re.ASCII)
_BOOLEAN_SPELLINGS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
BOOLEAN_NUMBERS = {
    text: float(word == "true") for text, word in [*_BOOLEAN_SPELLINGS.items(), ("true", "true"), ("false", "false")]
}
"""Words that stand for 1 and 0 in a column of flags."""
_NORMALIZED_TEXTS = MISSING_MARKERS | _BOOLEAN_SPELLINGS.keys()
"""Texts that are not their own category, but for whole numbers with one decimal zero, and moments."""


def parse_binary(value: object, column: str | None = None) -> float:
    """The number that a scalar stands for in a column of zeros and ones, where true is 1; else as `number`."""
    if isinstance(value, bool):
        return float(value)
    found = BOOLEAN_NUMBERS.get(value.strip(" ")) if isinstance(value, str) else None
    return parse_number(value, column) if found is None else found


def parse_number(value: object, column: str | None = None) -> float:
    """The number that a scalar stands for; NaN where it is missing, infinite where it is.

    Text, also that of a JSON string, is a number where it is `[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?` between
    spaces, up to LONGEST_NUMBER characters. Raises Unreadable(not_a_number), naming the column, for other text, true
    and false, lists and objects.
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
    """The category that a scalar stands for; None where it is missing.

    Text as it is, but for "True", "TRUE", "False" and "FALSE", which are "true" and "false" as in JSON, for whole
    numbers with one decimal zero: "3.0" is "3", and for timestamps, times and durations (`moment`). JSON and tensor
    numbers: 3.0 is "3", 2.5 is "2.5". Raises Unreadable: not_finite for an infinite number, bad_payload for a list or
    an object, both naming the column.
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
    """The category of each of these texts, as `category` tells it; nearly all are their own, so few are looked at."""
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
    # A float32 is written by its own digits: 0.1, where the nearest float64 to it has seventeen.
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return repr(float(str(single))) if float(single) == value else text


def _format_integer(value: int, column: str | None) -> str:
    try:
        return str(value)
    except ValueError as error:
        # Python refuses to write integers of thousands of digits: sys.set_int_max_str_digits.
        raise RecordRejected(RejectReason.BAD_PAYLOAD, column) from error
