"""The hourly job: turns captured records into profiles, and profiles into reports.

Running it again writes the same bytes: a profile depends only on the hour's capture files, and a report only on
profiles. Input from others is treated as hostile: a bad record, object, hour or variant does not affect the others. The
newest hour comes first. Failures are counted and retried at growing intervals.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidewatch.aws.errors import summarize_error
from tidewatch.aws.lease import Lease, LeaseTable
from tidewatch.capture.line_reader import read_blocks
from tidewatch.capture.source import open_object
from tidewatch.clock import Clock, get_clock
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.errors import InvalidReference
from tidewatch.drift.job.archive import Archive
from tidewatch.drift.job.capture_index import CapturedHour, CaptureFolder
from tidewatch.drift.job.job_index import MAX_RETRY_WAIT, StaleReport
from tidewatch.drift.job.journal import JobJournal
from tidewatch.drift.job.reporter import Reporter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference, decode_reference
from tidewatch.drift.statistics.verdict import Thresholds, Verdict
from tidewatch.drift.statistics.windows import HOUR, DriftSeverity
from tidewatch.drift.storage_layout import build_control_key
from tidewatch.registry import REFERENCE, ModelRegistry, VersionNotFound
from tidewatch.text import sanitize

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client

LOGGER = logging.getLogger(__name__)

LEASE_NAME = "drift"
LEASE_SECONDS = 900.0
"""As long as the function may run, so a run that died delays at most the next one."""
DEADLINE_MARGIN = timedelta(seconds=30)
"""No further hour is begun when less time than this is left."""


TOO_SLOW_REASON = "it takes longer than a run may spend on one hour; docs/spark.md shows how to count it elsewhere"


@dataclass(frozen=True)
class DriftResources:
    """The resources of one endpoint: capture, references, reports and leases."""

    stack_key: str
    """The key of its stack."""
    model: str
    endpoint: str
    """Its physical name."""
    capture_bucket: str
    capture_prefix: str
    monitoring_bucket: str
    registry_bucket: str
    control_table: str


@dataclass(frozen=True)
class DriftClients:
    """The boto3 clients of the job."""

    s3: S3Client
    dynamodb: DynamoDBClient
    events: EventBridgeClient


@dataclass(frozen=True)
class DriftConfig:
    """The job's settings from the config."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    lag_minutes: int = 20
    """How long after its end an hour is read, because files arrive late."""
    look_back_hours: int = 72
    """How far back hours are still read, or read again if their files changed."""


@dataclass(frozen=True)
class VariantHour:
    """An hour that was read, with the results of its report.

    Records and rows are the hour's, the rest is of three days.
    """

    variant: str
    version: str
    hour: datetime
    verdict: str
    severity: str
    features_checked: int
    features_drifting: int
    max_psi: float
    records_read: int
    records_rejected: int
    rows: int
    insufficient: bool
    report_url: str
    unreadable_objects: int = 0
    """The objects of the hour that were not counted, or not to their end."""


@dataclass(frozen=True)
class JobResult:
    """The result of a run."""

    hours: tuple[VariantHour, ...] = ()
    """The hours that were read, in that order."""
    skipped: bool = False
    """Whether another run held the lease."""
    remaining_count: int = 0
    """The number of hours left for the next run."""
    failing_count: int = 0
    """The number of hours and folders that could not be read completely, in this run or before, and will be retried."""
    problems: tuple[str, ...] = ()
    """Sentences about these, and about records that could not be checked at all."""


