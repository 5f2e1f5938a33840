"""A column's cells to numbers: all at once where they are plain, else cell by cell."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from types import NoneType
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from tidewatch.capture.limits import FEW_ROWS, LONGEST_NUMBER
from tidewatch.capture.scalars import MISSING, number

Floats: TypeAlias = npt.NDArray[np.float64]

CHUNK_ROWS = 4096
"""Rows held as Python objects at once: a record may have a million."""
_PLAIN = re.compile(r"[0-9eE.,+-]*")
"""Over these characters, Python's float() takes exactly the numbers that scalars.number does."""


def read_numbers(cells: list[object]) -> Floats:
    """The numbers of a column, shape (n,), NaN where missing. Raises Unreadable where one is no number."""
    if len(cells) <= FEW_ROWS:
        return np.array([number(cell) for cell in cells], np.float64)
    found = np.empty(len(cells))
    for start in range(0, len(cells), CHUNK_ROWS):
        part = cells[start : start + CHUNK_ROWS]
        column = parse_column(part)
        found[start : start + len(part)] = [number(cell) for cell in part] if column is None else column
    return found


def parse_row(cells: list[object]) -> list[float] | None:
    """The numbers of a row's cells that are all numbers, or all text and plain; None for any other."""
    kinds = set(map(type, cells))
    if kinds == {float}:
        return cast("list[float]", cells)
    try:
        return _parsed(cast("list[str]", cells)) if kinds == {str} else None
    except ValueError:
        return None


def parse_column(cells: list[object]) -> Sequence[float] | Floats | None:
    """The numbers of cells that are all text and plain, or all numbers and None; None for any other."""
    kinds = set(map(type, cells))
    try:
        if kinds <= {float, int, NoneType}:
            return np.array(cells, np.float64)
        return _parsed(cast("list[str]", cells)) if kinds <= {str} else None
    except (OverflowError, ValueError):
        return None


def _parsed(texts: list[str]) -> list[float] | None:
    """The numbers of texts that are all finite or missing; None, or ValueError, where one may be something else."""
    if max(map(len, texts)) > LONGEST_NUMBER:
        return None
    if _PLAIN.fullmatch(",".join(texts)):
        return [float(text) if text else math.nan for text in texts]
    # A cell in each chunk that has spaces, or a word for no value, would have all of them read one by one.
    stripped = [text.strip(" ") for text in texts]
    if _PLAIN.fullmatch(",".join([text for text in stripped if text not in MISSING])):
        return [math.nan if text in MISSING else float(text) for text in stripped]
    return None
