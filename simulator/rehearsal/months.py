"""The year as the drift reports tell it: what each month's last report says, the sums, and both as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidewatch.drift.page import MARKS, RESTS, STYLE
from tidewatch.drift.report import Report, WindowReport
from tidewatch.drift.verdict import Verdict
from tidewatch.html import cell, document, row, text
from tidewatch.html import table as tabulated

NAME = "Drift over the year"
TITLE = "The year against January to March: verdicts, and the newest version's PSI (! warning, * drift)"
_SIGNS = {Verdict.WARNING: "!", Verdict.DRIFT: "*"}
_LOUD = (Verdict.WARNING, Verdict.DRIFT)


@dataclass(frozen=True)
class Records:
    """What the drift function made of the captured records, over all hours: read = parsed + rejected."""

    read: int
    parsed: int
    rejected: int


@dataclass(frozen=True)
class Told:
    """A feature's verdict in a month; psi is None where there was too little to compare."""

    verdict: str
    psi: float | None


@dataclass(frozen=True)
class Month:
    """What the last report of a month, like 2013-05, says of one version over the month's three days.

    hour: simulated, of the report. share: of the features with a verdict, and the score, those that drift. page: the
    report's file.
    """

    month: str
    version: str
    hour: str
    verdict: str
    severity: str
    rows: int
    share: float
    features: dict[str, Told]
    page: str


@dataclass(frozen=True)
class Drift:
    """The drift function over the whole rehearsal, and over the year that was replayed.

    hours: simulated hours with records; captured: records that the endpoint captured in them; records: what became of
    these. flights: of the sample; requests: that they were sent in. features: each that drifted, with the first month
    it did. pages: their folder.
    """

    hours: int
    captured: int
    records: Records
    flights: int
    requests: int
    first_drift_month: str | None
    features: dict[str, str]
    months: list[Month]
    pages: str

    def told(self) -> str:
        """The row in the table at the end."""
        records = self.records
        first = ", ".join(f"{name} first in {month}" for name, month in self.features.items()) or "no feature"
        return (
            f"{records.read} of {self.captured} captured records read in {self.hours} hours, {records.parsed} parsed, "
            f"{records.rejected} rejected; drifting: {first}; the pages: {self.pages}"
        )


def month(label: str, report: Report, page: str) -> Month:
    """What a report says, under the name of the month that it is the last one of."""
    window = report.windows["three_days"]
    enough = [one for one in window.features if one.verdict is not Verdict.INSUFFICIENT]
    drifting = sum(one.verdict is Verdict.DRIFT for one in enough)
    return Month(
        month=label,
        version=report.version,
        hour=report.hour.isoformat() if isinstance(report.hour, datetime) else "",
        verdict=str(report.verdict),
        severity=report.severity,
        rows=window.rows,
        share=round(drifting / max(len(enough), 1), 4),
        features=judged(window),
        page=page,
    )


def judged(window: WindowReport) -> dict[str, Told]:
    """The features of a window by name."""
    return {one.name: Told(str(one.verdict), None if one.psi is None else round(one.psi, 4)) for one in window.features}


def summed(
    reports: Iterable[Report], months: Sequence[Month], captured: int, sample: tuple[int, int], pages: str
) -> Drift:
    """The sums over all reports, and the first months of drift among `months`, which are in their order.

    sample: flights, and the requests that they were sent in.
    """
    hours, records = counted(reports)
    first: dict[str, str] = {}
    for each in months:
        for name, told in each.features.items():
            if told.verdict == Verdict.DRIFT:
                first.setdefault(name, each.month)
    return Drift(
        hours=hours,
        captured=captured,
        records=records,
        flights=sample[0],
        requests=sample[1],
        first_drift_month=min(first.values(), default=None),
        features=first,
        months=list(months),
        pages=pages,
    )


def counted(reports: Iterable[Report]) -> tuple[int, Records]:
    """The hours that have a report, and what became of their records."""
    found = list(reports)
    hours = [one.windows["hour"].records for one in found]
    records = Records(
        sum(one.read for one in hours),
        sum(one.parsed for one in hours),
        sum(sum(one.rejected.values()) for one in hours),
    )
    return len({one.hour for one in found}), records


def table(months: Sequence[Month]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: a column a month; the verdict of each version, and of the last one what it rests on."""
    names = sorted({one.month for one in months})
    versions = sorted({one.version for one in months})
    by_version = {each: {one.month: one for one in months if one.version == each} for each in versions}
    last = by_version[versions[-1]]
    told = [last[name] for name in names if name in last]
    rows = [
        *(
            [f"version {each}", *(found[name].verdict if name in found else "" for name in names)]
            for each, found in by_version.items()
        ),
        ["severity", *(one.severity for one in told)],
        ["drifting", *(f"{one.share:.0%}" for one in told)],
        *([feature, *(_cell(one.features[feature]) for one in told)] for feature in _loud(told)),
    ]
    return ["", *names], rows


def notes(months: Sequence[Month]) -> list[str]:
    """What is said under the table."""
    years = ", ".join(sorted({one.hour[:4] for one in months}))
    return [
        f"The marks are the verdicts. {RESTS}",
        "Version 1 was asked for flights of the same months: it does not have the five columns of the weather, which "
        "is what drifts.",
        f"A month's flights were replayed in that month of {years}, simulated: its pages carry that date.",
    ]


def overview(drift: Drift) -> str:
    """The table as a page that links the reports: one HTML file, without script or network."""
    headings, rows = table(drift.months)
    told = tabulated([text(each) for each in headings], (row(name, map(_html, cells)) for name, *cells in rows))
    links = "".join(
        row(f"version {version}", (_link(one) for one in drift.months if one.version == version))
        for version in sorted({one.version for one in drift.months})
    )
    records, each = drift.records, drift.flights // max(drift.requests, 1)
    body = (
        f"<h1>{NAME}</h1><p>{text(TITLE)}</p>"
        f'<p class="soft">{drift.flights:,} flights, the same number of each month, drawn with a fixed seed.</p>'
        f"{told}{''.join(f'<p>{text(note)}</p>' for note in notes(drift.months))}"
        f'<h2>The last report of each month</h2><div class="wide"><table><tbody>{links}</tbody></table></div>'
        f'<p class="soft">The year was {drift.requests:,} requests of {each} flights; '
        f"with the acts before, {records.read:,} of {drift.captured:,} captured records were read in {drift.hours} "
        f"hours: {records.parsed:,} parsed, {records.rejected:,} rejected.</p>"
    )
    return document(NAME, body, STYLE)


def _loud(months: Sequence[Month]) -> list[str]:
    """The features that warned or drifted in any month, the largest PSI first."""
    largest: dict[str, float] = {}
    for each in months:
        for name, told in each.features.items():
            if told.verdict in _LOUD or name in largest:
                largest[name] = max(largest.get(name, 0.0), told.psi or 0.0)
    return sorted(largest, key=lambda name: -largest[name])


def _cell(told: Told) -> str:
    return ("–" if told.psi is None else f"{told.psi:.2f}") + _SIGNS.get(Verdict(told.verdict), "")


def _html(content: str) -> str:
    loud = content == Verdict.DRIFT or content.endswith("*")
    return cell(text(content), '"n drift"' if loud else "n")


def _link(one: Month) -> str:
    return cell(f'<a href="{text(one.page)}">{MARKS[Verdict(one.verdict)]} {one.month}</a>')
