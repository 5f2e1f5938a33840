"""The last step of the demo with a user's own requests: spreads them over some hours and reads the drift reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rehearsal.aws.sagemaker.replay import InferenceRequest, replay_requests
from rehearsal.demo.console import ProgressConsole, pluralize
from rehearsal.demo.drift_reports import FOLDER, DriftReports
from rehearsal.demo.drift_summary import FeatureDrift, RecordCounts, collect_features, count_records
from rehearsal.demo.environment import DemoEnvironment, RehearsalFailed
from tidewatch.drift.reports import STYLE, VERDICT_MARKS, DriftReport
from tidewatch.drift.statistics import Verdict
from tidewatch.html import escape_html, render_cell, render_document, render_row, render_table

MAX_HOURS = 6
"""The requests are spread over at most this many hours."""
GAP_BEFORE_REPLAY = timedelta(days=4)
"""Keeps the requests of the earlier steps out of the three days that the last report covers."""
PAGE_TITLE = "Drift of your requests"
HEADINGS = ("version", "verdict", "rows", "rejected", "drift and warnings")


@dataclass(frozen=True)
class VersionDrift:
    """The last report about one version, over all of the hours."""

    version: str
    verdict: str
    severity: str
    rows: int
    rejected: dict[str, int]
    """Number of rejected records, by reason."""
    features: dict[str, FeatureDrift]
    page: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of this version under HEADINGS."""
        rejected = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items() if count) or "none"
        return (self.version, self.verdict, f"{self.rows:,}", rejected, self._format_alerting_features())

    def _format_alerting_features(self) -> str:
        """Those with drift and those with a warning, by name; the score is one of them."""
        names_by_verdict = {
            verdict: [name for name, feature in self.features.items() if feature.verdict == verdict]
            for verdict in (Verdict.DRIFT, Verdict.WARNING)
        }
        parts = [f"{verdict}: {', '.join(names)}" for verdict, names in names_by_verdict.items() if names]
        return "; ".join(parts) or "none"


@dataclass(frozen=True)
class RequestsDriftSummary:
    """The drift function's results over the whole rehearsal and over the requests of the last step."""

    hours: int
    """Simulated hours with records."""
    captured_count: int
    """Records that the endpoint captured in these hours."""
    records: RecordCounts
    """The captured records by the drift function's result."""
    requests: int
    """Requests of the last step."""
    versions: list[VersionDrift]
    pages: str
    """The folder of the report pages."""

    def summary_line(self) -> str:
        """The row in the final table."""
        verdicts = "; ".join(
            f"version {version_drift.version}: {version_drift.verdict}" for version_drift in self.versions
        )
        records = self.records
        return (
            f"{records.read} of {self.captured_count} captured records read, one for each answered request "
            f"({self.captured_count - self.requests} before the replay, {self.requests} in it), in "
            f"{pluralize(self.hours, 'hour')}: {records.parsed} parsed, {records.rejected} rejected; {verdicts}; "
            f"the pages: {self.pages}"
        )


