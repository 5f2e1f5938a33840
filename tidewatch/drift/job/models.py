"""The values of the drift job: what it works on, with which settings, and what a run of it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tidewatch.drift.statistics.verdict import Thresholds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client


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
