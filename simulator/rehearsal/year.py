"""The last act: a sample of the year's flights, month by month, and what the drift function makes of it by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.rehearsal.months import Drift, Month, month, overview, summed
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import RehearsalFailed, Stage
from simulator.replay import replay
from tidewatch.drift.report import Report, decode

MONTHS = range(5, 13)
"""Of 2013: after the months of training, and that of validation."""
DAYS, REQUESTS, ROWS = 3, 16, 64
"""A month is replayed on its first three days, an hour a day, so many requests an hour, so many flights a request."""
FLIGHTS = DAYS * REQUESTS * ROWS
"""Of one month."""
NOON = 12
"""UTC; the hour of the day in which the requests are sent."""
READ_AFTER = timedelta(hours=1, minutes=25)
"""After the beginning of an hour: by then its last files are there and the function's schedule has passed."""
FOLDER = "drift"
"""In the monitoring bucket, and of the pages in the rehearsal's own folder."""


@dataclass(frozen=True)
class Year:
    """Replays the year. sample: FLIGHTS request rows of each of MONTHS."""

    stage: Stage
    screen: Screen
    sample: Mapping[int, npt.NDArray[np.float32]]

    def play(self) -> Drift:
        """Replays all months and tells what the reports say. Raises RehearsalFailed where a month has none."""
        self._read_the_past()
        year = self.stage.control.clock().year + 1
        months = [seen for number in MONTHS for seen in self._month(number, year)]
        self._let_it_run()
        written = self.stage.control.flush_capture()
        pages = self.stage.home.folder / FOLDER
        shown = pages.relative_to(self.stage.root) / "index.html"
        reports = [one for _, one in self._reports(f"{FOLDER}/")]
        told = summed(reports, months, written["records"] + written["lost"], FLIGHTS * len(MONTHS), str(shown))
        (pages / shown.name).write_text(overview(told))
        return told

    def _let_it_run(self) -> None:
        """Minutes one by one: to the alarms, functions that run each minute had stopped while the clock jumped."""
        for _ in range(3):
            self._pass(self.stage.control.clock() + timedelta(minutes=1))

    def _read_the_past(self) -> None:
        with self.screen.step("Two hours later: the hours of the acts so far are read") as step:
            self._pass(self.stage.control.clock() + timedelta(hours=2))
            self.stage.control.wait_for_functions()
            read = [one.windows["hour"].records.read for _, one in self._reports(f"{FOLDER}/")]
            step.done = f"{sum(read)} records in {len(read)} reports"

    def _month(self, number: int, year: int) -> list[Month]:
        """Replays a month of 2013 at the beginning of that month of `year`, simulated."""
        label = f"2013-{number:02}"
        with self.screen.step(f"Replaying {FLIGHTS} flights of {label}, an hour on each of three days") as step:
            last = self._replay(self.sample[number], datetime(year, number, 1, NOON, 5, tzinfo=UTC))
            seen = sorted(self._seen(label, last), key=lambda one: one.version)
            step.done = "; ".join(f"version {one.version}: {one.verdict}" for one in seen)
        if not seen:
            raise RehearsalFailed(f"the drift function has not reported on {last:%Y-%m-%d %H:%M}, the end of {label}")
        return seen

    def _replay(self, flights: npt.NDArray[np.float32], first: datetime) -> datetime:
        """Sends the flights on DAYS days from `first` on, and lets the function read them; the last hour."""
        endpoint, runtime = self.stage.outputs()["endpoint"]["name"], self.stage.client("sagemaker-runtime")
        for day, rows in enumerate(np.split(flights, DAYS)):
            # To the next day: the function then reads the hour of the one before.
            self._pass(first + timedelta(days=day))
            # One thread: which version answers is drawn in the order of the requests, the same in every rehearsal.
            sent = replay(runtime, endpoint, rows, rows_per_request=ROWS, threads=1)
            if sent.errors:
                raise RehearsalFailed(f"requests failed: {sent.errors}")
        last = self.stage.control.clock().replace(minute=0, second=0, microsecond=0)
        self._pass(last + READ_AFTER)
        self.stage.control.wait_for_functions()
        return last

    def _pass(self, moment: datetime) -> None:
        """Moves the clock, once what it had started is done: one that runs meanwhile would be out of its time."""
        self.stage.control.wait_for_functions()
        self.stage.control.advance_to(moment)

    def _seen(self, label: str, hour: datetime) -> Iterator[Month]:
        """The reports on that hour, their pages copied."""
        pages = self.stage.home.folder / FOLDER
        pages.mkdir(exist_ok=True)
        for slot in self.stage.outputs()["traffic"]["versions"]:
            for key, report in self._reports(f"{FOLDER}/{slot}/{hour:%Y/%m/%d/%H}/"):
                page = pages / f"{label}-version-{report.version}.html"
                page.write_bytes(self._read(f"{key.removesuffix('.json')}.html"))
                yield month(label, report, page.name)

    def _reports(self, prefix: str) -> Iterator[tuple[str, Report]]:
        """The reports in the monitoring bucket, with their keys."""
        listing = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for key in [each["Key"] for part in listing for each in part.get("Contents", ())]:
            if key.endswith(".json") and key != f"{FOLDER}/index.json":
                yield key, decode(self._read(key), key)

    def _read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    @property
    def _s3(self) -> Any:
        return self.stage.client("s3")

    @property
    def _bucket(self) -> str:
        return self.stage.outputs()["buckets"]["monitoring"]
