"""The year in drift reports: the last report of each month, the sums over all reports, and both as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidewatch.drift.reports import STYLE, VERDICT_MARKS, VERDICT_NOTE, DriftReport, WindowReport
from tidewatch.drift.statistics import Verdict
from tidewatch.html import escape_html, render_cell, render_document, render_row
from tidewatch.html import render_table as tabulated

PAGE_TITLE = "Drift over the year"
TABLE_TITLE = "The year against January to March: verdicts, and the newest version's PSI (! warning, * drift)"
_VERDICT_SIGNS = {Verdict.WARNING: "!", Verdict.DRIFT: "*"}
_ALERT_VERDICTS = (Verdict.WARNING, Verdict.DRIFT)


@dataclass(frozen=True)
class RecordCounts:
    """Captured records by the drift function's result, over all hours: read = parsed + rejected."""

    read: int
    parsed: int
    rejected: int


@dataclass(frozen=True)
class FeatureDrift:
    """A feature's verdict in a month."""

    verdict: str
    psi: float | None
    """None if there were too few rows to compare."""


@dataclass(frozen=True)
class MonthVerdict:
    """The last report of a month about one version, over the three days of the month."""

    month: str
    """Year and month, like 2013-05."""
    version: str
    hour: str
    """The simulated hour of the report."""
    verdict: str
    severity: str
    rows: int
    share: float
    """Share of drifted features, the score included, among those with a verdict."""
    features: dict[str, FeatureDrift]
    page: str
    """The file of the report."""


@dataclass(frozen=True)
class YearDriftSummary:
    """The drift function's results over the whole rehearsal and over the replayed year."""

    hours: int
    """Simulated hours with records."""
    captured_count: int
    """Records that the endpoint captured in these hours."""
    records: RecordCounts
    """The captured records by the drift function's result."""
    flights: int
    """Flights of the sample."""
    requests: int
    """Requests that carried the sample."""
    first_drift_month: str | None
    features: dict[str, str]
    """The drifted features, with the first month of drift."""
    months: list[MonthVerdict]
    pages: str
    """The folder of the report pages."""

    def summary_line(self) -> str:
        """The row in the final table."""
        records = self.records
        first_months = ", ".join(f"{name} first in {month}" for name, month in self.features.items()) or "no feature"
        return (
            f"{records.read} of {self.captured_count} captured records read, one for each answered request "
            f"({self.captured_count - self.requests} before the year, {self.requests} in it), in {self.hours} hours: "
            f"{records.parsed} parsed, {records.rejected} rejected; drifting: {first_months}; the pages: {self.pages}"
        )


def summarize_month(label: str, report: DriftReport, page: str) -> MonthVerdict:
    """Summarizes the last report of a month under the month's name."""
    window = report.windows["three_days"]
    conclusive = [feature for feature in window.features if feature.verdict is not Verdict.INSUFFICIENT]
    drifting = sum(feature.verdict is Verdict.DRIFT for feature in conclusive)
    return MonthVerdict(
        month=label,
        version=report.version,
        hour=report.hour.isoformat() if isinstance(report.hour, datetime) else "",
        verdict=str(report.verdict),
        severity=report.severity,
        rows=window.rows,
        share=round(drifting / max(len(conclusive), 1), 4),
        features=collect_features(window),
        page=page,
    )


def collect_features(window: WindowReport) -> dict[str, FeatureDrift]:
    """The features of a window, by name."""
    return {
        feature.name: FeatureDrift(str(feature.verdict), None if feature.psi is None else round(feature.psi, 4))
        for feature in window.features
    }


def summarize_year(
    reports: Iterable[DriftReport], months: Sequence[MonthVerdict], captured: int, sample: tuple[int, int], pages: str
) -> YearDriftSummary:
    """Sums up all reports, and finds the first months of drift among `months`, which are in calendar order.

    `sample` is the number of flights and the number of requests that carried them.
    """
    hours, records = count_records(reports)
    first: dict[str, str] = {}
    for month in months:
        for name, feature in month.features.items():
            if feature.verdict == Verdict.DRIFT:
                first.setdefault(name, month.month)
    return YearDriftSummary(
        hours=hours,
        captured_count=captured,
        records=records,
        flights=sample[0],
        requests=sample[1],
        first_drift_month=min(first.values(), default=None),
        features=first,
        months=list(months),
        pages=pages,
    )


