from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.browser import browser, open_page
from tidewatch.capture.accounting import Accounting, RejectExample
from tidewatch.capture.reject_reasons import RejectReason
from tidewatch.drift.counting.table_counter import count_table
from tidewatch.drift.errors import InvalidReport
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, Reference
from tidewatch.drift.reports import (
    DriftReport,
    WindowReport,
    build_window_report,
    decode_report,
    list_examples,
    render_report,
)
from tidewatch.drift.reports.charts import compute_bin_shares
from tidewatch.drift.reports.html_report import format_hour_ranges
from tidewatch.drift.statistics import Verdict, judge_profile
from tidewatch.drift.tables import ArrayTable
from tidewatch.drift.training.table_reference import build_reference_from_table
from tidewatch.html import CONTENT_SECURITY_POLICY, format_percent

__all__ = ["browser"]

END = datetime(2013, 5, 14, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVIL = "<script>alert('x')</script>&\"\u202e\x00"


def arrays(rows: int, seed: int, shift: float = 0.0, numbers: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    found: dict[str, Any] = {f"n{at}": random.normal(shift if at == 0 else 0.0, size=rows) for at in range(numbers)}
    found["n1"][::50] = np.nan
    found[EVIL] = random.choice([EVIL, "a", "b", *(f"city {at}" for at in range(30))], rows).tolist()
    found["score"] = random.random(rows)
    return found


def build_profile(trained: Reference, rows: int, seed: int, shift: float = 0.0, numbers: int = 3) -> Profile:
    return count_table(ArrayTable(arrays(rows, seed, shift, numbers)), trained, "x").profile


@pytest.fixture(scope="module")
def trained_reference() -> Reference:
    return build_reference_from_table(ArrayTable(arrays(2000, 1)), score="score")


@pytest.fixture(scope="module")
def profiles(trained_reference: Reference) -> dict[str, Profile | None]:
    found = {
        "hour": build_profile(trained_reference, 60, 2),
        "day": build_profile(trained_reference, 1000, 3, shift=1.0),
        "three_days": build_profile(trained_reference, 3000, 4, shift=0.4),
        "week_before": build_profile(trained_reference, 1000, 5),
    }
    place = RejectExample(f"s3://capture/{EVIL}.jsonl", 123_456, RejectReason.NOT_A_NUMBER, EVIL)
    odd = Accounting(read=3, rejected={RejectReason.NOT_A_NUMBER: 1, RejectReason.TRUNCATED: 2}, examples=(place,))
    found["day"] = replace(found["day"], accounting=found["day"].accounting + odd)
    return dict(found)


def build_report(trained: Reference, profiles: dict[str, Profile | None]) -> DriftReport:
    def over(key: str, hours: int, end: datetime = END) -> WindowReport:
        profile = profiles[key]
        assert profile is not None
        start = end - HOUR * hours
        gone = [hour for hour in (END - HOUR * 30, END - HOUR * 5) if start <= hour < end]
        return build_window_report(judge_profile(trained, profile), start, end, gone)

    day = profiles["day"]
    assert day is not None
    return DriftReport(
        model="flights",
        endpoint="flights-prod",
        variant="blue",
        version="3",
        configuration="3fa9c1",
        hour=END - HOUR,
        verdict=Verdict.DRIFT,
        severity="ticket",
        windows={"hour": over("hour", 1), "day": over("day", 24), "three_days": over("three_days", 72)},
        week_before=over("week_before", 24, END - timedelta(days=7)),
        reject_examples=list_examples(day.accounting),
    )


@pytest.fixture(scope="module")
def report(trained_reference: Reference, profiles: dict[str, Profile | None]) -> DriftReport:
    return build_report(trained_reference, profiles)


@pytest.fixture(scope="module")
def html(report: DriftReport, trained_reference: Reference, profiles: dict[str, Profile | None]) -> str:
    return render_report(report, trained_reference, profiles)


class Parsed(HTMLParser):
    """Tags, attributes and text of a page; refuses tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_a_report_survives_its_json_and_has_one_form(
    report: DriftReport, trained_reference: Reference, profiles: Any
) -> None:
    raw = report.encode()
    assert decode_report(raw, "x") == report
    assert build_report(trained_reference, profiles).encode() == raw
    told = msgspec.json.decode(raw)
    assert list(told) == sorted(told)
    assert told["hour"] == "2013-05-14T12:00:00Z"
    assert told["windows"]["day"]["missing_hours"] == ["2013-05-14T08:00:00Z"]
    assert told["windows"]["day"]["records"]["rejected"] == {"not_a_number": 1, "truncated": 2}
    assert told["windows"]["day"]["features"][0]["verdict"] == "drift"
    assert told["week_before"]["rows"] == 1000
    assert told["reject_examples"][0]["offset"] == 123_456


def test_a_report_of_another_schema_is_refused() -> None:
    with pytest.raises(InvalidReport, match=r"r\.json is not a report of schema 1"):
        decode_report(b'{"schema": 2}', "r.json")


def test_the_page_says_verdict_and_severity_in_words_first(html: str) -> None:
    text = Parsed(html).text
    words = " ".join(text)
    assert words.index("▲ drift") < words.index("Severity: ticket") < words.index("What was counted")
    assert "version 3" in words
    assert "hour 2013-05-14 12:00 UTC" in words


def test_the_page_is_one_file_without_script_or_network(html: str) -> None:
    parsed = Parsed(html)
    assert {name for name, _ in parsed.tags}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not re.search(r"https?://|url\(|@import|\son\w+=", html)
    assert all(value.startswith("#") for _, attrs in parsed.tags if (value := attrs.get("href")))
    assert parsed.count("style") == 1


def test_names_are_escaped_wherever_they_stand(html: str) -> None:
    assert "<script" not in html
    assert "\x00" not in html
    assert "\u202e" not in html
    assert html.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;") >= 4


def test_the_page_accounts_for_records_and_shows_missing_hours(html: str) -> None:
    text = Parsed(html).text
    at = text.index("records read")
    assert text[at + 1 : at + 5] == ["60", "1,003", "3,000", "1,000"]
    at = text.index("rejected: truncated")
    assert text[at + 1 : at + 5] == ["0", "2", "0", "0"]
    assert "70 of 72 hours counted, 2 missing." in text
    assert "Hours missing: 2" in text
    assert "123,456" in text


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ([4], ["2027-05-01 04:00 UTC"]),
        ([4, 5, 6], ["2027-05-01 04:00 to 2027-05-01 07:00 UTC"]),
        ([1, 3, 4, 9], ["2027-05-01 01:00 UTC", "2027-05-01 03:00 to 2027-05-01 05:00 UTC", "2027-05-01 09:00 UTC"]),
        ([], []),
    ],
)
def test_missing_hours_that_follow_each_other_are_one_range(missing: list[int], told: list[str]) -> None:
    hours = [datetime(2027, 5, 1, hour, tzinfo=UTC) for hour in missing]
    assert list(format_hour_ranges(hours)) == told


def test_under_the_features_it_says_what_a_verdict_rests_on(html: str) -> None:
    assert "a drift may have a smaller PSI than a warning" in html


def test_features_stand_worst_first_with_their_reasons(html: str, report: DriftReport) -> None:
    names = re.findall(r'<a href="#f\d+">([^<]*)</a>', html)
    assert names[0] == "n0"
    assert len(names) == len(report.windows["day"].features)
    assert report.windows["day"].features[0].reasons[0] in html


def test_every_drawing_has_a_title_and_a_description(html: str) -> None:
    parsed = Parsed(html)
    drawings = [attrs for tag, attrs in parsed.tags if tag == "svg"]
    ids = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    assert len(drawings) == 6  # five features and the hours
    for attrs in drawings:
        assert attrs["role"] == "img"
        assert set(str(attrs["aria-labelledby"]).split()) <= ids
    assert "prefers-color-scheme:dark" in html


def test_the_same_report_gives_the_same_page(
    html: str, report: DriftReport, trained_reference: Reference, profiles: dict[str, Profile | None]
) -> None:
    assert render_report(report, trained_reference, profiles) == html


def test_a_page_of_25_features_stays_small() -> None:
    trained = build_reference_from_table(ArrayTable(arrays(2000, 1, numbers=23)), score="score")
    profile = build_profile(trained, 500, 2, shift=1.0, numbers=23)
    windows = {
        "hour": build_window_report(judge_profile(trained, profile)),
        "day": build_window_report(judge_profile(trained, profile)),
    }
    report = DriftReport(model="m", verdict=windows["day"].verdict, windows=windows, week_before=windows["day"])
    assert len(trained.measured_features) == 25
    html = render_report(report, trained, {"hour": profile, "day": profile, "week_before": profile})
    assert len(html.encode()) < 150_000


def test_a_page_of_records_without_a_time_or_without_rows_can_be_drawn(trained_reference: Reference) -> None:
    empty = Profile.empty(trained_reference)
    verdict = judge_profile(trained_reference, empty)
    report = DriftReport(model="m", verdict=verdict.verdict, windows={"records": build_window_report(verdict)})
    text = Parsed(render_report(report, trained_reference, {"records": empty})).text
    assert "? insufficient data" in text
    assert "hours missing" not in text


def test_bins_of_a_drawing_add_up_to_all_rows(
    trained_reference: Reference, profiles: dict[str, Profile | None]
) -> None:
    day = profiles["day"]
    assert day is not None
    for feature, counts in zip(trained_reference.measured_features, day.counts, strict=True):
        bins = compute_bin_shares(feature, counts, counts)
        assert sum(pair.reference for pair in bins) == pytest.approx(1)
        assert sum(pair.production for pair in bins) == pytest.approx(1)
        assert [pair.before for pair in bins] == [pair.production for pair in bins]


def test_numbers_outside_of_the_training_have_bins_of_their_own(trained_reference: Reference) -> None:
    table = ArrayTable({**arrays(10, 1), "n0": [-99.0] * 3 + [0.0] * 2 + [99.0] * 4 + [None]})
    bins = compute_bin_shares(
        trained_reference.measured_features[0], count_table(table, trained_reference, "x").profile.counts[0]
    )
    shares = {pair.label.split()[0]: pair.production for pair in bins if not pair.label[0].isdigit()}
    assert shares["under"] == pytest.approx(0.3)
    assert shares["over"] == pytest.approx(0.4)
    assert shares["missing"] == pytest.approx(0.1)
    assert len(bins) == 13


def test_a_category_that_grew_is_drawn_by_name(trained_reference: Reference) -> None:
    feature = trained_reference.measured_features[3]
    assert isinstance(feature, CategoryFeature)
    rarest = feature.values[-1]
    table = ArrayTable({**arrays(10, 1), EVIL: [rarest] * 9 + ["never seen"]})
    bins = compute_bin_shares(feature, count_table(table, trained_reference, "x").profile.counts[3])
    shares = {pair.label: pair.production for pair in bins}
    assert len(bins) == 14  # twelve, other and unseen
    assert shares[rarest] == pytest.approx(0.9)
    assert shares["(unseen)"] == pytest.approx(0.1)


def test_columns_of_nothing_but_missing_values_can_be_drawn() -> None:
    trained = build_reference_from_table(ArrayTable({"a": [None, None], "b": ["x", "y"]}))
    profile = count_table(ArrayTable({"a": [1.0, None], "b": [None, None]}), trained, "x").profile
    assert [
        (each.label, each.reference, each.production)
        for each in compute_bin_shares(trained.features[0], profile.counts[0])
    ] == [
        ("any value", 0.0, 0.5),
        ("missing", 1.0, 0.5),
    ]


def test_shares_never_round_to_nothing_or_to_all() -> None:
    told = [format_percent(share) for share in (0.0, 1e-6, 0.001, 0.1234, 0.999, 0.9999, 1.0)]
    assert told == ["0%", "<0.1%", "0.1%", "12.3%", "99.9%", ">99.9%", "100%"]


MEASURE = """<script>
const over = [document.documentElement, ...document.querySelectorAll(".wide")];
document.title = over.map(each => each.scrollWidth - each.clientWidth);
</script>"""
"""Puts into the title by how much the page, and each box of a table, is wider than is shown of it."""


@pytest.mark.parametrize(("width", "scrolls"), [(1000, False), (600, True)])
def test_a_page_is_never_wider_than_the_window_and_a_table_scrolls_where_it_must(
    html: str, browser: str, tmp_path: Path, width: int, scrolls: bool
) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.replace(CONTENT_SECURITY_POLICY, "").replace("</main>", f"</main>{MEASURE}"), encoding="utf-8")
    elements, _, _ = open_page(browser, path, width, 900)
    whole, *tables = map(int, elements.split("<title>")[1].split("</title>")[0].split(","))
    assert whole == 0
    assert any(tables) == scrolls
