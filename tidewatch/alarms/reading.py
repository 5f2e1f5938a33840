"""Reads values of the stack config, where numbers may arrive as text."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

from tidewatch.alarms.errors import InvalidAlarm


def number(value: object) -> float:
    """A finite number. Raises InvalidAlarm: `pulumi config set --path` stores 0.5 as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidAlarm(f"{value!r} is not a number; use one like 5 or 0.5")
    try:
        read = float(value)
    except ValueError:
        raise InvalidAlarm(f"{value!r} is not a number; use one like 5 or 0.5") from None
    if not math.isfinite(read):
        raise InvalidAlarm(f"{value!r} is not a finite number; use one like 5 or 0.5")
    return read


def whole(value: object) -> int:
    """A whole number. Raises InvalidAlarm."""
    read = number(value)
    if not read.is_integer():
        raise InvalidAlarm(f"{value!r} is not a whole number; use one like 2")
    return int(read)


def text(value: object) -> str:
    """Text that is not empty. Raises InvalidAlarm."""
    if not isinstance(value, str):
        raise InvalidAlarm(f"{value!r} is not text; put it in quotes")
    if not value.strip():
        raise InvalidAlarm("is empty")
    return value


def unknown(key: str, allowed: Iterable[str]) -> InvalidAlarm:
    """The mistake of a key that means nothing here."""
    there = sorted(allowed)
    near = difflib.get_close_matches(key, there, 1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(there)}"
    return InvalidAlarm(f"unknown key; {hint}", key)


def shown(value: float) -> str:
    """A number as in an expression of metric math, which knows no exponents."""
    return f"{value:.10f}".rstrip("0").rstrip(".")
