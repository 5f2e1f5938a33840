"""The job's memory while it runs: written before an hour is read, so that a run that dies there says which one it was.

A function that runs out of time or memory cannot say so afterwards. What is begun counts as failed until it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidewatch.drift.archive import Archive, KeptHour
from tidewatch.drift.captured import CapturedHour
from tidewatch.drift.index import UNFINISHED, Index, Latest, Stale
from tidewatch.drift.windows import HOUR
from tidewatch.items import described


class Journal:
    """The index as it changes. An index that cannot be read or written stops no hour: the next run reads it again."""

    def __init__(self, archive: Archive, now: datetime, problems: list[str]) -> None:
        self._archive, self._now, self._problems = archive, now, problems
        self._index, self._readable = Index(), True

    def open(self, first: datetime, last: datetime) -> None:
        """Reads what earlier runs wrote, and forgets what no run looks for; hours are due from `first` to `last`."""
        try:
            self._index = self._archive.index()
        except Exception as error:
            self._readable = False
            self._problems.append(
                f"The index of hours could not be read ({described(error)}): every hour is read again."
            )
        reach = last - first + HOUR
        self._index = self._index.since(first - reach, first)

    def due(self, captured: Iterable[CapturedHour]) -> list[CapturedHour]:
        """The hours to read now, newest first; those that failed before come last, and only after their wait."""
        unread = [each for each in captured if not self._index.read(each)]
        unread.sort(key=lambda each: (each.variant, each.configuration))
        unread.sort(key=lambda each: each.hour, reverse=True)
        again = [(each, failed) for each in unread if (failed := self._index.attempts(each)) is not None]
        fresh = [each for each in unread if self._index.attempts(each) is None]
        return [*fresh, *(each for each, failed in again if failed.again <= self._now)]

    def tried(self, captured: CapturedHour) -> bool:
        """Whether an attempt to read the hour has failed."""
        return self._index.attempts(captured) is not None

    def begin(self, captured: CapturedHour) -> None:
        self._fail(captured, 1, UNFINISHED)
        self.save()

    def fail(self, captured: CapturedHour, reason: str, objects: Iterable[str] = ()) -> None:
        """The attempt that was begun has failed, for this reason or on these objects."""
        self._fail(captured, 0, reason, objects)

    def _fail(self, captured: CapturedHour, more: int, reason: str, objects: Iterable[str] = ()) -> None:
        before = self._index.attempts(captured)
        attempts = more + (before.attempts if before else 0)
        self._index = self._index.with_attempt(captured, attempts, self._now, reason, tuple(objects))

    def read(self, captured: CapturedHour) -> None:
        """The hour was read whole."""
        self._index = self._index.with_hour(captured)

    def leave(self, captured: CapturedHour) -> None:
        """There was nothing to read the hour for."""
        self._index = self._index.without_attempt(captured)

    def unread(self, kept: KeptHour) -> None:
        """The hour's profile cannot be used: the next run is to read it again."""
        self._index = self._index.without(kept.hour, kept.variant, kept.configuration)

    @property
    def failing(self) -> int:
        """Hours that were tried and not read whole."""
        return len(self._index.failing)

    def lost(self, variant: str, hour: datetime) -> tuple[str, ...]:
        return self._index.lost(variant, hour)

    def latest(self, variant: str) -> Latest | None:
        return self._index.latest.get(variant)

    def say(self, variant: str, latest: Latest) -> None:
        """What was told of a variant last."""
        self._index = self._index.with_latest(variant, latest)

    @property
    def stale(self) -> list[Stale]:
        """Reports to be made anew, newest first."""
        return sorted(self._index.stale, reverse=True)

    def outdate(self, found: Iterable[Stale]) -> None:
        self._index = self._index.with_stale({*self._index.stale, *found})

    def renew(self, one: Stale) -> None:
        """This report was made anew."""
        self._index = self._index.with_stale({*self._index.stale} - {one})

    def save(self) -> None:
        """Writes it for the next run, unless that would replace one that could not be read."""
        if not self._readable:
            return
        try:
            self._archive.save(self._index)
        except Exception as error:
            told = f"The index of hours could not be written ({described(error)}): these hours are read again."
            if told not in self._problems:
                self._problems.append(told)
