"""Adds hourly profiles up to windows, and derives a severity from the windows' verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidewatch.drift.profile import Profile, sum_profiles
from tidewatch.drift.reference import Reference
from tidewatch.drift.statistics.verdict import (
    VERDICT_RANK,
    FeatureVerdict,
    ModelVerdict,
    Thresholds,
    Verdict,
)

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
SUSTAINED_HOURS = 3
"""In how many consecutive hours with a verdict a feature must drift to count without the three-day window."""
RECENT_HOURS = 24
"""The hours in which these are searched: an endpoint with little traffic has hours without a verdict in between."""


class WindowLength(StrEnum):
    """The length of a window."""

    HOUR = "hour"
    DAY = "day"
    THREE_DAYS = "three days"

    @property
    def hours(self) -> int:
        return {WindowLength.HOUR: 1, WindowLength.DAY: 24, WindowLength.THREE_DAYS: 72}[self]


class DriftSeverity(StrEnum):
    """How urgent a verdict is, from nothing to a page."""

    NONE = "none"
    INFORM = "inform"
    TICKET = "ticket"
    PAGE = "page"


@dataclass(frozen=True)
class Window:
    """The hours of a window, added up."""

    length: WindowLength
    start: datetime
    end: datetime
    """Exclusive."""
    profile: Profile
    missing_hours: tuple[datetime, ...]
    """The hours of the window without a profile, in order."""


def build_window(
    reference: Reference, hourly: Mapping[datetime, Profile], last: datetime, length: WindowLength
) -> Window:
    """Returns the window of the given length whose last hour begins at `last`.

    `hourly` are profiles against `reference` by the start of their hour, as aware datetimes; those outside the window
    are ignored. Without any, its profile is empty. Raises ValueError if `last` is not the start of an hour, and
    InvalidProfile if a profile is against another reference.
    """
    if last.tzinfo is None or last.replace(minute=0, second=0, microsecond=0) != last:
        raise ValueError(f"{last} is not the start of an hour: give one with a time zone.")
    hours = [last - HOUR * back for back in reversed(range(length.hours))]
    profile = sum_profiles(reference, (hourly[hour] for hour in hours if hour in hourly))
    return Window(length, hours[0], last + HOUR, profile, tuple(hour for hour in hours if hour not in hourly))


def build_week_before(
    reference: Reference, hourly: Mapping[datetime, Profile], last: datetime, length: WindowLength
) -> Window:
    """Returns the same window a week earlier, for comparison, because traffic has a weekly rhythm."""
    return build_window(reference, hourly, last - WEEK, length)


def assess_severity(
    three_days: ModelVerdict, hours: Sequence[ModelVerdict], thresholds: Thresholds | None = None
) -> DriftSeverity:
    """Returns how urgent a model's drift is, by the share of its judged features whose drift is sustained.

    `three_days` is the verdict on the three-day window, and `hours` are those on hourly windows, oldest first, of which
    the last 24 count. A feature's drift is sustained if its verdict is `drift` or worse in the three-day window, or in
    each of its last 3 hours with a verdict. A feature is judged if any of these windows gave it a verdict other than
    `insufficient data`. One feature alone informs, whatever its share. Unreadable records, over three days or the last
    3 hours with any, are at least a ticket, because no feature has a verdict then.
    """
    limits = thresholds or Thresholds()
    recent = hours[-RECENT_HOURS:]
    judged_count = sum(
        bool(_list_verdicts(feature, recent)) or feature.verdict is not Verdict.INSUFFICIENT
        for feature in three_days.features
    )
    by_share = _classify_share(len(find_sustained_drift(three_days, hours)), judged_count, limits)
    verdicts = [hour.verdict for hour in recent if hour.verdict is not Verdict.INSUFFICIENT]
    if by_share in (DriftSeverity.NONE, DriftSeverity.INFORM) and _is_sustained(
        three_days.verdict, verdicts, Verdict.INVALID
    ):
        return DriftSeverity.TICKET
    return by_share


def find_sustained_drift(three_days: ModelVerdict, hours: Sequence[ModelVerdict]) -> tuple[str, ...]:
    """Returns the features whose drift is sustained, as defined in `assess_severity`."""
    recent = hours[-RECENT_HOURS:]
    return tuple(
        feature.name
        for feature in three_days.features
        if _is_sustained(feature.verdict, _list_verdicts(feature, recent), Verdict.DRIFT)
    )


def _list_verdicts(feature: FeatureVerdict, hours: Sequence[ModelVerdict]) -> list[Verdict]:
    return [verdict for hour in hours if (verdict := _find_verdict(hour, feature.name)) is not Verdict.INSUFFICIENT]


def _find_verdict(verdict: ModelVerdict, name: str) -> Verdict:
    found: FeatureVerdict | None = next((each for each in verdict.features if each.name == name), None)
    return Verdict.INSUFFICIENT if found is None else found.verdict


def _is_sustained(long_verdict: Verdict, recent_verdicts: Sequence[Verdict], threshold: Verdict) -> bool:
    latest_verdicts = recent_verdicts[-SUSTAINED_HOURS:]
    return VERDICT_RANK[long_verdict] >= VERDICT_RANK[threshold] or (
        len(latest_verdicts) == SUSTAINED_HOURS
        and all(VERDICT_RANK[verdict] >= VERDICT_RANK[threshold] for verdict in latest_verdicts)
    )


def _classify_share(sustained_count: int, judged_count: int, limits: Thresholds) -> DriftSeverity:
    if not sustained_count:
        return DriftSeverity.NONE
    share = sustained_count / judged_count
    if sustained_count == 1 or share < limits.ticket_share:
        return DriftSeverity.INFORM
    return DriftSeverity.PAGE if share >= limits.page_share else DriftSeverity.TICKET
