"""The results of a game day: its measurements over time, its marks, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

MINUTE = 60.0
DAY = 86400.0


@dataclass(frozen=True)
class VariantSeries:
    """Datapoints of one variant."""

    variant: str
    times: tuple[float, ...]
    """Seconds from the start, ascending; the beginning of each datapoint."""
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values):
            raise ValueError(
                f"the series of variant {self.variant} has {len(self.times)} times for {len(self.values)} values; "
                "give each value its time"
            )

    @property
    def period(self) -> float:
        """Seconds that a datapoint covers: the shortest distance between two; a minute if there are fewer than two."""
        return min((b - a for a, b in zip(self.times, self.times[1:], strict=False) if b > a), default=MINUTE)


@dataclass(frozen=True)
class AlarmSpan:
    """The time that an alarm spent in one state."""

    label: str
    state: Literal["ALARM", "INSUFFICIENT_DATA"]
    start_s: float
    end_s: float | None
    """None if the state lasted beyond the timeline."""
    kind: Literal["metric", "composite", "guardrail"]
    description: str = ""
    """The meaning of the alarm, as a sentence."""
    recipients: str = ""
    """The recipients of its notification, or why there were none."""


@dataclass(frozen=True)
class Mark:
    """A labelled moment of a timeline."""

    at_s: float
    label: str
    kind: Literal[
        "fault", "degraded", "alarm", "requested", "accepted", "flipped", "page", "recovered", "deploy", "note"
    ]


@dataclass(frozen=True)
class Timeline:
    """The measurements of a scenario; seconds count from `starts_at`."""

    title: str
    starts_at: datetime
    length_s: float
    requests: tuple[VariantSeries, ...]
    """A minute."""
    error_share: tuple[VariantSeries, ...]
    """0 to 1."""
    latency_ms: tuple[VariantSeries, ...]
    """Of the percentile that the alarms read; may be empty."""
    shares: tuple[VariantSeries, ...]
    """The live share of the traffic, 0 to 1; each value holds until the next."""
    alarms: tuple[AlarmSpan, ...]
    marks: tuple[Mark, ...]

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None:
            raise ValueError(f"the timeline {self.title} starts at a time without a zone; give it one")

    @property
    def variants(self) -> tuple[str, ...]:
        """Every variant of the series, in the order of first appearance."""
        all_series = (*self.shares, *self.requests, *self.error_share, *self.latency_ms)
        return tuple(dict.fromkeys(each.variant for each in all_series))

    @property
    def sorted_marks(self) -> tuple[Mark, ...]:
        """The marks by time, those of the same moment in the given order; a mark's number is its index from 1."""
        return tuple(sorted(self.marks, key=lambda mark: mark.at_s))

    @property
    def first_bad_mark(self) -> Mark | None:
        """The first bad datapoint, or the first fault if no datapoint was bad."""
        kinds = {mark.kind: mark for mark in reversed(self.sorted_marks)}
        return kinds.get("degraded", kinds.get("fault"))

    @property
    def exposure(self) -> tuple[float, float] | None:
        """From the first bad datapoint until the traffic recovered or was flipped, or to the end of the timeline."""
        if self.first_bad_mark is None:
            return None
        start = self.first_bad_mark.at_s
        after = {mark.kind: mark.at_s for mark in reversed(self.sorted_marks) if mark.at_s >= start}
        return start, after.get("recovered", after.get("flipped", self.length_s))

    def to_datetime(self, at_s: float) -> datetime:
        """The moment in UTC."""
        return self.starts_at.astimezone(UTC) + timedelta(seconds=at_s)

    def format_time(self, at_s: float) -> str:
        """The time of a moment, after its day if the timeline has more than one."""
        moment = self.to_datetime(at_s)
        return f"{moment:%H:%M:%S}" if self.length_s <= DAY else f"{moment:%b} {moment.day} {moment:%H:%M:%S}"


@dataclass(frozen=True)
class GameDayOutcome:
    """A scenario's verdict.

    The times are seconds from the first bad datapoint; None for an event that did not occur.
    """

    scenario: str
    requirement: str
    """The required behaviour, as a sentence."""
    expected_result: str
    """The result that the scenario must have."""
    observed_result: str
    """The result that it had."""
    passed: bool
    detect_s: float | None
    decide_s: float | None
    flip_s: float | None
    recover_s: float | None
    platform_s: float | None
    """The platform's stated seconds within the time to the flip."""
    own_s: float | None
    """The seconds that our own code worked for the flip."""
    timeline: Timeline
