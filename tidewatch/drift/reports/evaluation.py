"""Builds reports from profiles: the windows that end with an hour, their verdicts and their joint severity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.reports import report as reports
from tidewatch.drift.reports.html_report import render_report
from tidewatch.drift.reports.report import DriftReport
from tidewatch.drift.statistics.verdict import ModelVerdict, Thresholds, Verdict, judge_profile
from tidewatch.drift.statistics.windows import (
    HOUR,
    RECENT_HOURS,
    DriftSeverity,
    Window,
    WindowLength,
    assess_severity,
    build_week_before,
    build_window,
    find_sustained_drift,
)

WINDOW_LENGTHS = {"hour": WindowLength.HOUR, "day": WindowLength.DAY, "three_days": WindowLength.THREE_DAYS}


@dataclass(frozen=True)
class ReportSubject:
    """The variant whose records are evaluated."""

    model: str
    endpoint: str
    variant: str
    version: str
    configuration: str


@dataclass(frozen=True)
class HourEvaluation:
    """A report with its page, and the values that alarms use."""

    report: DriftReport
    page: str
    verdict: Verdict
    severity: DriftSeverity
    checked_features: int
    """The features with a verdict over three days."""
    drifting_features: int
    """The features with sustained drift."""
    max_psi: float
    """The largest PSI of the three days, 0 if none could be computed."""


def evaluate_hour(
    subject: ReportSubject,
    reference: Reference,
    hourly: Mapping[datetime, Profile],
    hour: datetime,
    thresholds: Thresholds,
    unreadable: tuple[str, ...] = (),
) -> HourEvaluation:
    """Returns the report of the windows that end with the hour that begins at `hour`.

    `hourly` are profiles by the start of their hour, of the three days and of the day a week before, as far as they
    exist. `unreadable` are objects of the hour that could not be read. The report's verdict is that of the three days:
    one hour alone shows little, and three days include their weekday.
    """
    windows = {name: build_window(reference, hourly, hour, span) for name, span in WINDOW_LENGTHS.items()}
    verdicts = {name: judge_profile(reference, window.profile, thresholds) for name, window in windows.items()}
    recent = _judge_recent_hours(reference, hourly, hour, thresholds)
    three_days = verdicts["three_days"]
    drift_severity = assess_severity(three_days, recent, thresholds)
    profile_before, report_before = _report_week_before(reference, hourly, hour, thresholds)
    report = DriftReport(
        model=subject.model,
        endpoint=subject.endpoint,
        variant=subject.variant,
        version=subject.version,
        configuration=subject.configuration,
        hour=hour,
        verdict=three_days.verdict,
        severity=str(drift_severity),
        windows={name: _build_window_report(windows[name], verdicts[name]) for name in WINDOW_LENGTHS},
        week_before=report_before,
        reject_examples=reports.list_examples(windows["hour"].profile.accounting),
        unreadable_objects=unreadable,
    )
    profiles = {name: window.profile for name, window in windows.items()} | {"week_before": profile_before}
    psis = [feature.psi for feature in three_days.features if feature.psi is not None]
    return HourEvaluation(
        report,
        render_report(report, reference, profiles),
        three_days.verdict,
        drift_severity,
        sum(feature.verdict is not Verdict.INSUFFICIENT for feature in three_days.features),
        len(find_sustained_drift(three_days, recent)),
        max(psis, default=0.0),
    )


def _judge_recent_hours(
    reference: Reference, hourly: Mapping[datetime, Profile], hour: datetime, thresholds: Thresholds
) -> list[ModelVerdict]:
    """Returns the verdicts of the last hours up to this one, oldest first, without those that have no profile."""
    return [
        judge_profile(reference, hourly[each], thresholds)
        for each in (hour - HOUR * back for back in reversed(range(RECENT_HOURS)))
        if each in hourly
    ]


def _report_week_before(
    reference: Reference, hourly: Mapping[datetime, Profile], hour: datetime, thresholds: Thresholds
) -> tuple[Profile, reports.WindowReport] | tuple[None, None]:
    """Returns the profile and the report of the day a week before, both None if it has no row."""
    before = build_week_before(reference, hourly, hour, WindowLength.DAY)
    if not before.profile.rows:
        return None, None
    return before.profile, _build_window_report(before, judge_profile(reference, before.profile, thresholds))


def _build_window_report(window: Window, verdict: ModelVerdict) -> reports.WindowReport:
    return reports.build_window_report(verdict, window.start, window.end, window.missing_hours)
