"""Reports from profiles: the windows that end with an hour, their verdicts, and how urgent they are together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tidewatch.drift import report as reports
from tidewatch.drift.page import page
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.report import Report
from tidewatch.drift.verdict import ModelVerdict, Thresholds, Verdict, judge
from tidewatch.drift.windows import HOUR, RECENT, Severity, Span, Window, severity, sustained, week_before, window

SPANS = {"hour": Span.HOUR, "day": Span.DAY, "three_days": Span.THREE_DAYS}


@dataclass(frozen=True)
class Subject:
    """Whose records are judged."""

    model: str
    endpoint: str
    variant: str
    version: str
    configuration: str


@dataclass(frozen=True)
class Judged:
    """A report with its page, and what alarms are told of it.

    checked: features with a verdict over three days; drifting: those whose drift is sustained; max_psi: the largest of
    the three days, 0 where none could be told.
    """

    report: Report
    page: str
    verdict: Verdict
    severity: Severity
    checked: int
    drifting: int
    max_psi: float


def judged(
    subject: Subject,
    reference: Reference,
    hourly: Mapping[datetime, Profile],
    hour: datetime,
    thresholds: Thresholds,
    unreadable: tuple[str, ...] = (),
) -> Judged:
    """The report of the windows that end with the hour that begins at `hour`.

    hourly: profiles by the beginning of their hour, of the three days and of the day a week before, as far as there
    are any. unreadable: objects of the hour that could not be read.
    The report's verdict is that on the three days: one hour alone says little, and three days hold their weekday.
    """
    windows = {name: window(reference, hourly, hour, span) for name, span in SPANS.items()}
    before = week_before(reference, hourly, hour, Span.DAY)
    verdicts = {name: judge(reference, one.profile, thresholds) for name, one in windows.items()}
    recent = [
        judge(reference, hourly[each], thresholds)
        for each in (hour - HOUR * back for back in reversed(range(RECENT)))
        if each in hourly
    ]
    three_days = verdicts["three_days"]
    urgency = severity(three_days, recent, thresholds)
    beside = before if before.profile.rows else None
    report = Report(
        model=subject.model,
        endpoint=subject.endpoint,
        variant=subject.variant,
        version=subject.version,
        configuration=subject.configuration,
        hour=hour,
        verdict=three_days.verdict,
        severity=str(urgency),
        windows={name: _told(windows[name], verdicts[name]) for name in SPANS},
        week_before=None if beside is None else _told(beside, judge(reference, beside.profile, thresholds)),
        examples=reports.examples(windows["hour"].profile.accounting),
        unreadable=unreadable,
    )
    drawn = {name: one.profile for name, one in windows.items()} | {"week_before": beside and beside.profile}
    psis = [feature.psi for feature in three_days.features if feature.psi is not None]
    return Judged(
        report,
        page(report, reference, drawn),
        three_days.verdict,
        urgency,
        sum(feature.verdict is not Verdict.INSUFFICIENT for feature in three_days.features),
        len(sustained(three_days, recent)),
        max(psis, default=0.0),
    )


def _told(one: Window, verdict: ModelVerdict) -> reports.WindowReport:
    return reports.window(verdict, one.start, one.end, one.missing)
