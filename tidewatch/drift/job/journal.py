"""The job's record of the hours it reads, saved before each hour so that a run that dies leaves the hour's name.

A function that runs out of time or memory cannot record that afterwards. So an hour counts as failed from its beginning
until it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidewatch.aws.errors import summarize_error
from tidewatch.drift.job.archive import Archive, StoredProfile
from tidewatch.drift.job.capture_index import CapturedHour
from tidewatch.drift.job.job_index import UNFINISHED_REASON, JobIndex, LatestVerdict, StaleReport
from tidewatch.drift.statistics.windows import HOUR


class JobJournal:
    """The index during a run. If it cannot be read or written, hours are still read; the next run reads them again."""

    def __init__(self, archive: Archive, now: datetime, problems: list[str]) -> None:
        self._archive, self._now, self._problems = archive, now, problems
        self._index, self._readable = JobIndex(), True

    def open(self, first: datetime, last: datetime) -> None:
        """Reads the index of earlier runs and drops what no run needs. Hours from `first` to `last` are due."""
        try:
            self._index = self._archive.read_index()
        except Exception as error:
            self._readable = False
            self._problems.append(
                f"The index of hours could not be read ({summarize_error(error)}): every hour is read again."
            )
        reach = last - first + HOUR
        self._index = self._index.prune(first - reach, first)

    def list_due(self, captured: Iterable[CapturedHour]) -> list[CapturedHour]:
        """Returns the hours to read now, newest first. Hours that failed before come last, once their wait is over."""
        unread = [each for each in captured if not self._index.has_read(each)]
        unread.sort(key=lambda each: (each.variant, each.configuration))
        unread.sort(key=lambda each: each.hour, reverse=True)
        again = [(each, failed) for each in unread if (failed := self._index.find_failure(each)) is not None]
        fresh = [each for each in unread if self._index.find_failure(each) is None]
        return [*fresh, *(each for each, failed in again if failed.retry_at <= self._now)]

    def has_failed(self, captured: CapturedHour) -> bool:
        """Whether an attempt to read the hour has failed."""
        return self._index.find_failure(captured) is not None

    def begin(self, captured: CapturedHour) -> None:
        self._record_attempt(captured, 1, UNFINISHED_REASON)
        self.save()

    def fail(self, captured: CapturedHour, reason: str, objects: Iterable[str] = ()) -> None:
        """Records why the attempt failed, and the objects that could not be read."""
        self._record_attempt(captured, 0, reason, objects)

    def _record_attempt(self, captured: CapturedHour, more: int, reason: str, objects: Iterable[str] = ()) -> None:
        before = self._index.find_failure(captured)
        attempts = more + (before.attempts if before else 0)
        self._index = self._index.with_attempt(captured, attempts, self._now, reason, tuple(objects))

    def mark_read(self, captured: CapturedHour) -> None:
        """Records that the hour was read completely."""
        self._index = self._index.with_hour(captured)

    def dismiss(self, captured: CapturedHour) -> None:
        """Drops the attempt: the hour cannot be monitored."""
        self._index = self._index.without_attempt(captured)

    def mark_unread(self, stored: StoredProfile) -> None:
        """Marks the hour for the next run because its profile cannot be used."""
        self._index = self._index.without_hour(stored.hour, stored.variant, stored.configuration)

    @property
    def failing_count(self) -> int:
        """The number of hours that could not be read completely."""
        return len(self._index.failed_hours)

    def list_lost_objects(self, variant: str, hour: datetime) -> tuple[str, ...]:
        return self._index.list_lost_objects(variant, hour)

    def find_latest(self, variant: str) -> LatestVerdict | None:
        return self._index.latest_verdicts.get(variant)

    def record_latest(self, variant: str, latest: LatestVerdict) -> None:
        """Records the last published verdict of a variant."""
        self._index = self._index.with_latest(variant, latest)

    @property
    def stale_reports(self) -> list[StaleReport]:
        """The reports to renew, newest first."""
        return sorted(self._index.stale_reports, reverse=True)

    def mark_stale(self, reports: Iterable[StaleReport]) -> None:
        self._index = self._index.with_stale({*self._index.stale_reports, *reports})

    def mark_renewed(self, report: StaleReport) -> None:
        """Records that this report was renewed."""
        self._index = self._index.with_stale({*self._index.stale_reports} - {report})

    def save(self) -> None:
        """Writes the index for the next run, unless that would replace one that could not be read."""
        if not self._readable:
            return
        try:
            self._archive.save_index(self._index)
        except Exception as error:
            problem = f"The index of hours could not be written ({summarize_error(error)}): these hours are read again."
            if problem not in self._problems:
                self._problems.append(problem)
