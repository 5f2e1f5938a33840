"""The report of an hour: what was counted, what moved and what follows, as a value and its JSON.

It depends on the profiles alone, so the same profiles give the same bytes whenever they are judged.
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
    """What became of the records: read = parsed + the rejected of all reasons.

    headers: rows of payloads that named the columns, and are counted nowhere else.
    """

    read: int
    parsed: int
    rejected: dict[str, int]
    header_rows: int = 0


class RejectLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record was rejected, and why: never what it held.

    source: the file or object; offset: of the record's first byte in it, uncompressed; column: whose value it was.
    """

    reason: str
    source: str
    offset: int
    column: str | None = None


class WindowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a window of time.

    start, end: UTC, the end excluded; None where records were judged without regard to their time. missing_hours: the
    hours in it that have no profile. features: one verdict for each of the reference's `measured`, in its order.
    """

    start: datetime | None = None
    end: datetime | None = None
    missing_hours: tuple[datetime, ...] = ()
    rows: int
    records: RecordCounts
    verdict: Verdict
    features: tuple[FeatureVerdict, ...]


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one variant's records of one configuration said up to the end of an hour.

    windows: "hour", "day" and "three_days", all ending with `hour`; or "records", for records of any time. week_before:
    the day that ended a week earlier. severity: what the windows together ask for. unreadable: objects of the hour that
    are not counted, or not to their end, as S3 did not hand them out: the first ones, while they are tried again.
    """

    schema: Literal[1] = SCHEMA_VERSION
    model: str
    endpoint: str = ""
    variant: str = ""
    version: str = ""
    configuration: str = ""
    hour: datetime | None = None
    verdict: Verdict
    severity: str = ""
    windows: dict[str, WindowReport]
    week_before: WindowReport | None = None
    reject_examples: tuple[RejectLocation, ...] = ()
    unreadable_objects: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """JSON with sorted keys: equal reports give equal bytes."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


def decode_report(raw: bytes, source: str) -> DriftReport:
    """The report in `raw`; `source` names it in messages. Raises InvalidReport."""
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
    """A model's verdict as the report of the window it was passed on."""
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
    """The counts of an accounting, the reasons in alphabetical order."""
    rejected = {str(reason): count for reason, count in accounting.rejected.items() if count}
    return RecordCounts(
        read=accounting.read,
        parsed=accounting.parsed,
        rejected=dict(sorted(rejected.items())),
        header_rows=accounting.header_rows,
    )


def list_examples(accounting: Accounting) -> tuple[RejectLocation, ...]:
    """The examples of an accounting by reason, then place."""
    found = (
        RejectLocation(reason=str(each.reason), source=each.source, offset=each.offset, column=each.column)
        for each in accounting.examples
    )
    return tuple(sorted(found, key=lambda each: (each.reason, each.source, each.offset)))


def _to_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
