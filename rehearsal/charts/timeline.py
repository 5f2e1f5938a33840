"""What a game day leaves behind: its measurements over time, its moments, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

MINUTE = 60.0
DAY = 86400.0


@dataclass(frozen=True)
class VariantSeries:
    """Datapoints of one variant. times: seconds from the start, ascending, each where its datapoint begins."""

    variant: str
    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values):
            raise ValueError(
                f"the series of variant {self.variant} has {len(self.times)} times for {len(self.values)} values; "
                "give each value its time"
            )

    @property
    def period(self) -> float:
        """Seconds that a datapoint covers: the shortest distance of two, a minute where there are not two."""
        return min((b - a for a, b in zip(self.times, self.times[1:], strict=False) if b > a), default=MINUTE)


@dataclass(frozen=True)
class AlarmSpan:
    """An alarm's stay in one state; an end of None is one that the timeline did not see.

    description: what it means, a sentence. recipients: who was notified, or why nobody.
    """

    label: str
    state: Literal["ALARM", "INSUFFICIENT_DATA"]
    start_s: float
    end_s: float | None
    kind: Literal["metric", "composite", "guardrail"]
    description: str = ""
    recipients: str = ""


@dataclass(frozen=True)
class Mark:
    """A moment that a timeline is read by."""

    at_s: float
    label: str
    kind: Literal[
        "fault", "degraded", "alarm", "requested", "accepted", "flipped", "page", "recovered", "deploy", "note"
    ]


@dataclass(frozen=True)
class Timeline:
    """What was measured while a scenario ran; seconds count from starts_at.

    requests: a minute; error_share: 0 to 1; latency_ms: of the percentile that the alarms read, may be empty.
    shares: the live share of the traffic, 0 to 1, each value holding until the next.
    """

    title: str
    starts_at: datetime
    length_s: float
    requests: tuple[VariantSeries, ...]
    error_share: tuple[VariantSeries, ...]
    latency_ms: tuple[VariantSeries, ...]
    shares: tuple[VariantSeries, ...]
    alarms: tuple[AlarmSpan, ...]
    marks: tuple[Mark, ...]

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None:
            raise ValueError(f"the timeline {self.title} starts at a time without a zone; give it one")

    @property
    def variants(self) -> tuple[str, ...]:
        """Every variant of the series, in the order in which they first stand there."""
        all_series = (*self.shares, *self.requests, *self.error_share, *self.latency_ms)
        return tuple(dict.fromkeys(each.variant for each in all_series))

    @property
    def sorted_marks(self) -> tuple[Mark, ...]:
        """The marks by their time, those of one moment as they were given; a mark's number is its place, from 1."""
        return tuple(sorted(self.marks, key=lambda mark: mark.at_s))

    @property
    def first_bad_mark(self) -> Mark | None:
        """The first bad datapoint, or the first fault where none was bad."""
        kinds = {mark.kind: mark for mark in reversed(self.sorted_marks)}
        return kinds.get("degraded", kinds.get("fault"))

    @property
    def exposure(self) -> tuple[float, float] | None:
        """From the first bad datapoint until the traffic recovered, or was flipped, or to the end of the timeline."""
        if self.first_bad_mark is None:
            return None
        start = self.first_bad_mark.at_s
        after = {mark.kind: mark.at_s for mark in reversed(self.sorted_marks) if mark.at_s >= start}
        return start, after.get("recovered", after.get("flipped", self.length_s))

    def to_datetime(self, at_s: float) -> datetime:
        """In UTC."""
        return self.starts_at.astimezone(UTC) + timedelta(seconds=at_s)

    def format_time(self, at_s: float) -> str:
        """A moment as it is read: the time, and before it the day where the timeline has more than one."""
        moment = self.to_datetime(at_s)
        return f"{moment:%H:%M:%S}" if self.length_s <= DAY else f"{moment:%b} {moment.day} {moment:%H:%M:%S}"


@dataclass(frozen=True)
class GameDayOutcome:
    """A scenario's verdict.

    requirement: what must happen, a sentence. expected_result, observed_result: the end it must have, and had.
    detect_s, decide_s, flip_s, recover_s: seconds from the first bad datapoint; None for what did not happen.
    platform_s: of the time to the flip, what AWS is stated to take. own_s: what our own code worked for it.
    """

    scenario: str
    requirement: str
    expected_result: str
    observed_result: str
    passed: bool
    detect_s: float | None
    decide_s: float | None
    flip_s: float | None
    recover_s: float | None
    platform_s: float | None
    own_s: float | None
    timeline: Timeline
