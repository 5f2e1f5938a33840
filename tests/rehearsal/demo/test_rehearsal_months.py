"""The year as the reports tell it: first months of drift, every record accounted for, and the tables."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.drift_summary import (
    MonthVerdict,
    YearDriftSummary,
    build_table,
    render_overview,
    summarize_month,
    summarize_year,
)
from rehearsal.demo.summary import DemoSummary
from tidewatch.drift.reports import DriftReport, WindowReport
from tidewatch.drift.reports.report import RecordCounts
from tidewatch.drift.statistics import FeatureVerdict, Verdict

OK, WARNING, DRIFT, INSUFFICIENT = Verdict.OK, Verdict.WARNING, Verdict.DRIFT, Verdict.INSUFFICIENT


def report(
    number: int, version: str, verdict: Verdict = OK, rejected: int = 0, **features: tuple[Verdict, float | None]
) -> DriftReport:
    """Of a month: 10 records in its last hour, 30 in its three days; features by name: verdict and PSI."""
    told = tuple(FeatureVerdict(name, "numeric", one, psi=psi) for name, (one, psi) in features.items())

    def window(read: int) -> WindowReport:
        records = RecordCounts(read=read, parsed=read - rejected, rejected={"not_json": rejected} if rejected else {})
        return WindowReport(rows=read * 8, records=records, verdict=verdict, features=told)

    return DriftReport(
        model="flights",
        version=version,
        hour=datetime(2027, number, 3, 12, tzinfo=UTC),
        verdict=verdict,
        severity="inform" if verdict is DRIFT else "none",
        windows={"hour": window(10), "three_days": window(30)},
    )


REPORTS = [
    (5, report(5, "1", humid=(OK, 0.01))),
    (5, report(5, "2", WARNING, humid=(WARNING, 0.15), wind_gust=(OK, 0.02), hour=(OK, 0.3))),
    (6, report(6, "1", humid=(OK, 0.02))),
    (6, report(6, "2", DRIFT, rejected=2, humid=(DRIFT, 0.25), wind_gust=(INSUFFICIENT, None), hour=(OK, 0.3))),
    (7, report(7, "1", humid=(OK, 0.01))),
    (7, report(7, "2", DRIFT, humid=(DRIFT, 0.2), wind_gust=(DRIFT, 0.5), hour=(OK, 0.3))),
]


@pytest.fixture
def months() -> list[MonthVerdict]:
    return [summarize_month(f"2013-{number:02}", one, f"{number}-{one.version}.html") for number, one in REPORTS]


@pytest.fixture
def drift(months: list[MonthVerdict]) -> YearDriftSummary:
    return summarize_year([one for _, one in REPORTS], months, captured=60, sample=(240, 30), pages="out/index.html")


def test_a_month_is_told_over_its_three_days(months: list[MonthVerdict]) -> None:
    june = months[3]
    assert (june.month, june.version, june.verdict, june.severity) == ("2013-06", "2", "drift", "inform")
    assert (june.rows, june.hour) == (240, "2027-06-03T12:00:00+00:00")
    assert june.share == 0.5, "of the two features with a verdict"


def test_every_record_of_every_hour_is_in_the_sum_and_none_twice(drift: YearDriftSummary) -> None:
    assert dataclasses.asdict(drift.records) == {"read": 60, "parsed": 58, "rejected": 2}
    assert (drift.hours, drift.captured_count) == (3, 60)


def test_a_feature_is_named_with_the_first_month_in_which_it_drifted(drift: YearDriftSummary) -> None:
    assert drift.features == {"humid": "2013-06", "wind_gust": "2013-07"}
    assert drift.first_drift_month == "2013-06"


def test_a_year_without_drift_has_no_first_month() -> None:
    quiet = summarize_month("2013-05", REPORTS[0][1], "page.html")
    assert summarize_year([REPORTS[0][1]], [quiet], 10, (80, 10), "").first_drift_month is None


def test_the_table_has_a_column_a_month_and_a_row_for_each_feature_that_was_loud(months: list[MonthVerdict]) -> None:
    headings, rows = build_table(months)
    assert headings == ["", "2013-05", "2013-06", "2013-07"]
    assert {name: cells for name, *cells in rows} == {
        "version 1": ["ok", "ok", "ok"],
        "version 2": ["warning", "drift", "drift"],
        "severity": ["none", "inform", "inform"],
        "drifting": ["0%", "50%", "67%"],
        "wind_gust": ["0.02", "–", "0.50*"],
        "humid": ["0.15!", "0.25*", "0.20*"],
    }
    assert [row[0] for row in rows][4:] == ["wind_gust", "humid"], "the largest PSI first"


def test_the_overview_links_each_report_and_says_what_was_read(drift: YearDriftSummary) -> None:
    page = render_overview(drift)
    for each in drift.months:
        assert f'href="{each.page}"' in page
    assert "30 requests of 8 flights; with the hours before, 60 of 60 captured records, one for each answered " in page
    assert "for each answered request, were read in 3 hours: 58 parsed, 2 rejected" in page
    assert "a drift may have a smaller PSI than a warning" in page
    assert "does not have the five columns of the weather" in page
    assert "replayed in that month of 2027" in page
    assert "<script" not in page
    assert "//" not in page


def test_the_summary_holds_the_drift_and_tells_it(drift: YearDriftSummary, tmp_path: Path) -> None:
    summary = DemoSummary(drift=drift)
    summary.write(tmp_path / "summary.json")
    written = json.loads((tmp_path / "summary.json").read_text())["drift"]
    assert (written["hours"], written["first_drift_month"]) == (3, "2013-06")
    assert written["records"] == {"read": 60, "parsed": 58, "rejected": 2}
    assert written["months"][1]["features"]["humid"] == {"verdict": "warning", "psi": 0.15}
    told = summary.rows()["drift"]
    assert "humid first in 2013-06, wind_gust first in 2013-07" in told
    assert "60 of 60 captured records read, one for each answered request (30 before the year, 30 in it), " in told
    assert "in 3 hours: 58 parsed, 2 rejected; " in told
    assert "out/index.html" in told


def test_the_table_fits_on_a_narrow_screen(months: list[MonthVerdict], capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    year = [dataclasses.replace(months[3], month=f"2013-{number:02}", verdict="warning") for number in range(5, 13)]
    ProgressConsole(Console(width=80)).print_grid("The year", *build_table(year))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split().count("warning") == 8 for line in lines)
