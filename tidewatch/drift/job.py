"""The hourly job: what the endpoint captured becomes profiles, and these become reports.

Run again, it writes the same bytes: an hour's profile depends on its capture files alone, a report on profiles alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidewatch.capture.lines import blocks
from tidewatch.capture.source import open_object
from tidewatch.clock import Clock, current
from tidewatch.drift.archive import Archive, Index, KeptHour, Latest
from tidewatch.drift.captured import CapturedHour, CaptureFolder
from tidewatch.drift.counting import counter
from tidewatch.drift.errors import DriftError
from tidewatch.drift.judging import Judged, Subject, judged
from tidewatch.drift.layout import SOURCE
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference, decode
from tidewatch.drift.verdict import Thresholds, Verdict
from tidewatch.drift.windows import HOUR, WEEK, Severity, Span
from tidewatch.items import error_code
from tidewatch.lease import LeaseTable
from tidewatch.registry import REFERENCE, Registry, RegistryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client

VERDICT_CHANGED = "Drift Verdict Changed"
LEASE = "drift"
LEASE_SECONDS = 900.0
"""As long as a function may run: one that died holds up the next run at most."""
MARGIN = timedelta(seconds=30)
"""What is left of the time when no further hour is begun."""


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
    """An hour that was read, and what its report says; records are those of the hour, the rest is of three days."""

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


@dataclass(frozen=True)
class JobResult:
    """What a run did.

    hours: those it read, oldest first. skipped: another run was at it. remaining: hours left for the next run.
    problems: sentences about records that could not be judged at all.
    """

    hours: tuple[VariantHour, ...] = ()
    skipped: bool = False
    remaining: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriftJob:
    """Reads the hours that are due, one run at a time."""

    clients: DriftClients
    place: DriftPlace
    plan: DriftPlan = field(default_factory=DriftPlan)
    clock: Clock = field(default_factory=current)

    def run(self, now: datetime, deadline: datetime | None = None, only: datetime | None = None) -> JobResult:
        """Reads every hour in reach that was never read, or whose files changed since; `only`: that hour, in any case.

        deadline: when to leave the rest to the next run. Raises DriftError where the config or a stored file is at
        fault, and what the clients raise.
        """
        leases = LeaseTable(self.clients.dynamodb, self.place.control, self.place.key, self.clock)
        lease = leases.take(LEASE, LEASE_SECONDS)
        if lease is None:
            return JobResult(skipped=True)
        try:
            return _Run(self, deadline).read(now, only)
        finally:
            leases.release(LEASE, lease)


class _Run:
    def __init__(self, job: DriftJob, deadline: datetime | None) -> None:
        self._place, self._plan, self._clients = job.place, job.plan, job.clients
        self._clock, self._deadline = job.clock, deadline
        place = job.place
        self._folder = CaptureFolder(
            job.clients.s3, place.capture_bucket, place.capture_prefix, place.endpoint, place.monitoring_bucket
        )
        self._archive = Archive(job.clients.s3, place.monitoring_bucket)
        self._registry = Registry(job.clients.s3, place.registry_bucket, place.model)
        self._references: dict[str, Reference] = {}
        self._index = Index()
        self._newest: datetime | None = None
        self._problems: list[str] = []

    def read(self, now: datetime, only: datetime | None) -> JobResult:
        """Reads what is due, oldest first."""
        last = _hour(now - timedelta(minutes=self._plan.lag_minutes)) - HOUR
        first = last - HOUR * (self._plan.look_back_hours - 1)
        if only is not None:
            first = last = _hour(only)
        self._newest = last
        self._index = self._archive.index()
        captured, unknown = self._folder.hours(first, last)
        self._problems += unknown
        due = [each for each in captured if only is not None or not self._index.read(each)]
        done: list[VariantHour] = []
        for at, each in enumerate(due):
            if self._deadline is not None and self._clock.now() >= self._deadline - MARGIN:
                return JobResult(tuple(done), False, len(due) - at, tuple(self._problems))
            told = self._read_hour(each)
            if told is not None:
                done.append(told)
        return JobResult(tuple(done), False, 0, tuple(self._problems))

    def _read_hour(self, captured: CapturedHour) -> VariantHour | None:
        reference = self._reference(captured.version)
        if reference is None:
            return _unwatched(captured) if captured.hour == self._newest else None
        profile = self._counted(captured, reference)
        if profile is None:
            return None
        self._archive.save_profile(captured, profile)
        # Saved only after the reports: what dies in between is read again.
        self._index = self._index.with_hour(captured, captured.hour - HOUR * 2 * self._plan.look_back_hours)
        found, page = self._report(captured, reference)
        for later in self._later(captured):
            self._report(replace(captured, hour=later), reference)
        self._archive.save(self._index)
        return VariantHour(
            captured.variant, captured.version, captured.hour, str(found.verdict), str(found.severity),
            found.checked, found.drifting, found.max_psi,
            profile.accounting.read, profile.accounting.rejected_total, profile.rows,
            found.verdict is Verdict.INSUFFICIENT, page,
        )  # fmt: skip

    def _counted(self, captured: CapturedHour, reference: Reference) -> Profile | None:
        counting = counter(reference)
        for key in captured.keys:
            try:
                stream = open_object(self._clients.s3, self._folder.bucket, key)
            except Exception as error:
                if error_code(error) != "NoSuchKey":
                    raise
                self._problems.append(f"s3://{self._folder.bucket}/{key} went while its hour was read: the next run")
                return None
            for block in blocks(stream):
                counting.count(block, f"s3://{self._folder.bucket}/{key}")
        return counting.profile()

    def _report(self, captured: CapturedHour, reference: Reference) -> tuple[Judged, str]:
        """Writes the report of the hour of `captured`; where it is the newest and says another thing, tells of it."""
        subject = Subject(
            self._place.model, self._place.endpoint, captured.variant, captured.version, captured.configuration
        )
        hourly = self._hourly(captured, reference)
        found = judged(subject, reference, hourly, captured.hour, self._plan.thresholds)
        page = self._archive.save_report(
            captured.variant, captured.version, captured.hour, found.report.encode(), found.page
        )
        self._tell(captured, found, page)
        return found, page

    def _hourly(self, captured: CapturedHour, reference: Reference) -> Mapping[datetime, Profile]:
        """The profiles of the three days that end with the hour, and of the day a week before it."""
        found: dict[datetime, Profile] = {}
        week = captured.hour - WEEK
        for last, span in ((captured.hour, Span.THREE_DAYS), (week, Span.DAY)):
            first = last - HOUR * (span.hours - 1)
            for kept in self._archive.hours(captured.variant, captured.version, first, last):
                profile = self._profile(kept, reference)
                if profile is not None:
                    found[kept.hour] = found[kept.hour] + profile if kept.hour in found else profile
        return found

    def _profile(self, kept: KeptHour, reference: Reference) -> Profile | None:
        """The profile of an hour that was read; where it cannot be used, the next run is to read the hour again."""
        profile = self._archive.profile(kept)
        if profile is None or profile.reference != reference.digest:
            self._index = self._index.without(kept)
            return None
        return profile

    def _later(self, captured: CapturedHour) -> list[datetime]:
        """Hours that were reported before this one was read, and whose windows hold it."""
        first, last = captured.hour + HOUR, captured.hour + HOUR * (Span.THREE_DAYS.hours - 1)
        return sorted({kept.hour for kept in self._archive.hours(captured.variant, captured.version, first, last)})

    def _tell(self, captured: CapturedHour, found: Judged, page: str) -> None:
        before = self._index.latest.get(captured.variant)
        if before is not None and before.hour > captured.hour:
            return
        now = Latest(captured.version, captured.hour, str(found.verdict), str(found.severity))
        same = before is not None and (before.verdict, before.severity) == (now.verdict, now.severity)
        # What could not be told stays untold, so that the next hour tells it.
        if same or self._told(captured, before, now, page):
            self._index = self._index.with_latest(captured.variant, now)

    def _told(self, captured: CapturedHour, before: Latest | None, now: Latest, page: str) -> bool:
        detail = {
            "stack": self._place.key,
            "model": self._place.model,
            "endpoint": self._place.endpoint,
            "variant": captured.variant,
            "version": captured.version,
            "hour": captured.hour.isoformat(),
            "from": None if before is None else _change(before),
            "to": _change(now),
            "report": page,
        }
        answer = self._clients.events.put_events(
            Entries=[{"Source": SOURCE, "DetailType": VERDICT_CHANGED, "Detail": json.dumps(detail)}]
        )
        if answer["FailedEntryCount"]:
            self._problems.append(f"EventBridge did not take the change of {captured.variant}: {answer['Entries']}")
        return not answer["FailedEntryCount"]

    def _reference(self, version: str) -> Reference | None:
        if version not in self._references:
            try:
                raw = self._registry.read(version, REFERENCE)
                self._references[version] = decode(raw, f"{REFERENCE} of {self._place.model}/{version}")
            except (RegistryError, DriftError) as error:
                self._problems.append(f"Nobody watches the records of version {version}: {error}.")
                return None
        return self._references[version]


def _unwatched(captured: CapturedHour) -> VariantHour:
    """What alarms are told of records that cannot be judged: nobody watches them."""
    return VariantHour(
        captured.variant, captured.version, captured.hour, str(Verdict.INSUFFICIENT), str(Severity.NONE),
        0, 0, 0.0, 0, 0, 0, True, "",
    )  # fmt: skip


def _change(said: Latest) -> dict[str, str]:
    return {"version": said.version, "verdict": said.verdict, "severity": said.severity}


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
