"""One run of the drift job: turns captured records into profiles, and profiles into reports, hour by hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tidewatch.aws.errors import summarize_error
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.source import open_object
from tidewatch.clock import Clock
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.errors import InvalidReference
from tidewatch.drift.job.archive import Archive
from tidewatch.drift.job.capture_index import CapturedHour, CaptureFolder
from tidewatch.drift.job.job_index import MAX_RETRY_WAIT, StaleReport
from tidewatch.drift.job.journal import JobJournal
from tidewatch.drift.job.models import DriftClients, DriftConfig, DriftResources, JobResult, VariantHour
from tidewatch.drift.job.reporter import Reporter
from tidewatch.drift.job.version_references import VersionReferences
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.statistics.verdict import Verdict
from tidewatch.drift.statistics.windows import HOUR, DriftSeverity
from tidewatch.registry import ModelRegistry
from tidewatch.text import sanitize

DEADLINE_MARGIN = timedelta(seconds=30)
"""No further hour is begun when less time than this is left."""
TOO_SLOW_REASON = "it takes longer than a run may spend on one hour; docs/spark.md shows how to count it elsewhere"


class _OutOfTime(Exception):
    """An hour takes longer than it may."""


class DriftRun:
    """One run: the hours that are due, each with its counts, its report and its metrics.

    It is used once. What fails becomes an entry of the journal and a sentence in `problems`, and affects only its hour.
    """

    def __init__(
        self,
        clients: DriftClients,
        resources: DriftResources,
        config: DriftConfig,
        clock: Clock,
        *,
        now: datetime,
        deadline: datetime | None,
        on_hour: Callable[[VariantHour], object],
        problems: list[str],
    ) -> None:
        s3 = clients.s3
        self._s3, self._config, self._clock = s3, config, clock
        self._now, self._on_hour, self._problems = now, on_hour, problems
        self._soft_deadline = None if deadline is None else deadline - DEADLINE_MARGIN
        self._folder = CaptureFolder(
            s3, resources.capture_bucket, resources.capture_prefix, resources.endpoint, resources.monitoring_bucket
        )
        self._archive = Archive(s3, resources.monitoring_bucket)
        self._journal = JobJournal(self._archive, now, problems)
        self._reporter = Reporter(
            self._archive,
            self._journal,
            clients.events,
            config.thresholds,
            resources.stack_key,
            resources.model,
            resources.endpoint,
            problems,
        )
        registry = ModelRegistry(s3, resources.registry_bucket, resources.model)
        self._references = VersionReferences(registry, resources.model, problems)
        self._newest_hour = now
        self._served_versions: frozenset[str] = frozenset()
        self._read_hours: list[VariantHour] = []

    def read(self, only_hour: datetime | None) -> JobResult:
        """Reads the hours that are due, newest first, then those that failed before."""
        last = _floor_to_hour(self._now - timedelta(minutes=self._config.lag_minutes)) - HOUR
        first = last - HOUR * (self._config.look_back_hours - 1)
        self._journal.open(first, last)
        if only_hour is not None:
            first = last = _floor_to_hour(only_hour)
        self._newest_hour = last
        captured = self._folder.list_hours(first, last)
        self._served_versions = frozenset(each.version for each in captured.hours if each.hour > last - MAX_RETRY_WAIT)
        self._problems += (*captured.unknown_versions, *captured.failures)
        due = list(captured.hours) if only_hour is not None else self._journal.list_due(captured.hours)
        remaining = len(due)
        for each in due:
            if self._is_late():
                break
            self._try_hour(each)
            remaining -= 1
        self._renew_stale_reports()
        self._journal.save()
        failing = self._journal.failing_count + len(captured.failures)
        return JobResult(tuple(self._read_hours), False, remaining, failing, tuple(self._problems))

    def _is_late(self) -> bool:
        """Whether no further hour may be begun."""
        return self._soft_deadline is not None and self._clock.now() >= self._soft_deadline

    def _compute_deadline(self, captured: CapturedHour) -> datetime | None:
        """Returns when to stop reading an hour.

        It gets half of the time left, so that one hour cannot use all; after a failure it gets all.
        """
        now = self._clock.now()
        if self._soft_deadline is None or self._journal.has_failed(captured):
            return self._soft_deadline
        return now + (self._soft_deadline - now) / 2

    def _try_hour(self, captured: CapturedHour) -> None:
        """Reads an hour. An error affects only this hour."""
        if self._references.is_known_missing(captured.version):
            self._report_unmonitored(captured)
            return
        until = self._compute_deadline(captured)
        self._journal.begin(captured)
        try:
            self._read_hour(captured, until)
        except Exception as error:
            reason = TOO_SLOW_REASON if isinstance(error, _OutOfTime) else summarize_error(error)
            if isinstance(error, InvalidReference) and captured.version not in self._served_versions:
                # Versions never change, so nobody can repair this one, and its alarm would hide the next one.
                self._journal.dismiss(captured)
            else:
                self._journal.fail(captured, reason)
            self._problems.append(f"{captured.description} could not be read: {reason}. The next run tries again.")

    def _read_hour(self, captured: CapturedHour, until: datetime | None) -> None:
        """Counts an hour, saves its profile and its report, and marks it as read.

        An hour whose version has no reference is dismissed. Raises whatever keeps the hour from being read.
        """
        reference = self._require_reference(captured)
        if reference is None:
            self._journal.dismiss(captured)
            self._report_unmonitored(captured)
            return
        profile, lost_objects = self._count_hour(captured, reference, until)
        self._archive.save_profile(captured, profile)
        if lost_objects:
            self._journal.fail(captured, next(iter(lost_objects.values())), lost_objects)
            self._problems += (
                f"{name} could not be read: {reason}. The next run tries again."
                for name, reason in lost_objects.items()
            )
        target = StaleReport(captured.hour, captured.variant, captured.version, captured.configuration)
        found, page = self._reporter.report(target, reference)
        self._journal.mark_renewed(target)
        self._journal.mark_stale(self._reporter.find_outdated_reports(target))
        if not lost_objects:
            # Marked last: an hour that fails or dies before this is read again.
            self._journal.mark_read(captured)
        self._report_hour(
            VariantHour(
                captured.variant, captured.version, captured.hour, str(found.verdict), str(found.severity),
                found.checked_features, found.drifting_features, found.max_psi,
                profile.accounting.read, profile.accounting.rejected_total, profile.rows,
                found.verdict is Verdict.INSUFFICIENT, page, len(lost_objects),
            )
        )  # fmt: skip

    def _count_hour(
        self, captured: CapturedHour, reference: Reference, until: datetime | None
    ) -> tuple[Profile, dict[str, str]]:
        """Returns the hour's counts, and the objects that are not counted to their end, each with the reason.

        Raises the last object's error if none could be read, and _OutOfTime.
        """
        counter = create_counter(reference)
        lost_objects: dict[str, str] = {}
        failed: Exception | None = None
        for key in captured.keys:
            name = f"s3://{self._folder.bucket}/{key}"
            try:
                for block in read_blocks(open_object(self._s3, self._folder.bucket, key)):
                    counter.count(block, name)
                    self._require_time_left(until)
            except _OutOfTime:
                raise
            except Exception as error:
                lost_objects[sanitize(name)], failed = summarize_error(error), error
        profile = counter.profile()
        if failed is not None and not profile.accounting.read:
            raise failed
        return profile, lost_objects

    def _require_time_left(self, until: datetime | None) -> None:
        """Raises _OutOfTime after `until`."""
        if until is not None and self._clock.now() >= until:
            raise _OutOfTime

    def _renew_stale_reports(self) -> None:
        """Renews the reports whose windows contain an hour that was read after them."""
        for target in self._journal.stale_reports:
            if self._is_late():
                return
            try:
                reference = self._references.get(target.version)
                if reference is not None:
                    self._reporter.report(target, reference)
                self._journal.mark_renewed(target)
            except Exception as error:
                report_name = f"The report of {target.variant}, {target.hour:%Y-%m-%d %H:%M} UTC"
                self._problems.append(
                    f"{report_name}, could not be written again: {summarize_error(error)}. The next run tries again."
                )

    def _require_reference(self, captured: CapturedHour) -> Reference | None:
        """Returns the reference of the hour's version, or None if the version has none and cannot be monitored.

        If the reference is invalid, it reports the hour as unmonitored and raises the error.
        """
        try:
            return self._references.get(captured.version)
        except Exception:
            self._report_unmonitored(captured)
            raise

    def _report_unmonitored(self, captured: CapturedHour) -> None:
        """Emits an insufficient verdict for the newest hour, whose records nobody monitors, so that alarms notice."""
        if captured.hour != self._newest_hour:
            return
        self._report_hour(
            VariantHour(
                captured.variant, captured.version, captured.hour, str(Verdict.INSUFFICIENT), str(DriftSeverity.NONE),
                0, 0, 0.0, 0, 0, 0, True, "",
            )
        )  # fmt: skip

    def _report_hour(self, hour: VariantHour) -> None:
        """Adds an hour to the result, and passes it on at once, since the run may be stopped."""
        self._read_hours.append(hour)
        self._on_hour(hour)


def _floor_to_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