@dataclass(frozen=True)
class RequestsReplay:
    """Replays the requests once, in their order."""

    env: DemoEnvironment
    console: ProgressConsole
    requests: Sequence[InferenceRequest]
    requests_name: str
    """The name of the requests in titles."""

    def run(self) -> RequestsDriftSummary:
        """Replays the requests and summarizes the reports.

        Raises RehearsalFailed if a request fails or no report appears.
        """
        drift_reports = DriftReports(self.env)
        drift_reports.report_past_hours(self.console)
        first = (self.env.control.get_time() + GAP_BEFORE_REPLAY).replace(minute=5, second=0, microsecond=0)
        count = min(MAX_HOURS, len(self.requests))
        request_count, hour_count = pluralize(len(self.requests), "request"), pluralize(count, "hour")
        title = f"Replaying {self.requests_name}: {request_count} over {hour_count}, four days later"
        with self.console.run_step(title) as step:
            for hour in range(count):
                drift_reports.advance_to(first + timedelta(hours=hour))
                self._send_requests(
                    self.requests[hour * len(self.requests) // count : (hour + 1) * len(self.requests) // count]
                )
            drift_reports.advance_past_hour()
            versions = sorted(
                self._collect_versions(drift_reports, first), key=lambda version_drift: version_drift.version
            )
            step.outcome = "; ".join(
                f"version {version_drift.version}: {version_drift.verdict}" for version_drift in versions
            )
        if not versions:
            raise RehearsalFailed(f"the drift function has not reported on the hours since {first:%Y-%m-%d %H:%M}")
        return self._write_summary(drift_reports, versions)

    def _send_requests(self, requests: Sequence[InferenceRequest]) -> None:
        endpoint, runtime = self.env.outputs()["endpoint"]["name"], self.env.get_client("sagemaker-runtime")
        # One thread: the routing draws a version for each request, in the order of the requests.
        result = replay_requests(runtime, endpoint, requests, threads=1)
        if result.errors:
            raise RehearsalFailed(f"requests failed: {result.errors}")

    def _collect_versions(self, drift_reports: DriftReports, first: datetime) -> Iterator[VersionDrift]:
        """The last report of each version since `first`: an hour without a request to a version has no report."""
        for variant in self.env.outputs()["traffic"]["versions"]:
            reports_since = [
                (key, report)
                for key, report in drift_reports.list_reports(f"{FOLDER}/{variant}/")
                if _is_since(report, first)
            ]
            if reports_since:
                key, report = max(reports_since, key=lambda keyed_report: str(keyed_report[1].hour))
                yield _to_version_drift(report, drift_reports.copy_page(key, f"version-{report.version}.html"))

    def _write_summary(self, drift_reports: DriftReports, versions: list[VersionDrift]) -> RequestsDriftSummary:
        capture_counts = self.env.control.flush_capture()
        hours, records = count_records(report for _, report in drift_reports.list_reports(f"{FOLDER}/"))
        index = drift_reports.pages.relative_to(self.env.root) / "index.html"
        captured_count = capture_counts["written_records"] + capture_counts["lost_records"]
        summary = RequestsDriftSummary(hours, captured_count, records, len(self.requests), versions, str(index))
        (drift_reports.pages / index.name).write_text(render_overview(summary))
        return summary


def render_overview(summary: RequestsDriftSummary) -> str:
    """Renders the versions' verdicts as one HTML file that links their reports, without scripts or network access."""
    rows = [
        render_row(
            f"version {version_drift.version}",
            [
                *(render_cell(escape_html(each)) for each in version_drift.cells[1:]),
                render_cell(_render_link(version_drift)),
            ],
        )
        for version_drift in summary.versions
    ]
    table_html = render_table([escape_html(each) for each in (*HEADINGS, "report")], rows)
    records = summary.records
    body = (
        f"<h1>{PAGE_TITLE}</h1>"
        f"<p>{summary.requests:,} requests, against the reference of the version that answered.</p>"
        f"{table_html}"
        f'<p class="soft">{records.read:,} of {summary.captured_count:,} records of the whole rehearsal, one for each '
        f"answered request, read in {pluralize(summary.hours, 'hour')}: {records.parsed:,} parsed, "
        f"{records.rejected:,} rejected.</p>"
    )
    return render_document(PAGE_TITLE, body, STYLE)


def _is_since(report: DriftReport, first: datetime) -> bool:
    return isinstance(report.hour, datetime) and report.hour >= first.replace(minute=0)


def _to_version_drift(report: DriftReport, page: str) -> VersionDrift:
    window = report.windows["three_days"]
    return VersionDrift(
        report.version,
        str(report.verdict),
        report.severity,
        window.rows,
        dict(window.records.rejected),
        collect_features(window),
        page,
    )


def _render_link(version_drift: VersionDrift) -> str:
    label = f"{VERDICT_MARKS[Verdict(version_drift.verdict)]} {escape_html(version_drift.verdict)}"
    return f'<a href="{escape_html(version_drift.page)}">{label}</a>'
