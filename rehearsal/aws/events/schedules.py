"""The schedules of EventBridge rules: rate(...) and cron(...).

Source: EventBridge user guide, "Rate expressions reference" (counted from the rule's creation) and "Cron expressions
reference" (six fields, in UTC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol

SHORTEST_PERIOD = timedelta(minutes=1)

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)$")
_PERIODS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_CRON = re.compile(r"cron\((.*)\)$")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAY = timedelta(days=1)


class Schedule(Protocol):
    """A schedule with its due times."""

    def list_due(self, created: datetime, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times after `after`, up to and including `until`, newest first, of a schedule created at `created`."""
        ...


@dataclass(frozen=True)
class Rate:
    """A fixed period."""

    period: timedelta

    def list_due(self, created: datetime, after: datetime, until: datetime) -> Iterator[datetime]:
        for count in range((until - created) // self.period, 0, -1):
            moment = created + count * self.period
            if moment <= after:
                return
            yield moment


@dataclass(frozen=True)
class Cron:
    """The minutes that all six fields allow. Weekdays count from Sunday, which is 1."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    def list_due(self, created: datetime, after: datetime, until: datetime) -> Iterator[datetime]:
        del created
        day = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day + _DAY > after:
            if self._is_on_day(day):
                for hour in sorted(self.hours, reverse=True):
                    for minute in sorted(self.minutes, reverse=True):
                        moment = day.replace(hour=hour, minute=minute)
                        if after < moment <= until:
                            yield moment
            day -= _DAY

    def _is_on_day(self, day: datetime) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return (
            day.year in self.years
            and day.month in self.months
            and day.day in self.days
            and weekday in self.weekdays
        )  # fmt: skip


def list_due_times(schedule: Schedule, created: datetime, after: datetime, until: datetime) -> list[datetime]:
    """The times of a schedule in a span, oldest first."""
    return list(schedule.list_due(created, after, until))[::-1]


@cache
def parse_schedule(expression: str) -> Schedule | None:
    """Parses an expression; None for one that the simulator stores and never fires (L, W and #).

    Raises ValueError for a cron expression that EventBridge refuses.
    """
    if rate := _RATE.match(expression):
        return Rate(max(int(rate[1]) * _PERIODS[rate[2]], SHORTEST_PERIOD))
    found = _CRON.match(expression)
    fields = found[1].upper().split() if found else []
    if len(fields) != 6:
        raise ValueError(f"{expression} has {len(fields)} fields, and not six in cron(...)")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"{expression} has to have ? as either day-of-month or day-of-week")
    if re.search(r"[LW#]", days) or re.search(r"[L#]", weekdays):
        return None
    return Cron(
        _parse_field(minutes, 0, 59),
        _parse_field(hours, 0, 23),
        _parse_field(days, 1, 31, any_="?"),
        _parse_field(months, 1, 12, _MONTHS),
        _parse_field(weekdays, 1, 7, _WEEKDAYS, any_="?"),
        _parse_field(years, 1970, 2199),
    )


def _parse_field(field: str, minimum: int, maximum: int, names: tuple[str, ...] = (), any_: str = "") -> frozenset[int]:
    """The allowed values of a field: values, ranges and steps, in a list."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*" or (any_ and span == any_):
            first, last = minimum, maximum
        else:
            begin, _, end = span.partition("-")
            first = _parse_number(begin, names, field)
            # 1/10 is every tenth value from the first.
            last = _parse_number(end, names, field) if end else (maximum if step else first)
        width = _parse_number(step, (), field) if step else 1
        if not (minimum <= first <= last <= maximum and width > 0):
            raise ValueError(f"{field} is not within {minimum} to {maximum}")
        found.update(range(first, last + 1, width))
    return frozenset(found)


def _parse_number(text: str, names: tuple[str, ...], field: str) -> int:
    if text in names:
        return names.index(text) + 1
    if not text.isdecimal():
        raise ValueError(f"{field} has {text!r}, which is no number")
    return int(text)
