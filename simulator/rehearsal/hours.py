"""The last act with a user's own requests: spread over some hours, and what the drift function makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.rehearsal.months import Records, Told, counted, judged
from simulator.rehearsal.reading import FOLDER, Reading
from simulator.rehearsal.screen import Screen, amount
from simulator.rehearsal.stage import RehearsalFailed, Stage
from simulator.replay import Request, replay_requests
from tidewatch.drift.page import MARKS, STYLE
from tidewatch.drift.report import Report
from tidewatch.drift.verdict import Verdict
from tidewatch.html import cell, document, row, table, text

HOURS = 6
"""That the requests are spread over."""
APART = timedelta(days=4)
"""From the acts before: their requests are no part of the three days that the last report judges."""
NAME = "Drift of your requests"
HEADINGS = ("version", "verdict", "rows", "rejected", "drifting")


@dataclass(frozen=True)
class Seen:
    """What the last report says of one version, over all of the hours. rejected: records by the reason."""

    version: str
    verdict: str
    severity: str
    rows: int
    rejected: dict[str, int]
    features: dict[str, Told]
    page: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Under HEADINGS."""
        rejected = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items() if count) or "none"
        drifting = ", ".join(name for name, told in self.features.items() if told.verdict == Verdict.DRIFT) or "none"
        return (self.version, self.verdict, f"{self.rows:,}", rejected, drifting)


@dataclass(frozen=True)
class Watched:
    """The drift function over the whole rehearsal, and over the requests of the last act.

    hours: simulated hours with records; captured: records that the endpoint captured in them; records: what became of
    these. requests: of the last act. pages: their folder.
    """

    hours: int
    captured: int
    records: Records
    requests: int
    versions: list[Seen]
    pages: str

    def told(self) -> str:
        """The row in the table at the end."""
        verdicts = "; ".join(f"version {one.version}: {one.verdict}" for one in self.versions)
        records = self.records
        return (
            f"{records.read} of {self.captured} captured records read in {amount(self.hours, 'hour')}, "
            f"{records.parsed} parsed, {records.rejected} rejected; {verdicts}; the pages: {self.pages}"
        )


@dataclass(frozen=True)
class Hours:
    """Replays the requests once, in their order. what: their name in titles."""

    stage: Stage
    screen: Screen
    requests: Sequence[Request]
    what: str

    def play(self) -> Watched:
        """Raises RehearsalFailed where a request fails or no report comes."""
        reading = Reading(self.stage)
        reading.read_the_past(self.screen)
        first = (self.stage.control.clock() + APART).replace(minute=5, second=0, microsecond=0)
        count = min(HOURS, len(self.requests))
        sent, over = amount(len(self.requests), "request"), amount(count, "hour")
        title = f"Replaying {self.what}: {sent} over {over}, four days later"
        with self.screen.step(title) as step:
            for hour in range(count):
                reading.pass_to(first + timedelta(hours=hour))
                self._send(self.requests[hour * len(self.requests) // count : (hour + 1) * len(self.requests) // count])
            reading.read_the_hour()
            seen = sorted(self._seen(reading, first), key=lambda one: one.version)
            step.done = "; ".join(f"version {one.version}: {one.verdict}" for one in seen)
        if not seen:
            raise RehearsalFailed(f"the drift function has not reported on the hours since {first:%Y-%m-%d %H:%M}")
        reading.let_it_run()
        return self._told(reading, seen)

    def _send(self, requests: Sequence[Request]) -> None:
        endpoint, runtime = self.stage.outputs()["endpoint"]["name"], self.stage.client("sagemaker-runtime")
        # One thread: which version answers is drawn in the order of the requests.
        sent = replay_requests(runtime, endpoint, requests, threads=1)
        if sent.errors:
            raise RehearsalFailed(f"requests failed: {sent.errors}")

    def _seen(self, reading: Reading, first: datetime) -> Iterator[Seen]:
        """The last report of each version since then: an hour without a request to it has none."""
        for slot in self.stage.outputs()["traffic"]["versions"]:
            found = [(key, one) for key, one in reading.reports(f"{FOLDER}/{slot}/") if _since(one, first)]
            if found:
                key, report = max(found, key=lambda one: str(one[1].hour))
                yield _seen(report, reading.keep_page(key, f"version-{report.version}.html"))

    def _told(self, reading: Reading, seen: list[Seen]) -> Watched:
        written = self.stage.control.flush_capture()
        hours, records = counted(one for _, one in reading.reports(f"{FOLDER}/"))
        index = reading.pages.relative_to(self.stage.root) / "index.html"
        captured = written["records"] + written["lost"]
        told = Watched(hours, captured, records, len(self.requests), seen, str(index))
        (reading.pages / index.name).write_text(overview(told))
        return told


def overview(watched: Watched) -> str:
    """The versions' verdicts as a page that links their reports: one HTML file, without script or network."""
    rows = [
        row(f"version {one.version}", [*(cell(text(each)) for each in one.cells[1:]), cell(_link(one))])
        for one in watched.versions
    ]
    told = table([text(each) for each in (*HEADINGS, "report")], rows)
    records = watched.records
    body = (
        f"<h1>{NAME}</h1><p>{watched.requests:,} requests, against the reference of the version that answered.</p>"
        f"{told}"
        f'<p class="soft">{records.read:,} of {watched.captured:,} records of the whole rehearsal read in '
        f"{amount(watched.hours, 'hour')}: {records.parsed:,} parsed, {records.rejected:,} rejected.</p>"
    )
    return document(NAME, body, STYLE)


def _since(report: Report, first: datetime) -> bool:
    return isinstance(report.hour, datetime) and report.hour >= first.replace(minute=0)


def _seen(report: Report, page: str) -> Seen:
    window = report.windows["three_days"]
    return Seen(
        report.version,
        str(report.verdict),
        report.severity,
        window.rows,
        dict(window.records.rejected),
        judged(window),
        page,
    )


def _link(one: Seen) -> str:
    return f'<a href="{text(one.page)}">{MARKS[Verdict(one.verdict)]} {text(one.verdict)}</a>'
