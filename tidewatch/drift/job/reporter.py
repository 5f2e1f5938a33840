"""From the profiles of hours to reports, and to an event where the newest one says another thing than before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tidewatch.aws.errors import summarize_error
from tidewatch.drift.job.archive import Archive, StoredProfile
from tidewatch.drift.job.job_index import LatestVerdict, StaleReport
from tidewatch.drift.job.journal import JobJournal
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.reports.evaluation import HourEvaluation, ReportSubject, evaluate_hour
from tidewatch.drift.statistics.verdict import Thresholds
from tidewatch.drift.statistics.windows import HOUR, WEEK, WindowLength
from tidewatch.drift.storage_layout import EVENT_SOURCE

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

VERDICT_CHANGED = "Drift Verdict Changed"


@dataclass(frozen=True)
class Reporter:
    """Writes reports from what the archive holds. stack: the key of the endpoint's stack."""

    archive: Archive
    journal: JobJournal
    events: EventBridgeClient
    thresholds: Thresholds
    stack_key: str
    model: str
    endpoint: str
    problems: list[str] = field(default_factory=list[str])

    def report(self, target: StaleReport, reference: Reference) -> tuple[HourEvaluation, str]:
        """Writes the report of an hour, and tells of it where it is the newest and its verdict another than before.

        Returns what it says, and its page's URL.
        """
        subject = ReportSubject(self.model, self.endpoint, target.variant, target.version, target.configuration)
        lost_objects = self.journal.list_lost_objects(target.variant, target.hour)
        evaluation = evaluate_hour(
            subject,
            reference,
            self._read_hourly_profiles(target, reference),
            target.hour,
            self.thresholds,
            lost_objects,
        )
        page = self.archive.save_report(
            target.variant, target.version, target.hour, evaluation.report.encode(), evaluation.page
        )
        self._publish_if_changed(target, evaluation, page)
        return evaluation, page

    def find_outdated_reports(self, target: StaleReport) -> list[StaleReport]:
        """The reports made before this hour was read whose windows hold it."""
        first, last = target.hour + HOUR, target.hour + HOUR * (WindowLength.THREE_DAYS.hours - 1)
        stored_profiles = self.archive.list_profiles(target.variant, target.version, first, last)
        newest = {each.hour: each.configuration for each in stored_profiles}
        return [
            StaleReport(hour, target.variant, target.version, configuration) for hour, configuration in newest.items()
        ]

    def _read_hourly_profiles(self, target: StaleReport, reference: Reference) -> Mapping[datetime, Profile]:
        """The profiles of the three days that end with the hour, and of the day a week before it."""
        found: dict[datetime, Profile] = {}
        for last, span in ((target.hour, WindowLength.THREE_DAYS), (target.hour - WEEK, WindowLength.DAY)):
            first = last - HOUR * (span.hours - 1)
            for stored in self.archive.list_profiles(target.variant, target.version, first, last):
                profile = self._read_profile(stored, reference)
                if profile is not None:
                    found[stored.hour] = found[stored.hour] + profile if stored.hour in found else profile
        return found

    def _read_profile(self, stored: StoredProfile, reference: Reference) -> Profile | None:
        """The profile of an hour that was read; where it cannot be used, the next run is to read the hour again."""
        profile = self.archive.read_profile(stored)
        if profile is None or not profile.is_compatible_with(reference):
            self.journal.mark_unread(stored)
            return None
        return profile

    def _publish_if_changed(self, target: StaleReport, evaluation: HourEvaluation, page: str) -> None:
        before = self.journal.find_latest(target.variant)
        if before is not None and before.hour > target.hour:
            return
        current = LatestVerdict(target.version, target.hour, str(evaluation.verdict), str(evaluation.severity))
        is_unchanged = before is not None and (before.verdict, before.severity) == (current.verdict, current.severity)
        # What could not be told stays untold, so that the next hour tells it.
        if is_unchanged or self._publish_change(target, before, current, page):
            self.journal.record_latest(target.variant, current)

    def _publish_change(
        self, target: StaleReport, before: LatestVerdict | None, current: LatestVerdict, page: str
    ) -> bool:
        detail = {
            "stack": self.stack_key,
            "model": self.model,
            "endpoint": self.endpoint,
            "variant": target.variant,
            "version": target.version,
            "hour": target.hour.isoformat(),
            "previous": None if before is None else _verdict_to_json(before),
            "current": _verdict_to_json(current),
            "report_url": page,
        }
        entry = {"Source": EVENT_SOURCE, "DetailType": VERDICT_CHANGED, "Detail": json.dumps(detail)}
        try:
            answer = self.events.put_events(Entries=[entry])  # type: ignore[list-item]
        except Exception as error:
            self.problems.append(f"EventBridge did not take the change of {target.variant}: {summarize_error(error)}")
            return False
        if answer["FailedEntryCount"]:
            self.problems.append(f"EventBridge did not take the change of {target.variant}: {answer['Entries']}")
        return not answer["FailedEntryCount"]


def _verdict_to_json(latest: LatestVerdict) -> dict[str, str]:
    return {"version": latest.version, "verdict": latest.verdict, "severity": latest.severity}
