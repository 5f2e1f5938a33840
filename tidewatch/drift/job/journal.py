"""The job's memory while it runs: written before an hour is read, so that a run that dies there says which one it was.

A function that runs out of time or memory cannot say so afterwards. What is begun counts as failed until it has ended.
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
    """The index as it changes. An index that cannot be read or written stops no hour: the next run reads it again."""

    def __init__(self, archive: Archive, now: datetime, problems: list[str]) -> None:
        self._archive, self._now, self._problems = archive, now, problems
        self._index, self._readable = JobIndex(), True

    def open(self, first: datetime, last: datetime) -> None:
        """Reads what earlier runs wrote, and forgets what no run looks for; hours are due from `first` to `last`."""
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
        """The hours to read now, newest first; those that failed before come last, and only after their wait."""
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
        """The attempt that was begun has failed, for this reason or on these objects."""
        self._record_attempt(captured, 0, reason, objects)

    def _record_attempt(self, captured: CapturedHour, more: int, reason: str, objects: Iterable[str] = ()) -> None:
        before = self._index.find_failure(captured)
        attempts = more + (before.attempts if before else 0)
        self._index = self._index.with_attempt(captured, attempts, self._now, reason, tuple(objects))

    def mark_read(self, captured: CapturedHour) -> None:
        """The hour was read whole."""
        self._index = self._index.with_hour(captured)

    def dismiss(self, captured: CapturedHour) -> None:
        """There was nothing to read the hour for."""
        self._index = self._index.without_attempt(captured)

    def mark_unread(self, stored: StoredProfile) -> None:
        """The hour's profile cannot be used: the next run is to read it again."""
        self._index = self._index.without_hour(stored.hour, stored.variant, stored.configuration)

    @property
    def failing_count(self) -> int:
        """Hours that were tried and not read whole."""
        return len(self._index.failed_hours)

    def list_lost_objects(self, variant: str, hour: datetime) -> tuple[str, ...]:
        return self._index.list_lost_objects(variant, hour)

    def find_latest(self, variant: str) -> LatestVerdict | None:
        return self._index.latest_verdicts.get(variant)

    def record_latest(self, variant: str, latest: LatestVerdict) -> None:
        """What was told of a variant last."""
        self._index = self._index.with_latest(variant, latest)

    @property
    def stale_reports(self) -> list[StaleReport]:
        """Reports to be made anew, newest first."""
        return sorted(self._index.stale_reports, reverse=True)

    def mark_stale(self, reports: Iterable[StaleReport]) -> None:
        self._index = self._index.with_stale({*self._index.stale_reports, *reports})

    def mark_renewed(self, report: StaleReport) -> None:
        """This report was made anew."""
        self._index = self._index.with_stale({*self._index.stale_reports} - {report})

    def save(self) -> None:
        """Writes it for the next run, unless that would replace one that could not be read."""
        if not self._readable:
            return
        try:
            self._archive.save_index(self._index)
        except Exception as error:
            problem = f"The index of hours could not be written ({summarize_error(error)}): these hours are read again."
            if problem not in self._problems:
                self._problems.append(problem)
