"""Normalizes timestamps, times of day and durations to one spelling.

One moment has many spellings: "2026-11-01 10:00:00" in a data frame's CSV, "2026-11-01T10:00:00.000Z" in JSON, a whole
number of microseconds in Parquet. As categories they would be different values. The supported formats are those of ISO
8601 and the texts of pandas, polars, PostgreSQL, BigQuery and Python's datetime.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

MAX_TEMPORAL_LENGTH = 48
"""In characters. A longer text is none of these."""
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z| UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_CLOCK_PATTERN = r"(?P<hours>[01]?\d|2[0-3]):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)(?:\.(?P<part>\d{1,9}))?"
_TIME = re.compile(rf"(?P<all>-?){_CLOCK_PATTERN}", re.ASCII)
_DURATION_IN_WORDS = re.compile(
    rf"(?P<all>-(?=\d+ days \d))?(?P<days>-?\d{{1,9}}) days?,? \+?{_CLOCK_PATTERN}", re.ASCII
)
"""Hours count forwards from negative days, as pandas and Python write them: "-1 days +23:59:57" is -3 s. In this
module's own spelling, without a plus or a comma, the sign applies to the whole."""
_ISO_DURATION = re.compile(
    r"(?P<all>-?)P(?=T\d|-?\d)(?:(?P<days>-?\d{1,9})D)?(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?"
    r"(?:(?P<seconds>\d{1,9})(?:\.(?P<part>\d{1,9}))?S)?)?",
    re.ASCII,
)
_FIRST_CHARACTERS = frozenset("0123456789-P")
_NANOSECONDS = 10**9
_DAY_NANOSECONDS = 86_400 * _NANOSECONDS


def normalize_temporal(text: str) -> str | None:
    """Returns the normalized spelling of a timestamp, time or duration, or None for any other text.

    A timestamp is in UTC, which a missing zone means too: "2026-11-01T10:00:00", without a fraction's final zeros. At
    midnight it is only the date, as data frames write a column of dates. A time of day is "10:00:00". A duration is
    "10:00:00", from a day on "1 days 10:00:00" or "7 days", and begins with "-" if it is negative.
    """
    if not can_be_temporal(text) or text[:1] not in _FIRST_CHARACTERS or len(text) > MAX_TEMPORAL_LENGTH:
        return None
    if found := _TIMESTAMP.fullmatch(text):
        return _format_timestamp(*found.groups())
    found = _TIME.fullmatch(text) or _DURATION_IN_WORDS.fullmatch(text) or _ISO_DURATION.fullmatch(text)
    return None if found is None else format_duration(_count_nanoseconds(found.groupdict("0")))


def can_be_temporal(text: str) -> bool:
    """Whether a text has a character that all of these have. Most texts have none and need no regular expression."""
    return ":" in text or "T" in text or (text[-1:] == "D" and text[:1] in ("P", "-"))


def format_duration(nanoseconds: int) -> str:
    """Returns the spelling of a duration in nanoseconds, up to 10^9 days."""
    days, rest = divmod(abs(nanoseconds), _DAY_NANOSECONDS)
    seconds, part = divmod(rest, _NANOSECONDS)
    sign = "-" if nanoseconds < 0 else ""
    if days and not rest:
        return f"{sign}{days} days"
    clock_time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{_format_fraction(f'{part:09}')}"
    return f"{sign}{f'{days} days ' if days else ''}{clock_time}"


def _format_timestamp(date: str, minute: str, second: str | None, part: str | None, zone: str | None) -> str | None:
    try:
        local_time = datetime.fromisoformat(f"{date}T{minute}:{second or '00'}{_normalize_zone(zone)}")
        utc = local_time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    seconds = utc.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{seconds}{_format_fraction(part or '')}".removesuffix("T00:00:00")


def _normalize_zone(zone: str | None) -> str:
    """Returns a zone in Python's format. PostgreSQL writes only hours, BigQuery the word; a missing zone is UTC."""
    return "+00:00" if zone in (None, "Z", " UTC") else zone


def _format_fraction(digits: str) -> str:
    significant = digits.rstrip("0")
    return f".{significant}" if significant else ""


def _count_nanoseconds(groups: Mapping[str, str]) -> int:
    days, hours, minutes, seconds = (int(groups.get(name) or 0) for name in ("days", "hours", "minutes", "seconds"))
    clock = ((hours * 60 + minutes) * 60 + seconds) * _NANOSECONDS + int(groups["part"].ljust(9, "0"))
    return (days * _DAY_NANOSECONDS + clock) * (-1 if groups["all"] == "-" else 1)
