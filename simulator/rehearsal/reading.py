"""The drift function's reports as a rehearsal reads them, and the clock as it is moved for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.rehearsal.screen import Screen, amount
from simulator.rehearsal.stage import Stage
from tidewatch.drift.report import Report, decode

READ_AFTER = timedelta(hours=1, minutes=25)
"""After the beginning of an hour: by then its last files are there and the function's schedule has passed."""
FOLDER = "drift"
"""In the monitoring bucket, and of the pages in the rehearsal's own folder."""


@dataclass(frozen=True)
class Reading:
    """The monitoring bucket of a stage, and its clock."""

    stage: Stage

    @property
    def pages(self) -> Path:
        return self.stage.home.folder / FOLDER

    def read_the_past(self, screen: Screen) -> None:
        with screen.step("Two hours later: the hours of the acts so far are read") as step:
            self.pass_to(self.stage.control.clock() + timedelta(hours=2))
            self.stage.control.wait_for_functions()
            read = [one.windows["hour"].records.read for _, one in self.reports(f"{FOLDER}/")]
            step.done = f"{amount(sum(read), 'record')} in {amount(len(read), 'report')}"

    def read_the_hour(self) -> datetime:
        """Lets the function read the hour that the clock is in; its beginning."""
        hour = self.stage.control.clock().replace(minute=0, second=0, microsecond=0)
        self.pass_to(hour + READ_AFTER)
        self.stage.control.wait_for_functions()
        return hour

    def let_it_run(self) -> None:
        """Minutes one by one: to the alarms, functions that run each minute had stopped while the clock jumped."""
        for _ in range(3):
            self.pass_to(self.stage.control.clock() + timedelta(minutes=1))

    def pass_to(self, moment: datetime) -> None:
        """Moves the clock, once what it had started is done: one that runs meanwhile would be out of its time."""
        self.stage.control.wait_for_functions()
        self.stage.control.advance_to(moment)

    def reports(self, prefix: str) -> Iterator[tuple[str, Report]]:
        """The reports in the monitoring bucket, with their keys."""
        listing = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for key in [each["Key"] for part in listing for each in part.get("Contents", ())]:
            if key.endswith(".json") and key != f"{FOLDER}/index.json":
                yield key, decode(self._read(key), key)

    def keep_page(self, key: str, name: str) -> str:
        """Copies a report's page into the rehearsal's folder; its name there."""
        self.pages.mkdir(exist_ok=True)
        (self.pages / name).write_bytes(self._read(f"{key.removesuffix('.json')}.html"))
        return name

    def _read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    @property
    def _s3(self) -> Any:
        return self.stage.client("s3")

    @property
    def _bucket(self) -> str:
        return self.stage.outputs()["buckets"]["monitoring"]
