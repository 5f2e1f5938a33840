"""What the job knows of its own past: the hours it has read, those it could not read, and what it said last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from tidewatch.drift.job.capture_index import CapturedHour

SCHEMA_VERSION = 1
AwareDatetime: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
MIN_RETRY_WAIT, MAX_RETRY_WAIT = timedelta(minutes=50), timedelta(hours=12)
"""How long after a failed attempt an hour is tried again: twice as long after each; the job runs once an hour."""
MAX_OBJECTS = 10
"""Objects named of an hour that could not be read."""
UNFINISHED_REASON = "the run ended while this hour was read: out of time or of memory"


class ReadHour(msgspec.Struct, frozen=True):
    """An hour that was read, and the fingerprint of its files then."""

    hour: AwareDatetime
    variant: str
    configuration: str
    fingerprint: str


class FailedHour(msgspec.Struct, frozen=True, kw_only=True):
    """An hour that was tried and not read whole, by its files' fingerprint.

    retry_at: when it is tried next. reason: a sentence's part. unreadable_objects: what could not be read of it, the
    first ones.
    """

    hour: AwareDatetime
    variant: str
    configuration: str
    fingerprint: str
    attempts: int
    retry_at: AwareDatetime
    reason: str
    unreadable_objects: tuple[str, ...] = ()


class StaleReport(msgspec.Struct, frozen=True, order=True):
    """A report that was made before an hour in its windows was read, and is to be made anew."""

    hour: AwareDatetime
    variant: str
    version: str
    configuration: str


class LatestVerdict(msgspec.Struct, frozen=True):
    """What the newest report of a variant said."""

    version: str
    hour: AwareDatetime
    verdict: str
    severity: str


class JobIndex(msgspec.Struct, frozen=True):
    """The stored form of all this."""

    schema: int = SCHEMA_VERSION
    hours: tuple[ReadHour, ...] = ()
    latest_verdicts: dict[str, LatestVerdict] = {}
    failed_hours: tuple[FailedHour, ...] = ()
    stale_reports: tuple[StaleReport, ...] = ()

    def has_read(self, captured: CapturedHour) -> bool:
        """Whether this hour was read with the files that it has now."""
        return any(_is_same_hour(entry, captured) and entry.fingerprint == captured.fingerprint for entry in self.hours)

    def find_failure(self, captured: CapturedHour) -> FailedHour | None:
        """What came of the attempts to read this hour with the files that it has now; None where there was none."""
        found = (each for each in self.failed_hours if _is_same_hour(each, captured))
        return next((each for each in found if each.fingerprint == captured.fingerprint), None)

    def list_lost_objects(self, variant: str, hour: datetime) -> tuple[str, ...]:
        """The objects of a variant's hour that could not be read, as far as they are named."""
        return tuple(
            name
            for each in self.failed_hours
            if (each.variant, each.hour) == (variant, hour)
            for name in each.unreadable_objects
        )

    def with_attempt(
        self, captured: CapturedHour, attempts: int, now: datetime, reason: str, objects: tuple[str, ...] = ()
    ) -> JobIndex:
        """The index with this hour as one that failed for so many times."""
        failed_hour = FailedHour(
            hour=captured.hour,
            variant=captured.variant,
            configuration=captured.configuration,
            fingerprint=captured.fingerprint,
            attempts=attempts,
            retry_at=now + min(MIN_RETRY_WAIT * 2 ** min(attempts - 1, 10), MAX_RETRY_WAIT),
            reason=reason,
            unreadable_objects=objects[:MAX_OBJECTS],
        )
        return msgspec.structs.replace(
            self.without_attempt(captured),
            failed_hours=_sort_hours((*self._list_other_failures(captured), failed_hour)),
        )

    def without_attempt(self, captured: CapturedHour) -> JobIndex:
        return msgspec.structs.replace(self, failed_hours=self._list_other_failures(captured))

    def _list_other_failures(self, captured: CapturedHour) -> tuple[FailedHour, ...]:
        return tuple(each for each in self.failed_hours if not _is_same_hour(each, captured))

    def with_hour(self, captured: CapturedHour) -> JobIndex:
        """The index with this hour read."""
        entry = ReadHour(captured.hour, captured.variant, captured.configuration, captured.fingerprint)
        other_hours = (each for each in self.hours if not _is_same_hour(each, captured))
        return msgspec.structs.replace(self.without_attempt(captured), hours=_sort_hours((*other_hours, entry)))

    def prune(self, oldest: datetime, first: datetime) -> JobIndex:
        """The index without the hours before `oldest`, and without what failed before `first`: no run looks for it."""
        return msgspec.structs.replace(
            self,
            hours=tuple(each for each in self.hours if each.hour >= oldest),
            failed_hours=tuple(each for each in self.failed_hours if each.hour >= first),
            stale_reports=tuple(each for each in self.stale_reports if each.hour >= first),
        )

    def without_hour(self, hour: datetime, variant: str, configuration: str) -> JobIndex:
        """The index with this hour unread, so that the next run reads it again."""
        hour_id = (hour, variant, configuration)
        other_hours = tuple(each for each in self.hours if (each.hour, each.variant, each.configuration) != hour_id)
        return msgspec.structs.replace(self, hours=other_hours)

    def with_latest(self, variant: str, latest: LatestVerdict) -> JobIndex:
        return msgspec.structs.replace(
            self, latest_verdicts=dict(sorted({**self.latest_verdicts, variant: latest}.items()))
        )

    def with_stale(self, found: set[StaleReport]) -> JobIndex:
        return msgspec.structs.replace(self, stale_reports=tuple(sorted(found)))


HourEntry = TypeVar("HourEntry", ReadHour, FailedHour)


def _is_same_hour(entry: ReadHour | FailedHour, other: CapturedHour) -> bool:
    return (entry.hour, entry.variant, entry.configuration) == (other.hour, other.variant, other.configuration)


def _sort_hours(entries: tuple[HourEntry, ...]) -> tuple[HourEntry, ...]:
    return tuple(sorted(entries, key=lambda each: (each.hour, each.variant, each.configuration)))
