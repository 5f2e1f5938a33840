"""Reads the drift function's reports and moves the simulated clock so that they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rehearsal.demo.console import ProgressConsole, pluralize
from rehearsal.demo.environment import DemoEnvironment
from tidewatch.drift.reports import DriftReport, decode_report

REPORT_DELAY = timedelta(hours=1, minutes=25)
"""Time after the beginning of an hour at which its last files exist and the function's schedule has passed."""
FOLDER = "drift"
"""Prefix of the reports in the monitoring bucket, and folder of their pages in the rehearsal's folder."""


@dataclass(frozen=True)
class DriftReports:
    """The drift reports in the monitoring bucket of a rehearsal, and the clock that they depend on."""

    env: DemoEnvironment

    @property
    def pages(self) -> Path:
        return self.env.paths.folder / FOLDER

    def report_past_hours(self, console: ProgressConsole) -> None:
        with console.run_step("Two hours later: the drift function reads the hours so far") as step:
            self.advance_to(self.env.control.get_time() + timedelta(hours=2))
            self.env.control.wait_for_functions()
            record_counts = [report.windows["hour"].records.read for _, report in self.list_reports(f"{FOLDER}/")]
            step.outcome = (
                f"{pluralize(sum(record_counts), 'record')}, one for each answered request, in "
                f"{pluralize(len(record_counts), 'report')}"
            )

    def advance_past_hour(self) -> datetime:
        """Moves the clock until the function has read the current hour. Returns the beginning of that hour."""
        hour = self.env.control.get_time().replace(minute=0, second=0, microsecond=0)
        self.advance_to(hour + REPORT_DELAY)
        self.env.control.wait_for_functions()
        return hour

    def advance_to(self, moment: datetime) -> None:
        """Moves the clock after the running functions have ended, which would see the wrong time otherwise."""
        self.env.control.wait_for_functions()
        self.env.control.advance_to(moment)

    def list_reports(self, prefix: str) -> Iterator[tuple[str, DriftReport]]:
        """The reports in the monitoring bucket, with their keys."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for key in [each["Key"] for page in pages for each in page.get("Contents", ())]:
            if key.endswith(".json") and key != f"{FOLDER}/index.json":
                yield key, decode_report(self._read_object(key), key)

    def copy_page(self, key: str, name: str) -> str:
        """Copies a report's page into the rehearsal's folder. Returns its file name there."""
        self.pages.mkdir(exist_ok=True)
        (self.pages / name).write_bytes(self._read_object(f"{key.removesuffix('.json')}.html"))
        return name

    def _read_object(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    @property
    def _s3(self) -> Any:
        return self.env.get_client("s3")

    @property
    def _bucket(self) -> str:
        return self.env.outputs()["buckets"]["monitoring"]
