"""Timestamps, times of day and durations in one spelling, whoever wrote them.

One moment is written in many ways: "2026-11-01 10:00:00" by data frames into CSV, "2026-11-01T10:00:00.000Z" into JSON,
a whole number of microseconds into Parquet. As categories they would be as many different values. The forms read here
are those of ISO 8601 and of pandas, polars, PostgreSQL, BigQuery and Python's datetime where they write text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

LONGEST = 48
"""Characters; a longer text is none of these."""
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z| UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_CLOCK = r"(?P<hours>[01]?\d|2[0-3]):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)(?:\.(?P<part>\d{1,9}))?"
_TIME = re.compile(rf"(?P<all>-?){_CLOCK}", re.ASCII)
_WORDS = re.compile(rf"(?P<all>-(?=\d+ days \d))?(?P<days>-?\d{{1,9}}) days?,? \+?{_CLOCK}", re.ASCII)
"""Hours are counted forwards from negative days, as pandas and Python write them: "-1 days +23:59:57" is -3 s; this
module's own spelling, without a plus or a comma, is negative as a whole."""
_ISO = re.compile(
    r"(?P<all>-?)P(?=T\d|-?\d)(?:(?P<days>-?\d{1,9})D)?(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?"
    r"(?:(?P<seconds>\d{1,9})(?:\.(?P<part>\d{1,9}))?S)?)?",
    re.ASCII,
)
_FIRST = frozenset("0123456789-P")
_NANOSECONDS = 10**9
_DAY = 86_400 * _NANOSECONDS


def moment(text: str) -> str | None:
    """The one spelling of a moment; None where the text is none.

    A timestamp is told in UTC, as it is where it names no zone: "2026-11-01T10:00:00", without the zeros of a
    fraction; one at midnight is its date, as data frames write a column of them. A time of day is "10:00:00". A
    duration is "10:00:00" too, "1 days 10:00:00" or "7 days" from a day on, and begins with "-" where it is negative.
    """
    if not may_be_moment(text) or text[:1] not in _FIRST or len(text) > LONGEST:
        return None
    if found := _TIMESTAMP.fullmatch(text):
        return _timestamp(*found.groups())
    found = _TIME.fullmatch(text) or _WORDS.fullmatch(text) or _ISO.fullmatch(text)
    return None if found is None else duration(_nanoseconds(found.groupdict("0")))


def may_be_moment(text: str) -> bool:
    """Whether a text has one of the marks of moments; most texts have none, and need no closer look."""
    return ":" in text or "T" in text or (text[-1:] == "D" and text[:1] in ("P", "-"))


def duration(nanoseconds: int) -> str:
    """The spelling of a duration of so many nanoseconds, up to 10^9 days."""
    days, rest = divmod(abs(nanoseconds), _DAY)
    seconds, part = divmod(rest, _NANOSECONDS)
    sign = "-" if nanoseconds < 0 else ""
    if days and not rest:
        return f"{sign}{days} days"
    told = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{_fraction(f'{part:09}')}"
    return f"{sign}{f'{days} days ' if days else ''}{told}"


def _timestamp(date: str, minute: str, second: str | None, part: str | None, zone: str | None) -> str | None:
    try:
        told = datetime.fromisoformat(f"{date}T{minute}:{second or '00'}{_offset(zone)}")
        utc = told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    seconds = utc.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{seconds}{_fraction(part or '')}".removesuffix("T00:00:00")


def _offset(zone: str | None) -> str:
    """A zone as Python reads it: PostgreSQL writes hours alone, BigQuery the word; UTC where none is named."""
    return "+00:00" if zone in (None, "Z", " UTC") else zone


def _fraction(digits: str) -> str:
    kept = digits.rstrip("0")
    return f".{kept}" if kept else ""


def _nanoseconds(parts: Mapping[str, str]) -> int:
    days, hours, minutes, seconds = (int(parts.get(name) or 0) for name in ("days", "hours", "minutes", "seconds"))
    clock = ((hours * 60 + minutes) * 60 + seconds) * _NANOSECONDS + int(parts["part"].ljust(9, "0"))
    return (days * _DAY + clock) * (-1 if parts["all"] == "-" else 1)
