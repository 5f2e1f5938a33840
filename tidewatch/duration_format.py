"""Formats durations for people."""

from __future__ import annotations

from datetime import timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400


def format_duration(duration: timedelta) -> str:
    """Returns a duration to a tenth of its largest unit: 5 minutes, 6 hours, 9.3 days."""
    for unit, seconds in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        number = duration.total_seconds() / seconds
        if number >= 1:
            return _pluralize(f"{number:.1f}".removesuffix(".0"), unit)
    return f"{duration.total_seconds():.0f} seconds"


def format_period(seconds: int) -> str:
    """Returns a period in the largest unit up to hours that divides it: 90 minutes, 24 hours."""
    for unit, unit_seconds in (("hour", HOUR), ("minute", MINUTE)):
        if seconds >= unit_seconds and not seconds % unit_seconds:
            return _pluralize(str(seconds // unit_seconds), unit)
    return _pluralize(str(seconds), "second")


def _pluralize(number: str, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == "1" else "s")
