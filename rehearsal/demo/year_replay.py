"""The last step of the demo: replays a sample of each month's flights and reads the drift reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from rehearsal.aws.sagemaker.replay import replay
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.drift_reports import FOLDER, DriftReports
from rehearsal.demo.drift_summary import (
    MonthVerdict,
    YearDriftSummary,
    render_overview,
    summarize_month,
    summarize_year,
)
from rehearsal.demo.environment import DemoEnvironment, RehearsalFailed

MONTHS = range(5, 13)
"""Months of 2013 after those of training and validation."""
DAYS, REQUESTS, ROWS = 3, 16, 64
"""A month is replayed on its first three days, in one hour a day.

REQUESTS is the number of requests in that hour, ROWS the number of flights in a request.
"""
FLIGHTS = DAYS * REQUESTS * ROWS
"""Flights of one month."""
SAMPLE_SIZE = FLIGHTS * len(MONTHS), DAYS * REQUESTS * len(MONTHS)
"""Flights and requests of all months."""
NOON = 12
"""Hour of the day, UTC, in which the requests are sent."""


@dataclass(frozen=True)
class YearReplay:
    """Replays the year."""

    env: DemoEnvironment
    console: ProgressConsole
    samples: Mapping[int, npt.NDArray[np.float32]]
    """FLIGHTS request rows for each of MONTHS."""

    def run(self) -> YearDriftSummary:
        """Replays all months and summarizes the reports. Raises RehearsalFailed if a month has no report."""
        drift_reports = DriftReports(self.env)
        drift_reports.report_past_hours(self.console)
        year = self.env.control.get_time().year + 1
        months = [
            month_verdict for number in MONTHS for month_verdict in self._replay_month(drift_reports, number, year)
        ]
        capture_counts = self.env.control.flush_capture()
        index_page = drift_reports.pages.relative_to(self.env.root) / "index.html"
        reports = [report for _, report in drift_reports.list_reports(f"{FOLDER}/")]
        summary = summarize_year(
            reports,
            months,
            capture_counts["written_records"] + capture_counts["lost_records"],
            SAMPLE_SIZE,
            str(index_page),
        )
        (drift_reports.pages / index_page.name).write_text(render_overview(summary))
        return summary

    def _replay_month(self, drift_reports: DriftReports, number: int, year: int) -> list[MonthVerdict]:
        """Replays a month of 2013 at the beginning of that month of the simulated `year`."""
        label = f"2013-{number:02}"
        with self.console.run_step(
            f"Replaying {label}: {FLIGHTS} flights in {DAYS * REQUESTS} requests, an hour on each of {DAYS} days"
        ) as step:
            last = self._replay_days(
                drift_reports, self.samples[number], datetime(year, number, 1, NOON, 5, tzinfo=UTC)
            )
            verdicts = sorted(self._collect_verdicts(drift_reports, label, last), key=lambda verdict: verdict.version)
            step.outcome = "; ".join(f"version {verdict.version}: {verdict.verdict}" for verdict in verdicts)
        if not verdicts:
            raise RehearsalFailed(f"the drift function has not reported on {last:%Y-%m-%d %H:%M}, the end of {label}")
        return verdicts

    def _replay_days(self, drift_reports: DriftReports, flights: npt.NDArray[np.float32], first: datetime) -> datetime:
        """Sends the flights on DAYS days from `first` on and lets the drift function read them.

        Returns the last hour.
        """
        endpoint, runtime = self.env.outputs()["endpoint"]["name"], self.env.get_client("sagemaker-runtime")
        for day, rows in enumerate(np.split(flights, DAYS)):
            # Jumps to the next day; the drift function then reads the previous day's hour.
            drift_reports.advance_to(first + timedelta(days=day))
            # One thread: the routing draws a version for each request, in the same order in every rehearsal.
            result = replay(runtime, endpoint, rows, rows_per_request=ROWS, threads=1)
            if result.errors:
                raise RehearsalFailed(f"requests failed: {result.errors}")
        return drift_reports.advance_past_hour()

    def _collect_verdicts(self, drift_reports: DriftReports, label: str, hour: datetime) -> Iterator[MonthVerdict]:
        """Summarizes the reports on that hour and copies their pages."""
        for variant in self.env.outputs()["traffic"]["versions"]:
            for key, report in drift_reports.list_reports(f"{FOLDER}/{variant}/{hour:%Y/%m/%d/%H}/"):
                yield summarize_month(
                    label, report, drift_reports.copy_page(key, f"{label}-version-{report.version}.html")
                )
