"""The report of an hour: what was counted, what changed and what follows, as a value and as JSON.

It depends only on the profiles, so the same profiles always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from tidewatch.capture.accounting import Accounting
from tidewatch.drift.errors import InvalidReport
from tidewatch.drift.statistics.verdict import FeatureVerdict, ModelVerdict, Verdict

SCHEMA_VERSION = 1


class RecordCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of records: read = parsed + rejected for all reasons."""

    read: int
    parsed: int
    rejected: dict[str, int]
    header_rows: int = 0
    """Rows of payloads with the names of the columns, which are counted nowhere else."""


class RejectLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where and why a record was rejected, never what it contained."""

    reason: str
    source: str
    """The file or object."""
    offset: int
    """The position of the record's first byte in it, uncompressed."""
    column: str | None = None
    """The column of the invalid value."""


class WindowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a window of time."""

    start: datetime | None = None
    """UTC; None if the records are of any time."""
    end: datetime | None = None
    """UTC, exclusive; None if the records are of any time."""
    missing_hours: tuple[datetime, ...] = ()
    """The hours of the window without a profile."""
    rows: int
    records: RecordCounts
    verdict: Verdict
    features: tuple[FeatureVerdict, ...]
    """One verdict for each of the reference's `measured_features`, in their order."""


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one variant's records of one configuration up to the end of an hour."""

    schema: Literal[1] = SCHEMA_VERSION
    model: str
    endpoint: str = ""
    variant: str = ""
    version: str = ""
    configuration: str = ""
    hour: datetime | None = None
    verdict: Verdict
    severity: str = ""
    """The joint severity of the windows."""
    windows: dict[str, WindowReport]
    """"hour", "day" and "three_days", which all end with `hour`; or "records", for records of any time."""
    week_before: WindowReport | None = None
    """The day that ended a week earlier."""
    reject_examples: tuple[RejectLocation, ...] = ()
    unreadable_objects: tuple[str, ...] = ()
    """The first of the hour's objects that are not counted to their end because S3 did not return them. They are
    retried."""

    def encode(self) -> bytes:
        """Encodes it as JSON with sorted keys. Equal reports give equal bytes."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


def decode_report(raw: bytes, source: str) -> DriftReport:
    """Decodes a report; `source` names it in messages. Raises InvalidReport."""
    try:
        return msgspec.json.decode(raw, type=DriftReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidReport(
            f"{source} is not a report of schema {SCHEMA_VERSION}: {error}; read it with the tidewatch that wrote it"
        ) from error


def build_window_report(
    verdict: ModelVerdict,
    start: datetime | None = None,
    end: datetime | None = None,
    missing_hours: Iterable[datetime] = (),
) -> WindowReport:
    """Returns a model's verdict as the report of its window."""
    return WindowReport(
        start=_to_utc(start),
        end=_to_utc(end),
        missing_hours=tuple(sorted(hour.astimezone(UTC) for hour in missing_hours)),
        rows=verdict.rows,
        records=summarize_records(verdict.records),
        verdict=verdict.verdict,
        features=verdict.features,
    )


def summarize_records(accounting: Accounting) -> RecordCounts:
    """Returns the counts of an accounting, with the reasons in alphabetical order."""
    rejected = {str(reason): count for reason, count in accounting.rejected.items() if count}
    return RecordCounts(
        read=accounting.read,
        parsed=accounting.parsed,
        rejected=dict(sorted(rejected.items())),
        header_rows=accounting.header_rows,
    )


def list_examples(accounting: Accounting) -> tuple[RejectLocation, ...]:
    """Returns the examples of an accounting by reason, then location."""
    found = (
        RejectLocation(reason=str(each.reason), source=each.source, offset=each.offset, column=each.column)
        for each in accounting.examples
    )
    return tuple(sorted(found, key=lambda each: (each.reason, each.source, each.offset)))


def _to_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
