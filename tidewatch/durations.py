"""Times as people say them."""

from __future__ import annotations

from datetime import timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400


def about(length: timedelta) -> str:
    """A time to a tenth of its largest unit: 5 minutes, 6 hours, 9.3 days."""
    for unit, seconds in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        number = length.total_seconds() / seconds
        if number >= 1:
            return _counted(f"{number:.1f}".removesuffix(".0"), unit)
    return f"{length.total_seconds():.0f} seconds"


def exactly(seconds: int) -> str:
    """A period in the largest unit up to hours that it is a whole number of: 90 minutes, 24 hours."""
    for unit, long in (("hour", HOUR), ("minute", MINUTE)):
        if seconds >= long and not seconds % long:
            return _counted(str(seconds // long), unit)
    return _counted(str(seconds), "second")


def _counted(number: str, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == "1" else "s")
