"""The hourly job: what the endpoint captured becomes profiles, and these become reports.

Run again, it writes the same bytes: an hour's profile depends on its capture files alone, a report on profiles alone.
What others send it is read as if they meant harm: a record, an object, an hour and a variant fail each alone. The
newest hour comes first; what failed is counted, and tried again later and later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidewatch.capture.lines import blocks
from tidewatch.capture.source import open_object
from tidewatch.clock import Clock, current
from tidewatch.drift.archive import Archive
from tidewatch.drift.captured import CapturedHour, CaptureFolder
from tidewatch.drift.counting import counter
from tidewatch.drift.errors import InvalidReference
from tidewatch.drift.index import LONGEST_WAIT, Stale
from tidewatch.drift.journal import Journal
from tidewatch.drift.layout import control_key
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference, decode
from tidewatch.drift.reporting import Reporter
from tidewatch.drift.verdict import Thresholds, Verdict
from tidewatch.drift.windows import HOUR, Severity
from tidewatch.items import described
from tidewatch.lease import Lease, LeaseTable
from tidewatch.registry import REFERENCE, Registry, VersionMissing
from tidewatch.text import logged, plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client

LEASE = "drift"
LEASE_SECONDS = 900.0
"""As long as a function may run: one that died holds up the next run at most."""
MARGIN = timedelta(seconds=30)
"""What is left of the time when no further hour is begun."""


TOO_SLOW = "it takes longer than a run may spend on one hour; docs/spark.md counts it elsewhere"


@dataclass(frozen=True)
class DriftPlace:
    """Where one endpoint's capture, references, reports and leases are. key: of its stack. endpoint: its physical
    name."""

    key: str
    model: str
    endpoint: str
    capture_bucket: str
    capture_prefix: str
    monitoring_bucket: str
    registry_bucket: str
    control: str


@dataclass(frozen=True)
class DriftClients:
    """The boto3 clients that the job talks through."""

    s3: S3Client
    dynamodb: DynamoDBClient
    events: EventBridgeClient


@dataclass(frozen=True)
class DriftPlan:
    """What the config decides. lag_minutes: how long after its end an hour is read, as files arrive late.
    look_back_hours: how far back an hour is still read, or read again where its files changed."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    lag_minutes: int = 20
    look_back_hours: int = 72


@dataclass(frozen=True)
class VariantHour:
    """An hour that was read, and what its report says; records are those of the hour, the rest is of three days.

    unreadable: objects of the hour that are not counted, or not to their end."""

    variant: str
    version: str
    hour: datetime
    verdict: str
    severity: str
    features_checked: int
    features_drifting: int
    max_psi: float
    read: int
    rejected: int
    rows: int
    insufficient: bool
    page: str
    unreadable: int = 0


@dataclass(frozen=True)
class JobResult:
    """What a run did.

    hours: those it read, in that order. skipped: another run was at it. remaining: hours left for the next run.
    failing: hours and folders that could not be read whole, in this run or an earlier one, and wait to be tried again.
    problems: sentences about them, and about records that could not be judged at all.
    """

    hours: tuple[VariantHour, ...] = ()
    skipped: bool = False
    remaining: int = 0
    failing: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriftJob:
    """Reads the hours that are due, one run at a time."""

    clients: DriftClients
    place: DriftPlace
    plan: DriftPlan = field(default_factory=DriftPlan)
    clock: Clock = field(default_factory=current)

    def run(
        self,
        now: datetime,
        deadline: datetime | None = None,
        only: datetime | None = None,
        told: Callable[[VariantHour], object] = lambda _: None,
    ) -> JobResult:
        """Reads every hour in reach that was never read, or whose files changed since; `only`: that hour, in any case.

        deadline: when to leave the rest to the next run. told: hears of each hour as soon as it is read. Nothing that
        an hour holds, or that S3, the registry or EventBridge refuse, is raised: it is a problem of the result.
        """
        leases = LeaseTable(self.clients.dynamodb, self.place.control, control_key(self.place.key), self.clock)
        problems: list[str] = []
        lease = self._lease(leases, problems)
        if lease is None and not problems:
            return JobResult(skipped=True)
        try:
            return _Run(self, now, deadline, told, problems).read(only)
        finally:
            if lease is not None:
                self._release(leases, lease)

    def _lease(self, leases: LeaseTable, problems: list[str]) -> Lease | None:
        """The lease; without the table, a run goes on without one, as two at once write the same bytes."""
        try:
            return leases.take(LEASE, LEASE_SECONDS)
        except Exception as error:
            problems.append(f"No lease could be taken ({described(error)}): another run may do the same work.")
            return None

    def _release(self, leases: LeaseTable, lease: Lease) -> None:
        try:
            leases.release(LEASE, lease)
        except Exception as error:
            print(logged(f"The lease could not be given back, and expires by itself: {described(error)}"))


