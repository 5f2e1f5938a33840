"""Turns hourly profiles into reports, and sends an event if the newest verdict differs from the one before."""

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
"""The detail type of an EventBridge event, for rules of the users' own. No alarm of ours reads it."""


@dataclass(frozen=True)
class Reporter:
    """Writes reports from the profiles in the archive."""

    archive: Archive
    journal: JobJournal
    events: EventBridgeClient
    thresholds: Thresholds
    stack_key: str
    """The key of the endpoint's stack."""
    model: str
    endpoint: str
    problems: list[str] = field(default_factory=list[str])

    def report(self, target: StaleReport, reference: Reference) -> tuple[HourEvaluation, str]:
        """Writes the report of an hour, and sends an event if it is the newest and its verdict has changed.

        Returns the evaluation and the URL of its page.
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
        """Returns the reports that are older than the reading of this hour and contain it in their windows."""
        first, last = target.hour + HOUR, target.hour + HOUR * (WindowLength.THREE_DAYS.hours - 1)
        stored_profiles = self.archive.list_profiles(target.variant, target.version, first, last)
        newest = {each.hour: each.configuration for each in stored_profiles}
        return [
            StaleReport(hour, target.variant, target.version, configuration) for hour, configuration in newest.items()
        ]

    def _read_hourly_profiles(self, target: StaleReport, reference: Reference) -> Mapping[datetime, Profile]:
        """Returns the profiles of the three days that end with the hour, and of the day a week before."""
        found: dict[datetime, Profile] = {}
        for last, span in ((target.hour, WindowLength.THREE_DAYS), (target.hour - WEEK, WindowLength.DAY)):
            first = last - HOUR * (span.hours - 1)
            for stored in self.archive.list_profiles(target.variant, target.version, first, last):
                profile = self._read_profile(stored, reference)
                if profile is not None:
                    found[stored.hour] = found[stored.hour] + profile if stored.hour in found else profile
        return found

    def _read_profile(self, stored: StoredProfile, reference: Reference) -> Profile | None:
        """Returns the profile of an hour. If it cannot be used, the next run reads the hour again."""
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
        # A verdict that could not be published is not recorded, so that the next hour publishes it.
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
            self.problems.append(
                f"EventBridge did not accept the verdict change of {target.variant}: {summarize_error(error)}"
            )
            return False
        if answer["FailedEntryCount"]:
            self.problems.append(f"EventBridge did not take the change of {target.variant}: {answer['Entries']}")
        return not answer["FailedEntryCount"]


def _verdict_to_json(latest: LatestVerdict) -> dict[str, str]:
    return {"version": latest.version, "verdict": latest.verdict, "severity": latest.severity}
