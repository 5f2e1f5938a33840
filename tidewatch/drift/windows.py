"""From hourly profiles to windows, and from the windows' verdicts to how urgent they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidewatch.drift.profile import Profile, total
from tidewatch.drift.reference import Reference
from tidewatch.drift.verdict import WORSE, FeatureVerdict, ModelVerdict, Thresholds, Verdict

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
CONSECUTIVE = 3
"""Hours with a verdict that a feature must drift in, one after another, to count without the 3-day window."""
RECENT = 24
"""Hours among which they are looked for: an endpoint with little traffic has hours without a verdict between."""


class Span(StrEnum):
    """How long a window is."""

    HOUR = "hour"
    DAY = "day"
    THREE_DAYS = "three days"

    @property
    def hours(self) -> int:
        return {Span.HOUR: 1, Span.DAY: 24, Span.THREE_DAYS: 72}[self]


class Severity(StrEnum):
    """What a verdict asks for, from nothing to waking somebody up."""

    NONE = "none"
    INFORM = "inform"
    TICKET = "ticket"
    PAGE = "page"


@dataclass(frozen=True)
class Window:
    """The hours of a span, added up.

    start, end: the end excluded. missing: the hours in it that have no profile, in their order.
    """

    span: Span
    start: datetime
    end: datetime
    profile: Profile
    missing: tuple[datetime, ...]


def window(reference: Reference, hourly: Mapping[datetime, Profile], last: datetime, span: Span) -> Window:
    """The window of a span whose last hour begins at `last`.

    hourly: profiles against `reference` by the beginning of their hour, aware datetimes; others than the window's are
    left alone. Without any, its profile is empty. Raises ValueError where `last` is not the beginning of an hour, and
    InvalidProfile where a profile is against another reference.
    """
    if last.tzinfo is None or last.replace(minute=0, second=0, microsecond=0) != last:
        raise ValueError(f"{last} does not tell an hour: give its beginning, with a time zone.")
    hours = [last - HOUR * back for back in reversed(range(span.hours))]
    held = total(reference, (hourly[hour] for hour in hours if hour in hourly))
    return Window(span, hours[0], last + HOUR, held, tuple(hour for hour in hours if hour not in hourly))


def week_before(reference: Reference, hourly: Mapping[datetime, Profile], last: datetime, span: Span) -> Window:
    """The same span of the same weekday a week earlier: what to set beside a window, as traffic has a weekly rhythm."""
    return window(reference, hourly, last - WEEK, span)


def severity(three_days: ModelVerdict, hours: Sequence[ModelVerdict], thresholds: Thresholds | None = None) -> Severity:
    """How urgent a model's drift is: by the share of its judged features whose drift is sustained.

    three_days: the verdict on the 3-day window; hours: those on its hourly windows, oldest first, of which the last 24
    count. A feature's drift is sustained if its verdict is `drift` or worse in the 3-day window, or in each of its last
    3 hours with a verdict. It is judged where any of these windows gave it a verdict other than `insufficient data`.
    One feature alone informs whatever its share. Records that cannot be read, over three days or the last 3 hours with
    any, are a ticket at least: no feature can tell then.
    """
    limits = thresholds or Thresholds()
    recent = hours[-RECENT:]
    judged = sum(
        bool(_past(feature, recent)) or feature.verdict is not Verdict.INSUFFICIENT for feature in three_days.features
    )
    by_share = _by_share(len(sustained(three_days, hours)), judged, limits)
    read = [hour.verdict for hour in recent if hour.verdict is not Verdict.INSUFFICIENT]
    if by_share in (Severity.NONE, Severity.INFORM) and _lasting(three_days.verdict, read, Verdict.INVALID):
        return Severity.TICKET
    return by_share


def sustained(three_days: ModelVerdict, hours: Sequence[ModelVerdict]) -> tuple[str, ...]:
    """The features whose drift is sustained, as `severity` has it."""
    recent = hours[-RECENT:]
    return tuple(
        feature.name
        for feature in three_days.features
        if _lasting(feature.verdict, _past(feature, recent), Verdict.DRIFT)
    )


def _past(feature: FeatureVerdict, hours: Sequence[ModelVerdict]) -> list[Verdict]:
    return [of for hour in hours if (of := _of(hour, feature.name)) is not Verdict.INSUFFICIENT]


def _of(verdict: ModelVerdict, name: str) -> Verdict:
    found: FeatureVerdict | None = next((each for each in verdict.features if each.name == name), None)
    return Verdict.INSUFFICIENT if found is None else found.verdict


def _lasting(long: Verdict, past: Sequence[Verdict], least: Verdict) -> bool:
    last = past[-CONSECUTIVE:]
    return WORSE[long] >= WORSE[least] or (
        len(last) == CONSECUTIVE and all(WORSE[verdict] >= WORSE[least] for verdict in last)
    )


def _by_share(lasting: int, judged: int, limits: Thresholds) -> Severity:
    if not lasting:
        return Severity.NONE
    share = lasting / judged
    if lasting == 1 or share < limits.ticket_share:
        return Severity.INFORM
    return Severity.PAGE if share >= limits.page_share else Severity.TICKET
