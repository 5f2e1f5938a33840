"""Reads values of the stack config, where numbers may arrive as text."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

from tidewatch.alarms.errors import InvalidAlarm


def parse_number(value: object) -> float:
    """A finite number. Raises InvalidAlarm: `pulumi config set --path` stores 0.5 as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidAlarm(f"{value!r} is not a number; use one like 5 or 0.5")
    try:
        parsed = float(value)
    except ValueError:
        raise InvalidAlarm(f"{value!r} is not a number; use one like 5 or 0.5") from None
    if not math.isfinite(parsed):
        raise InvalidAlarm(f"{value!r} is not a finite number; use one like 5 or 0.5")
    return parsed


def parse_integer(value: object) -> int:
    """A whole number. Raises InvalidAlarm."""
    parsed = parse_number(value)
    if not parsed.is_integer():
        raise InvalidAlarm(f"{value!r} is not a whole number; use one like 2")
    return int(parsed)


def parse_text(value: object) -> str:
    """Text that is not empty. Raises InvalidAlarm."""
    if not isinstance(value, str):
        raise InvalidAlarm(f"{value!r} is not text; put it in quotes")
    if not value.strip():
        raise InvalidAlarm("is empty")
    return value


def build_unknown_key_error(key: str, allowed: Iterable[str]) -> InvalidAlarm:
    """The mistake of a key that means nothing here."""
    keys = sorted(allowed)
    suggestions = difflib.get_close_matches(key, keys, 1, cutoff=0.6)
    hint = f"did you mean {suggestions[0]}?" if suggestions else f"the keys here are {', '.join(keys)}"
    return InvalidAlarm(f"unknown key; {hint}", key)


def format_number(value: float) -> str:
    """A number as in an expression of metric math, which knows no exponents."""
    return f"{value:.10f}".rstrip("0").rstrip(".")
