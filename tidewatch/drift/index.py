"""What the job knows of its own past: the hours it has read, those it could not read, and what it said last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from tidewatch.drift.captured import CapturedHour

SCHEMA = 1
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=50), timedelta(hours=12)
"""How long after a failed attempt an hour is tried again: twice as long after each; the job runs once an hour."""
MOST_OBJECTS = 10
"""Objects named of an hour that could not be read."""
UNFINISHED = "the run ended while this hour was read: out of time or of memory"


class Entry(msgspec.Struct, frozen=True):
    """An hour that was read, and the fingerprint of its files then."""

    hour: Moment
    variant: str
    configuration: str
    fingerprint: str


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """An hour that was tried and not read whole, by its files' fingerprint.

    again: when it is tried next. reason: a sentence's part. objects: what could not be read of it, the first ones.
    """

    hour: Moment
    variant: str
    configuration: str
    fingerprint: str
    attempts: int
    again: Moment
    reason: str
    objects: tuple[str, ...] = ()


class Stale(msgspec.Struct, frozen=True, order=True):
    """A report that was made before an hour in its windows was read, and is to be made anew."""

    hour: Moment
    variant: str
    version: str
    configuration: str


class Latest(msgspec.Struct, frozen=True):
    """What the newest report of a variant said."""

    version: str
    hour: Moment
    verdict: str
    severity: str


class Index(msgspec.Struct, frozen=True):
    """The stored form of all this."""

    schema: int = SCHEMA
    hours: tuple[Entry, ...] = ()
    latest: dict[str, Latest] = {}
    failing: tuple[Failing, ...] = ()
    stale: tuple[Stale, ...] = ()

    def read(self, captured: CapturedHour) -> bool:
        """Whether this hour was read with the files that it has now."""
        return any(_same(entry, captured) and entry.fingerprint == captured.fingerprint for entry in self.hours)

    def attempts(self, captured: CapturedHour) -> Failing | None:
        """What came of the attempts to read this hour with the files that it has now; None where there was none."""
        found = (each for each in self.failing if _same(each, captured))
        return next((each for each in found if each.fingerprint == captured.fingerprint), None)

    def lost(self, variant: str, hour: datetime) -> tuple[str, ...]:
        """The objects of a variant's hour that could not be read, as far as they are named."""
        return tuple(
            name for each in self.failing if (each.variant, each.hour) == (variant, hour) for name in each.objects
        )

    def with_attempt(
        self, captured: CapturedHour, attempts: int, now: datetime, reason: str, objects: tuple[str, ...] = ()
    ) -> Index:
        """The index with this hour as one that failed for so many times."""
        one = Failing(
            hour=captured.hour,
            variant=captured.variant,
            configuration=captured.configuration,
            fingerprint=captured.fingerprint,
            attempts=attempts,
            again=now + min(FIRST_WAIT * 2 ** min(attempts - 1, 10), LONGEST_WAIT),
            reason=reason,
            objects=objects[:MOST_OBJECTS],
        )
        return msgspec.structs.replace(self.without_attempt(captured), failing=_sorted((*self._others(captured), one)))

    def without_attempt(self, captured: CapturedHour) -> Index:
        return msgspec.structs.replace(self, failing=self._others(captured))

    def _others(self, captured: CapturedHour) -> tuple[Failing, ...]:
        return tuple(each for each in self.failing if not _same(each, captured))

    def with_hour(self, captured: CapturedHour) -> Index:
        """The index with this hour read."""
        entry = Entry(captured.hour, captured.variant, captured.configuration, captured.fingerprint)
        kept = (each for each in self.hours if not _same(each, captured))
        return msgspec.structs.replace(self.without_attempt(captured), hours=_sorted((*kept, entry)))

    def since(self, oldest: datetime, first: datetime) -> Index:
        """The index without the hours before `oldest`, and without what failed before `first`: no run looks for it."""
        return msgspec.structs.replace(
            self,
            hours=tuple(each for each in self.hours if each.hour >= oldest),
            failing=tuple(each for each in self.failing if each.hour >= first),
            stale=tuple(each for each in self.stale if each.hour >= first),
        )

    def without(self, hour: datetime, variant: str, configuration: str) -> Index:
        """The index with this hour unread, so that the next run reads it again."""
        gone = (hour, variant, configuration)
        kept = tuple(each for each in self.hours if (each.hour, each.variant, each.configuration) != gone)
        return msgspec.structs.replace(self, hours=kept)

    def with_latest(self, variant: str, latest: Latest) -> Index:
        return msgspec.structs.replace(self, latest=dict(sorted({**self.latest, variant: latest}.items())))

    def with_stale(self, found: set[Stale]) -> Index:
        return msgspec.structs.replace(self, stale=tuple(sorted(found)))


Dated = TypeVar("Dated", Entry, Failing)


def _same(entry: Entry | Failing, other: CapturedHour) -> bool:
    return (entry.hour, entry.variant, entry.configuration) == (other.hour, other.variant, other.configuration)


def _sorted(entries: tuple[Dated, ...]) -> tuple[Dated, ...]:
    return tuple(sorted(entries, key=lambda each: (each.hour, each.variant, each.configuration)))
