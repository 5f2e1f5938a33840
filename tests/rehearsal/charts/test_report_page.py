from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rehearsal.charts.page import format_seconds, render_page, write_report
from rehearsal.charts.timeline import AlarmSpan, Mark, VariantSeries
from tests.rehearsal.charts.sample_game_day import EVIL, outcome, spike

WRITTEN = datetime(2013, 5, 14, 18, tzinfo=UTC)
LEAVES = ("meta", "br")


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
        if tag not in LEAVES:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    return render_page([outcome(), outcome(scenario="no-traffic", passed=False)], WRITTEN)


def test_the_page_needs_no_network_and_no_script(html: str) -> None:
    parsed = Parsed(html)
    names = {name for name, _ in parsed.tags}
    assert names.isdisjoint({"script", "link", "img", "image", "iframe", "object", "embed", "use", "base", "form"})
    assert not re.search(r"https?:|//\w|@import|\son\w+=|url\((?!#)", html)
    assert {value[0] for _, attrs in parsed.tags for key in ("href", "src") if (value := attrs.get(key))} == {"#"}
    assert "default-src 'none'" in str([attrs.get("content") for name, attrs in parsed.tags if name == "meta"])


def test_every_reference_within_the_page_leads_somewhere_and_every_name_is_its_own(html: str) -> None:
    parsed = Parsed(html)
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len({*ids})
    asked = {str(attrs["href"])[1:] for _, attrs in parsed.tags if "href" in attrs}
    assert asked | {*re.findall(r"url\(#([^)]*)\)", html)} <= {*ids}


def test_the_table_of_scenarios_says_what_was_expected_seen_and_how_long_it_took(html: str) -> None:
    text = Parsed(html).text
    assert "1 of 2 scenarios passed." in text
    at = text.index("error-spike")
    told = ["rolled back to blue, one incident"] * 2 + ["✓ passed", "60", "61.4", "80", "140", "15", "4.3"]
    assert text[at + 1 : at + 10] == told
    at = text.index("no-traffic")
    assert text[at + 2 : at + 10] == ["no rollback", "× failed", "60", "–", "–", "–", "–", "–"]


def test_the_page_says_that_aws_is_simulated(html: str) -> None:
    assert "AWS is simulated here" in " ".join(Parsed(html).text)


def test_the_legend_gives_every_mark_its_time_and_its_seconds_from_the_first_bad_datapoint(html: str) -> None:
    text = Parsed(html).text
    for number, mark in enumerate(spike().sorted_marks, 1):
        assert mark.label in text[text.index("s from degraded") :], number
    at = text.index("no request reaches green")
    assert text[at - 4 : at] == ["8", "12:06:20", "+80", "flipped"]
    at = text.index("the challenger's model starts to raise on half of the requests")
    assert text[at - 4 : at] == ["2", "12:04:50", "−10", "fault"]


def test_every_alarm_is_listed_in_full(html: str) -> None:
    text = Parsed(html).text
    at = text.index("Alarms by their states: 6")
    for span in spike().alarms:
        assert span.label in text[at:]
    assert text[at:].count("ongoing") >= 2


def test_every_alarm_is_listed_with_what_it_says_and_who_heard() -> None:
    span = AlarmSpan("server-errors-blue", "ALARM", 60, None, "metric", "Requests fail.", "P1")
    text = Parsed(render_page([outcome(replace(spike(), alarms=(span,)))], WRITTEN)).text
    at = text.index("Alarms by their states: 1")
    assert text.index("Requests fail.", at) < text.index("P1", at)
    assert text[at + 1].startswith("One burst of errors fires several alarms")


def test_seconds_count_from_the_fault_or_the_start_where_no_datapoint_was_bad() -> None:
    faulty = replace(spike(), marks=(Mark(60, "broken", "fault"), Mark(90, "seen", "note")))
    text = Parsed(render_page([outcome(faulty)], WRITTEN)).text
    assert text[text.index("seen", text.index("broken")) - 2] == "+30"
    assert "s from the fault" in text
    calm = replace(spike(), marks=(Mark(90, "looked at", "note"),))
    assert "s from the start" in Parsed(render_page([outcome(calm)], WRITTEN)).text


def test_names_are_escaped_wherever_they_stand() -> None:
    evil = replace(
        outcome(replace(spike(), title=EVIL, marks=(Mark(0, EVIL, "degraded"),))),
        scenario=EVIL,
        requirement=EVIL,
        expected_result=EVIL,
        observed_result=EVIL,
    )
    html = render_page([evil], WRITTEN, EVIL)
    Parsed(html)
    assert "<script" not in html
    assert "\x00" not in html
    assert "\u202e" not in html


def test_the_same_outcomes_give_the_same_page(html: str) -> None:
    assert render_page([outcome(), outcome(scenario="no-traffic", passed=False)], WRITTEN) == html


def test_a_report_without_outcomes_can_be_read() -> None:
    assert "0 of 0 scenarios passed." in Parsed(render_page([], WRITTEN)).text


def test_a_report_of_twenty_long_scenarios_stays_under_two_megabytes() -> None:
    long = spike(minutes=4 * 1440)
    every = [outcome(replace(long, marks=long.marks * 3), scenario=f"scenario-{at}") for at in range(20)]
    assert len(render_page(every, WRITTEN).encode()) < 2_000_000


def test_moments_of_a_timeline_of_days_say_their_day() -> None:
    days = replace(spike(), length_s=3 * 86_400.0, marks=(Mark(90_000, "late", "note"),))
    text = Parsed(render_page([outcome(days)], WRITTEN)).text
    assert "May 15 13:00:00" in text


def test_latency_may_be_missing() -> None:
    assert 'data-panel="latency"' not in render_page(
        [outcome(replace(spike(), latency_ms=(VariantSeries("blue", (), ()),)))], WRITTEN
    )


def test_writing_makes_the_folder_and_leaves_nothing_but_the_report(tmp_path: Path) -> None:
    path = tmp_path / "out" / "rehearsal" / "report.html"
    write_report([outcome()], path, WRITTEN)
    assert path.read_text(encoding="utf-8") == render_page([outcome()], WRITTEN)
    assert [*path.parent.iterdir()] == [path]


def test_seconds_are_read_without_false_digits() -> None:
    assert [format_seconds(each) for each in (None, 0.0, 4.27, 61.4, 80.0, 100.44, 12345.6)] == [
        "–", "0", "4.3", "61.4", "80", "100", "12,346",
    ]  # fmt: skip
