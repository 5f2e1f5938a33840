"""The job's record of its own past: the hours read, the hours that failed, and the latest verdicts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from tidewatch.drift.job.capture_index import CapturedHour

SCHEMA_VERSION = 1
AwareDatetime: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
MIN_RETRY_WAIT, MAX_RETRY_WAIT = timedelta(minutes=50), timedelta(hours=12)
"""How long after a failed attempt an hour is retried. The time doubles with each attempt; the job runs once an hour."""
MAX_OBJECTS = 10
"""How many unreadable objects of an hour are named."""
UNFINISHED_REASON = "the run ended while it read this hour: it ran out of time or memory"


class ReadHour(msgspec.Struct, frozen=True):
    """An hour that was read, and the fingerprint of its files at that time."""

    hour: AwareDatetime
    variant: str
    configuration: str
    fingerprint: str


class FailedHour(msgspec.Struct, frozen=True, kw_only=True):
    """An hour that could not be read completely, with the fingerprint of its files."""

    hour: AwareDatetime
    variant: str
    configuration: str
    fingerprint: str
    attempts: int
    retry_at: AwareDatetime
    """When it is retried."""
    reason: str
    """Part of a sentence."""
    unreadable_objects: tuple[str, ...] = ()
    """The first of its unreadable objects."""


class StaleReport(msgspec.Struct, frozen=True, order=True):
    """A report that is older than the reading of an hour in its windows, and is to be renewed."""

    hour: AwareDatetime
    variant: str
    version: str
    configuration: str


class LatestVerdict(msgspec.Struct, frozen=True):
    """The result of a variant's newest report."""

    version: str
    hour: AwareDatetime
    verdict: str
    severity: str


class JobIndex(msgspec.Struct, frozen=True):
    """The index as stored."""

    schema: int = SCHEMA_VERSION
    hours: tuple[ReadHour, ...] = ()
    latest_verdicts: dict[str, LatestVerdict] = {}
    failed_hours: tuple[FailedHour, ...] = ()
    stale_reports: tuple[StaleReport, ...] = ()

    def has_read(self, captured: CapturedHour) -> bool:
        """Whether this hour was read with its present files."""
        return any(_is_same_hour(entry, captured) and entry.fingerprint == captured.fingerprint for entry in self.hours)

    def find_failure(self, captured: CapturedHour) -> FailedHour | None:
        """Returns the failed attempts to read this hour with its present files, or None."""
        found = (each for each in self.failed_hours if _is_same_hour(each, captured))
        return next((each for each in found if each.fingerprint == captured.fingerprint), None)

    def list_lost_objects(self, variant: str, hour: datetime) -> tuple[str, ...]:
        """Returns the objects of a variant's hour that could not be read, as far as they are named."""
        return tuple(
            name
            for each in self.failed_hours
            if (each.variant, each.hour) == (variant, hour)
            for name in each.unreadable_objects
        )

    def with_attempt(
        self, captured: CapturedHour, attempts: int, now: datetime, reason: str, objects: tuple[str, ...] = ()
    ) -> JobIndex:
        """Returns the index with this hour as failed, with that number of attempts."""
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
        """Returns the index with this hour as read."""
        entry = ReadHour(captured.hour, captured.variant, captured.configuration, captured.fingerprint)
        other_hours = (each for each in self.hours if not _is_same_hour(each, captured))
        return msgspec.structs.replace(self.without_attempt(captured), hours=_sort_hours((*other_hours, entry)))

    def prune(self, oldest: datetime, first: datetime) -> JobIndex:
        """Returns the index without hours before `oldest` and without failures before `first`, which no run needs."""
        return msgspec.structs.replace(
            self,
            hours=tuple(each for each in self.hours if each.hour >= oldest),
            failed_hours=tuple(each for each in self.failed_hours if each.hour >= first),
            stale_reports=tuple(each for each in self.stale_reports if each.hour >= first),
        )

    def without_hour(self, hour: datetime, variant: str, configuration: str) -> JobIndex:
        """Returns the index with this hour as unread, so that the next run reads it again."""
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
