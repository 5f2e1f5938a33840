"""Parses a column's cells as numbers: all at once if they are simple, else one by one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from types import NoneType
from typing import cast

import numpy as np

from tidewatch.arrays import Floats
from tidewatch.capture.limits import MAX_ROWWISE_ROWS
from tidewatch.capture.parsing import MAX_NUMBER_LENGTH, MISSING_MARKERS, parse_number

CHUNK_ROWS = 4096
"""How many rows are Python objects at once. A record may have a million."""
_SIMPLE_NUMBERS = re.compile(r"[0-9eE.,+-]*")
"""For these characters, Python's float() accepts exactly the numbers that parse_number does."""


def read_numbers(cells: list[object]) -> Floats:
    """Returns the numbers of a column, of shape (n,), NaN if missing. Raises RecordRejected for other values."""
    if len(cells) <= MAX_ROWWISE_ROWS:
        return np.array([parse_number(cell) for cell in cells], np.float64)
    found = np.empty(len(cells))
    for start in range(0, len(cells), CHUNK_ROWS):
        chunk = cells[start : start + CHUNK_ROWS]
        column = parse_column(chunk)
        found[start : start + len(chunk)] = [parse_number(cell) for cell in chunk] if column is None else column
    return found


def parse_row(cells: list[object]) -> list[float] | None:
    """Returns the numbers of a row with only numbers or only simple texts, or None for any other row."""
    kinds = set(map(type, cells))
    if kinds == {float}:
        return cast("list[float]", cells)
    try:
        return _parse_texts(cast("list[str]", cells)) if kinds == {str} else None
    except ValueError:
        return None


def parse_column(cells: list[object]) -> Sequence[float] | Floats | None:
    """Returns the numbers of cells that are all simple texts, or all numbers and None; else None."""
    kinds = set(map(type, cells))
    try:
        if kinds <= {float, int, NoneType}:
            return np.array(cells, np.float64)
        return _parse_texts(cast("list[str]", cells)) if kinds <= {str} else None
    except (OverflowError, ValueError):
        return None


def _parse_texts(texts: list[str]) -> list[float] | None:
    """Returns the numbers of texts that are all finite or missing. Returns None or raises ValueError for others."""
    if max(map(len, texts)) > MAX_NUMBER_LENGTH:
        return None
    if _SIMPLE_NUMBERS.fullmatch(",".join(texts)):
        return [float(text) if text else math.nan for text in texts]
    # Otherwise one cell with spaces or a word for missing would make the whole chunk slow.
    stripped = [text.strip(" ") for text in texts]
    if _SIMPLE_NUMBERS.fullmatch(",".join([text for text in stripped if text not in MISSING_MARKERS])):
        return [math.nan if text in MISSING_MARKERS else float(text) for text in stripped]
    return None
