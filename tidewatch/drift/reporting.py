"""From the profiles of hours to reports, and to an event where the newest one says another thing than before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tidewatch.drift.archive import Archive, KeptHour
from tidewatch.drift.index import Latest, Stale
from tidewatch.drift.journal import Journal
from tidewatch.drift.judging import Judged, Subject, judged
from tidewatch.drift.layout import SOURCE
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.verdict import Thresholds
from tidewatch.drift.windows import HOUR, WEEK, Span
from tidewatch.items import described

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

VERDICT_CHANGED = "Drift Verdict Changed"


@dataclass(frozen=True)
class Reporter:
    """Writes reports from what the archive holds. stack: the key of the endpoint's stack."""

    archive: Archive
    journal: Journal
    events: EventBridgeClient
    thresholds: Thresholds
    stack: str
    model: str
    endpoint: str
    problems: list[str] = field(default_factory=list[str])

    def report(self, which: Stale, reference: Reference) -> tuple[Judged, str]:
        """Writes the report of an hour, and tells of it where it is the newest and its verdict another than before.

        Returns what it says, and its page's URL.
        """
        subject = Subject(self.model, self.endpoint, which.variant, which.version, which.configuration)
        lost = self.journal.lost(which.variant, which.hour)
        found = judged(subject, reference, self._hourly(which, reference), which.hour, self.thresholds, lost)
        page = self.archive.save_report(which.variant, which.version, which.hour, found.report.encode(), found.page)
        self._tell(which, found, page)
        return found, page

    def later(self, which: Stale) -> list[Stale]:
        """The reports made before this hour was read whose windows hold it."""
        first, last = which.hour + HOUR, which.hour + HOUR * (Span.THREE_DAYS.hours - 1)
        kept = self.archive.hours(which.variant, which.version, first, last)
        newest = {each.hour: each.configuration for each in kept}
        return [Stale(hour, which.variant, which.version, configuration) for hour, configuration in newest.items()]

    def _hourly(self, which: Stale, reference: Reference) -> Mapping[datetime, Profile]:
        """The profiles of the three days that end with the hour, and of the day a week before it."""
        found: dict[datetime, Profile] = {}
        for last, span in ((which.hour, Span.THREE_DAYS), (which.hour - WEEK, Span.DAY)):
            first = last - HOUR * (span.hours - 1)
            for kept in self.archive.hours(which.variant, which.version, first, last):
                profile = self._profile(kept, reference)
                if profile is not None:
                    found[kept.hour] = found[kept.hour] + profile if kept.hour in found else profile
        return found

    def _profile(self, kept: KeptHour, reference: Reference) -> Profile | None:
        """The profile of an hour that was read; where it cannot be used, the next run is to read the hour again."""
        profile = self.archive.profile(kept)
        if profile is None or not profile.fits(reference):
            self.journal.unread(kept)
            return None
        return profile

    def _tell(self, which: Stale, found: Judged, page: str) -> None:
        before = self.journal.latest(which.variant)
        if before is not None and before.hour > which.hour:
            return
        now = Latest(which.version, which.hour, str(found.verdict), str(found.severity))
        same = before is not None and (before.verdict, before.severity) == (now.verdict, now.severity)
        # What could not be told stays untold, so that the next hour tells it.
        if same or self._told(which, before, now, page):
            self.journal.say(which.variant, now)

    def _told(self, which: Stale, before: Latest | None, now: Latest, page: str) -> bool:
        detail = {
            "stack": self.stack,
            "model": self.model,
            "endpoint": self.endpoint,
            "variant": which.variant,
            "version": which.version,
            "hour": which.hour.isoformat(),
            "from": None if before is None else _change(before),
            "to": _change(now),
            "report": page,
        }
        entry = {"Source": SOURCE, "DetailType": VERDICT_CHANGED, "Detail": json.dumps(detail)}
        try:
            answer = self.events.put_events(Entries=[entry])  # type: ignore[list-item]
        except Exception as error:
            self.problems.append(f"EventBridge did not take the change of {which.variant}: {described(error)}")
            return False
        if answer["FailedEntryCount"]:
            self.problems.append(f"EventBridge did not take the change of {which.variant}: {answer['Entries']}")
        return not answer["FailedEntryCount"]


def _change(said: Latest) -> dict[str, str]:
    return {"version": said.version, "verdict": said.verdict, "severity": said.severity}