class _OutOfTime(Exception):
    """An hour that would take longer than it may."""


class _Run:
    def __init__(
        self,
        job: DriftJob,
        now: datetime,
        deadline: datetime | None,
        told: Callable[[VariantHour], object],
        problems: list[str],
    ) -> None:
        self._place, self._plan, self._clients = job.place, job.plan, job.clients
        self._clock, self._now, self._told, self._problems = job.clock, now, told, problems
        self._end = None if deadline is None else deadline - MARGIN
        place, s3 = job.place, job.clients.s3
        self._folder = CaptureFolder(
            s3, place.capture_bucket, place.capture_prefix, place.endpoint, place.monitoring_bucket
        )
        self._archive = Archive(s3, place.monitoring_bucket)
        self._journal = Journal(self._archive, now, problems)
        self._reporter = Reporter(
            self._archive, self._journal, job.clients.events, job.plan.thresholds, place.key, place.model,
            place.endpoint, problems,
        )  # fmt: skip
        self._registry = Registry(s3, place.registry_bucket, place.model)
        self._references: dict[str, Reference | Exception | None] = {}
        self._newest = self._now
        self._served: frozenset[str] = frozenset()
        self._done: list[VariantHour] = []

    def read(self, only: datetime | None) -> JobResult:
        """Reads what is due, newest first, then what failed before."""
        last = _hour(self._now - timedelta(minutes=self._plan.lag_minutes)) - HOUR
        first = last - HOUR * (self._plan.look_back_hours - 1)
        self._journal.open(first, last)
        if only is not None:
            first = last = _hour(only)
        self._newest = last
        captured = self._folder.hours(first, last)
        self._served = frozenset(each.version for each in captured.hours if each.hour > last - LONGEST_WAIT)
        self._problems += (*captured.unknown, *captured.failed)
        due = list(captured.hours) if only is not None else self._journal.due(captured.hours)
        remaining = len(due)
        for each in due:
            if self._is_late():
                break
            self._try(each)
            remaining -= 1
        self._renew()
        self._journal.save()
        failing = self._journal.failing + len(captured.failed)
        return JobResult(tuple(self._done), False, remaining, failing, tuple(self._problems))

    def _is_late(self) -> bool:
        return self._end is not None and self._clock.now() >= self._end

    def _until(self, captured: CapturedHour) -> datetime | None:
        """When to leave an hour: half of the time left, so that one cannot take all; once it failed, all of it."""
        now = self._clock.now()
        if self._end is None or self._journal.tried(captured):
            return self._end
        return now + (self._end - now) / 2

    def _try(self, captured: CapturedHour) -> None:
        """Reads an hour; whatever goes wrong is that hour's."""
        if captured.version in self._references and self._references[captured.version] is None:
            self._skip(captured)
            return
        until = self._until(captured)
        self._journal.begin(captured)
        try:
            self._read_hour(captured, until)
        except Exception as error:
            reason = TOO_SLOW if isinstance(error, _OutOfTime) else described(error)
            if isinstance(error, InvalidReference) and captured.version not in self._served:
                # Versions never change: nobody can mend what is gone, and an alarm of it would hide the next one.
                self._journal.leave(captured)
            else:
                self._journal.fail(captured, reason)
            self._problems.append(f"{captured.told} could not be read: {reason}. It is tried again.")

    def _read_hour(self, captured: CapturedHour, until: datetime | None) -> None:
        reference = self._reference(captured)
        if reference is None:
            self._journal.leave(captured)
            self._skip(captured)
            return
        profile, lost = self._counted(captured, reference, until)
        self._archive.save_profile(captured, profile)
        if lost:
            self._journal.fail(captured, next(iter(lost.values())), lost)
            self._problems += (
                f"{name} could not be read: {reason}. It is tried again." for name, reason in lost.items()
            )
        which = Stale(captured.hour, captured.variant, captured.version, captured.configuration)
        found, page = self._reporter.report(which, reference)
        self._journal.renew(which)
        self._journal.outdate(self._reporter.later(which))
        if not lost:
            # Last of all: what fails or dies before is read again.
            self._journal.read(captured)
        self._tell(
            VariantHour(
                captured.variant, captured.version, captured.hour, str(found.verdict), str(found.severity),
                found.checked, found.drifting, found.max_psi,
                profile.accounting.read, profile.accounting.rejected_total, profile.rows,
                found.verdict is Verdict.INSUFFICIENT, page, len(lost),
            )
        )  # fmt: skip

    def _counted(
        self, captured: CapturedHour, reference: Reference, until: datetime | None
    ) -> tuple[Profile, dict[str, str]]:
        """The hour's counts, and why which objects are not in them, or not to their end.

        Raises the last object's error where none could be read at all, and _OutOfTime.
        """
        counting = counter(reference)
        lost: dict[str, str] = {}
        failed: Exception | None = None
        for key in captured.keys:
            name = f"s3://{self._folder.bucket}/{key}"
            try:
                for block in blocks(open_object(self._clients.s3, self._folder.bucket, key)):
                    counting.count(block, name)
                    self._check(until)
            except _OutOfTime:
                raise
            except Exception as error:
                lost[plain(name)], failed = described(error), error
        profile = counting.profile()
        if failed is not None and not profile.accounting.read:
            raise failed
        return profile, lost

    def _check(self, until: datetime | None) -> None:
        if until is not None and self._clock.now() >= until:
            raise _OutOfTime

    def _renew(self) -> None:
        """Makes the reports anew whose windows hold an hour that was read after them."""
        for which in self._journal.stale:
            if self._is_late():
                return
            try:
                reference = self._known(which.version)
                if reference is not None:
                    self._reporter.report(which, reference)
                self._journal.renew(which)
            except Exception as error:
                told = f"The report of {which.variant}, {which.hour:%Y-%m-%d %H:%M} UTC"
                self._problems.append(f"{told}, could not be made anew: {described(error)}. It is tried again.")

    def _reference(self, captured: CapturedHour) -> Reference | None:
        """The reference of the hour's version; None where it has none, and nobody can watch it.

        Raises what is wrong with it, after alarms were told that nobody watches.
        """
        try:
            return self._known(captured.version)
        except Exception:
            self._skip(captured)
            raise

    def _known(self, version: str) -> Reference | None:
        if version not in self._references:
            self._references[version] = self._fetched(version)
        found = self._references[version]
        if isinstance(found, Exception):
            raise found
        return found

    def _fetched(self, version: str) -> Reference | Exception | None:
        told = f"Nobody watches the records of version {version}:"
        try:
            raw = self._registry.read(version, REFERENCE)
            return decode(raw, f"{REFERENCE} of {self._place.model}/{version}")
        except VersionMissing as error:
            self._problems.append(f"{told} {error}.")
            return None
        except Exception as error:
            self._problems.append(f"{told} {described(error)}.")
            return error

    def _skip(self, captured: CapturedHour) -> None:
        """Alarms are told of the newest hour's records that cannot be judged: nobody watches them."""
        if captured.hour != self._newest:
            return
        self._tell(
            VariantHour(
                captured.variant, captured.version, captured.hour, str(Verdict.INSUFFICIENT), str(Severity.NONE),
                0, 0, 0.0, 0, 0, 0, True, "",
            )
        )  # fmt: skip

    def _tell(self, hour: VariantHour) -> None:
        self._done.append(hour)
        self._told(hour)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
