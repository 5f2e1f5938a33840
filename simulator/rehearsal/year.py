"""The last act: a sample of the year's flights, month by month, and what the drift function makes of it by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from simulator.rehearsal.months import Drift, Month, month, overview, summed
from simulator.rehearsal.reading import FOLDER, Reading
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import RehearsalFailed, Stage
from simulator.replay import replay

MONTHS = range(5, 13)
"""Of 2013: after the months of training, and that of validation."""
DAYS, REQUESTS, ROWS = 3, 16, 64
"""A month is replayed on its first three days, an hour a day, so many requests an hour, so many flights a request."""
FLIGHTS = DAYS * REQUESTS * ROWS
"""Of one month."""
SAMPLE = FLIGHTS * len(MONTHS), DAYS * REQUESTS * len(MONTHS)
"""Flights and requests of all months."""
NOON = 12
"""UTC; the hour of the day in which the requests are sent."""


@dataclass(frozen=True)
class Year:
    """Replays the year. sample: FLIGHTS request rows of each of MONTHS."""

    stage: Stage
    screen: Screen
    sample: Mapping[int, npt.NDArray[np.float32]]

    def play(self) -> Drift:
        """Replays all months and tells what the reports say. Raises RehearsalFailed where a month has none."""
        reading = Reading(self.stage)
        reading.read_the_past(self.screen)
        year = self.stage.control.clock().year + 1
        months = [seen for number in MONTHS for seen in self._month(reading, number, year)]
        reading.let_it_run()
        written = self.stage.control.flush_capture()
        shown = reading.pages.relative_to(self.stage.root) / "index.html"
        reports = [one for _, one in reading.reports(f"{FOLDER}/")]
        told = summed(reports, months, written["records"] + written["lost"], SAMPLE, str(shown))
        (reading.pages / shown.name).write_text(overview(told))
        return told

    def _month(self, reading: Reading, number: int, year: int) -> list[Month]:
        """Replays a month of 2013 at the beginning of that month of `year`, simulated."""
        label = f"2013-{number:02}"
        with self.screen.step(f"Replaying {FLIGHTS} flights of {label}, an hour on each of three days") as step:
            last = self._replay(reading, self.sample[number], datetime(year, number, 1, NOON, 5, tzinfo=UTC))
            seen = sorted(self._seen(reading, label, last), key=lambda one: one.version)
            step.done = "; ".join(f"version {one.version}: {one.verdict}" for one in seen)
        if not seen:
            raise RehearsalFailed(f"the drift function has not reported on {last:%Y-%m-%d %H:%M}, the end of {label}")
        return seen

    def _replay(self, reading: Reading, flights: npt.NDArray[np.float32], first: datetime) -> datetime:
        """Sends the flights on DAYS days from `first` on, and lets the function read them; the last hour."""
        endpoint, runtime = self.stage.outputs()["endpoint"]["name"], self.stage.client("sagemaker-runtime")
        for day, rows in enumerate(np.split(flights, DAYS)):
            # To the next day: the function then reads the hour of the one before.
            reading.pass_to(first + timedelta(days=day))
            # One thread: which version answers is drawn in the order of the requests, the same in every rehearsal.
            sent = replay(runtime, endpoint, rows, rows_per_request=ROWS, threads=1)
            if sent.errors:
                raise RehearsalFailed(f"requests failed: {sent.errors}")
        return reading.read_the_hour()

    def _seen(self, reading: Reading, label: str, hour: datetime) -> Iterator[Month]:
        """The reports on that hour, their pages copied."""
        for slot in self.stage.outputs()["traffic"]["versions"]:
            for key, report in reading.reports(f"{FOLDER}/{slot}/{hour:%Y/%m/%d/%H}/"):
                yield month(label, report, reading.keep_page(key, f"{label}-version-{report.version}.html"))