@dataclass(frozen=True)
class DriftJob:
    """Reads the hours that are due, one run at a time."""

    clients: DriftClients
    resources: DriftResources
    config: DriftConfig = field(default_factory=DriftConfig)
    clock: Clock = field(default_factory=get_clock)

    def run(
        self,
        now: datetime,
        deadline: datetime | None = None,
        only_hour: datetime | None = None,
        on_hour: Callable[[VariantHour], object] = lambda _: None,
    ) -> JobResult:
        """Reads every hour within reach that was never read or whose files changed.

        With `only_hour` it reads that hour in any case. After `deadline` the next run does the rest. `on_hour` is
        called with each hour once it is read. Errors of an hour's content, S3, the registry or EventBridge are not
        raised; they become problems of the result.
        """
        leases = LeaseTable(
            self.clients.dynamodb, self.resources.control_table, build_control_key(self.resources.stack_key), self.clock
        )
        problems: list[str] = []
        lease = self._acquire_lease(leases, problems)
        if lease is None and not problems:
            return JobResult(skipped=True)
        try:
            return _Run(self, now, deadline, on_hour, problems).read(only_hour)
        finally:
            if lease is not None:
                self._release_lease(leases, lease)

    def _acquire_lease(self, leases: LeaseTable, problems: list[str]) -> Lease | None:
        """Returns the lease, or None if another run holds it.

        If the table cannot be reached, the run goes on without a lease: two runs at once write the same bytes.
        """
        try:
            return leases.acquire(LEASE_NAME, LEASE_SECONDS)
        except Exception as error:
            problems.append(
                f"The lease could not be acquired ({summarize_error(error)}): another run may do the same work."
            )
            return None

    def _release_lease(self, leases: LeaseTable, lease: Lease) -> None:
        try:
            leases.release(LEASE_NAME, lease)
        except Exception as error:
            LOGGER.warning("The lease could not be released and expires by itself: %s", summarize_error(error))


class _OutOfTime(Exception):
    """An hour takes longer than it may."""


class _Run:
    def __init__(
        self,
        job: DriftJob,
        now: datetime,
        deadline: datetime | None,
        on_hour: Callable[[VariantHour], object],
        problems: list[str],
    ) -> None:
        self._resources, self._config, self._clients = job.resources, job.config, job.clients
        self._clock, self._now, self._on_hour, self._problems = job.clock, now, on_hour, problems
        self._soft_deadline = None if deadline is None else deadline - DEADLINE_MARGIN
        resources, s3 = job.resources, job.clients.s3
        self._folder = CaptureFolder(
            s3, resources.capture_bucket, resources.capture_prefix, resources.endpoint, resources.monitoring_bucket
        )
        self._archive = Archive(s3, resources.monitoring_bucket)
        self._journal = JobJournal(self._archive, now, problems)
        self._reporter = Reporter(
            self._archive,
            self._journal,
            job.clients.events,
            job.config.thresholds,
            resources.stack_key,
            resources.model,
            resources.endpoint,
            problems,
        )
        self._registry = ModelRegistry(s3, resources.registry_bucket, resources.model)
        self._references: dict[str, Reference | Exception | None] = {}
        self._newest_hour = self._now
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
        if captured.version in self._references and self._references[captured.version] is None:
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
                for block in read_blocks(open_object(self._clients.s3, self._folder.bucket, key)):
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
        if until is not None and self._clock.now() >= until:
            raise _OutOfTime

    def _renew_stale_reports(self) -> None:
        """Renews the reports whose windows contain an hour that was read after them."""
        for target in self._journal.stale_reports:
            if self._is_late():
                return
            try:
                reference = self._get_reference(target.version)
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
            return self._get_reference(captured.version)
        except Exception:
            self._report_unmonitored(captured)
            raise

    def _get_reference(self, version: str) -> Reference | None:
        if version not in self._references:
            self._references[version] = self._fetch_reference(version)
        found = self._references[version]
        if isinstance(found, Exception):
            raise found
        return found

    def _fetch_reference(self, version: str) -> Reference | Exception | None:
        message_prefix = f"The records of version {version} are not monitored:"
        try:
            raw = self._registry.read_file(version, REFERENCE)
            return decode_reference(raw, f"{REFERENCE} of {self._resources.model}/{version}")
        except VersionNotFound as error:
            self._problems.append(f"{message_prefix} {error}.")
            return None
        except Exception as error:
            self._problems.append(f"{message_prefix} {summarize_error(error)}.")
            return error

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
        self._read_hours.append(hour)
        self._on_hour(hour)


def _floor_to_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