def count_records(reports: Iterable[DriftReport]) -> tuple[int, RecordCounts]:
    """The number of hours that have a report, and the counts of their records."""
    all_reports = list(reports)
    hours = [report.windows["hour"].records for report in all_reports]
    records = RecordCounts(
        sum(hour_records.read for hour_records in hours),
        sum(hour_records.parsed for hour_records in hours),
        sum(sum(hour_records.rejected.values()) for hour_records in hours),
    )
    return len({report.hour for report in all_reports}), records


def build_table(months: Sequence[MonthVerdict]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of a table with a column for each month.

    The rows are the verdicts of each version, and the features behind the verdicts of the last version.
    """
    names = sorted({month_verdict.month for month_verdict in months})
    versions = sorted({month_verdict.version for month_verdict in months})
    by_version = {
        each: {month_verdict.month: month_verdict for month_verdict in months if month_verdict.version == each}
        for each in versions
    }
    last = by_version[versions[-1]]
    months_in_order = [last[name] for name in names if name in last]
    rows = [
        *(
            [f"version {each}", *(found[name].verdict if name in found else "" for name in names)]
            for each, found in by_version.items()
        ),
        ["severity", *(month_verdict.severity for month_verdict in months_in_order)],
        ["drifting", *(f"{month_verdict.share:.0%}" for month_verdict in months_in_order)],
        *(
            [feature, *(_format_cell(month_verdict.features[feature]) for month_verdict in months_in_order)]
            for feature in _rank_alerting_features(months_in_order)
        ),
    ]
    return ["", *names], rows


def build_notes(months: Sequence[MonthVerdict]) -> list[str]:
    """The notes under the table."""
    years = ", ".join(sorted({month_verdict.hour[:4] for month_verdict in months}))
    return [
        f"The marks are the verdicts. {VERDICT_NOTE}",
        "Version 1 answered requests for flights of the same months: it does not have the five columns of the weather, "
        "which drift.",
        f"A month's flights were replayed in that month of {years}, simulated: its pages carry that date.",
    ]


def render_overview(summary: YearDriftSummary) -> str:
    """Renders the table as one HTML file that links the reports, without scripts or network access."""
    headings, rows = build_table(summary.months)
    table_html = tabulated(
        [escape_html(each) for each in headings], (render_row(name, map(_render_cell, cells)) for name, *cells in rows)
    )
    links = "".join(
        render_row(
            f"version {version}",
            (_render_link(month_verdict) for month_verdict in summary.months if month_verdict.version == version),
        )
        for version in sorted({month_verdict.version for month_verdict in summary.months})
    )
    records, rows_per_request = summary.records, summary.flights // max(summary.requests, 1)
    body = (
        f"<h1>{PAGE_TITLE}</h1><p>{escape_html(TABLE_TITLE)}</p>"
        f'<p class="soft">{summary.flights:,} flights, the same number of each month, drawn with a fixed seed.</p>'
        f"{table_html}{''.join(f'<p>{escape_html(note)}</p>' for note in build_notes(summary.months))}"
        f'<h2>The last report of each month</h2><div class="wide"><table><tbody>{links}</tbody></table></div>'
        f'<p class="soft">The year was {summary.requests:,} requests of {rows_per_request} flights; '
        f"with the hours before, {records.read:,} of {summary.captured_count:,} captured records, one for each "
        f"answered request, were read in {summary.hours} hours: {records.parsed:,} parsed, {records.rejected:,} "
        f"rejected.</p>"
    )
    return render_document(PAGE_TITLE, body, STYLE)


def _rank_alerting_features(months: Sequence[MonthVerdict]) -> list[str]:
    """The features with a warning or drift in any month, those with the largest PSI first."""
    largest: dict[str, float] = {}
    for month in months:
        for name, feature in month.features.items():
            if feature.verdict in _ALERT_VERDICTS or name in largest:
                largest[name] = max(largest.get(name, 0.0), feature.psi or 0.0)
    return sorted(largest, key=lambda name: -largest[name])


def _format_cell(feature: FeatureDrift) -> str:
    return ("–" if feature.psi is None else f"{feature.psi:.2f}") + _VERDICT_SIGNS.get(Verdict(feature.verdict), "")


def _render_cell(content: str) -> str:
    is_alerting = content == Verdict.DRIFT or content.endswith("*")
    return render_cell(escape_html(content), '"n drift"' if is_alerting else "n")


def _render_link(verdict: MonthVerdict) -> str:
    return render_cell(
        f'<a href="{escape_html(verdict.page)}">{VERDICT_MARKS[Verdict(verdict.verdict)]} {verdict.month}</a>'
    )
