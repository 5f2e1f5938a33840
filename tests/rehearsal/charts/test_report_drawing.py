from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearsal.charts.layout import Frame, TimeAxis
from rehearsal.charts.styles import build_line_classes, choose_hue
from rehearsal.charts.timeline import AlarmSpan, Mark, Timeline, VariantSeries
from rehearsal.charts.timeline_svg import BROAD, NARROW, group_lanes, render_timeline
from tests.rehearsal.charts.drawn_shapes import Drawn, overlap, path_box, within
from tests.rehearsal.charts.sample_game_day import EVIL, START, spike

FRAMES = pytest.mark.parametrize("frame", [BROAD, NARROW], ids=["broad", "narrow"])
KINDS = ("fault", "degraded", "alarm", "requested", "accepted", "flipped", "recovered", "deploy", "note")

moments = st.floats(-60, 4000)
words = st.text(max_size=60)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    variants = draw(st.lists(st.sampled_from(["blue", "green", "champion", "a-challenger"]), unique=True, max_size=4))

    def draw_series(of: st.SearchStrategy[float]) -> tuple[VariantSeries, ...]:
        times = [sorted(draw(st.sets(st.integers(-2, 70), max_size=12))) for _ in variants]
        return tuple(
            VariantSeries(variant, tuple(60.0 * at for at in each), tuple(draw(of) for _ in each))
            for variant, each in zip(variants, times, strict=True)
        )

    ends = st.none() | moments
    spans = st.builds(
        AlarmSpan,
        words,
        st.sampled_from(["ALARM", "INSUFFICIENT_DATA"]),
        moments,
        ends,
        st.sampled_from(KINDS_OF_ALARM),
    )
    return Timeline(
        title=draw(words),
        starts_at=datetime(2013, 5, 14, draw(st.integers(0, 23)), draw(st.integers(0, 59)), tzinfo=UTC),
        length_s=draw(st.floats(1, 4000)),
        requests=draw_series(st.floats(0, 1e12)),
        error_share=draw_series(st.floats(-1, 2) | st.just(math.nan)),
        latency_ms=draw_series(st.floats(0, 1e5)),
        shares=draw_series(st.floats(0, 1)),
        alarms=tuple(draw(st.lists(spans, max_size=6))),
        marks=tuple(draw(st.lists(st.builds(Mark, moments, words, st.sampled_from(KINDS)), max_size=30))),
    )


KINDS_OF_ALARM = ("metric", "composite", "guardrail")


@settings(max_examples=40)
@given(timelines(), st.sampled_from([BROAD, NARROW]))
def test_nothing_is_drawn_outside_and_no_text_covers_another(timeline: Timeline, frame: Frame) -> None:
    drawn = Drawn(render_timeline(timeline, frame, "x"))
    for shape, box in drawn.shapes():
        assert within(box, drawn.box), shape.attrib
    texts = [*drawn.texts()]
    for said, box in texts:
        assert within(box, drawn.box), said
    for (one, a), (other, b) in combinations(texts, 2):
        assert not overlap(a, b), (one, other)


@FRAMES
def test_every_panel_stands_over_the_same_time_axis(frame: Frame) -> None:
    drawn = Drawn(render_timeline(spike(), frame, "x"))
    panels = drawn.find_by_attribute("data-panel")
    assert [*panels] == ["live traffic", "requests", "errors", "latency", "alarms"]
    right = frame.width - frame.right
    for name, panel in panels.items():
        rules = [path_box(str(each.get("d"))) for each in panel.iter("path") if each.get("class") == "grid"]
        assert {(box[0], box[2]) for box in rules} == {(frame.left, right)}, name
    tops = [min(box[1] for each, box in drawn.shapes() if each in {*panel.iter()}) for panel in panels.values()]
    assert tops == sorted(tops)


@FRAMES
def test_every_mark_has_a_flag_and_a_line_down_to_the_axis_at_its_moment(frame: Frame) -> None:
    timeline = spike()
    drawn = Drawn(render_timeline(timeline, frame, "x"))
    flags = drawn.find_by_attribute("data-mark")
    assert [*flags] == [str(number) for number in range(1, len(timeline.marks) + 1)]
    for mark, flag in zip(timeline.sorted_marks, flags.values(), strict=True):
        assert flag.findtext("title") == f"{timeline.format_time(mark.at_s)} {mark.label}"
    clock = TimeAxis(frame, timeline.length_s)
    ends = [float(str(each.get("d")).split("L")[1].split()[0]) for each in drawn.find_by_class("lead")]
    assert ends == pytest.approx([clock.to_x(mark.at_s) for mark in timeline.sorted_marks], abs=0.06)


@FRAMES
def test_every_alarm_has_a_bar_for_as_long_as_it_was_in_its_state(frame: Frame) -> None:
    timeline = spike()
    drawn = Drawn(render_timeline(timeline, frame, "x"))
    titles = "\n".join(drawn.titles())
    clock = TimeAxis(frame, timeline.length_s)
    bars = [
        box for kind in (*KINDS_OF_ALARM, "insufficient") for each, box in drawn.shapes() if each.get("class") == kind
    ]
    for span in timeline.alarms:
        assert f"{span.label}\n{span.state} ({span.kind}) from {timeline.format_time(span.start_s)}" in titles
        wanted = clock.to_x(span.start_s), clock.to_x(timeline.length_s if span.end_s is None else span.end_s)
        assert any((box[0], box[2]) == pytest.approx(wanted, abs=0.2) for box in bars), span


@FRAMES
def test_a_name_without_room_keeps_both_of_its_ends_and_is_told_in_full(frame: Frame) -> None:
    label = "an-endpoint-with-a-name-of-its-own-" * 3 + "server-errors-green"
    drawn = Drawn(render_timeline(replace(spike(), alarms=(AlarmSpan(label, "ALARM", 60, 120, "metric"),)), frame, "x"))
    ((said, box),) = [(words, box) for words, box in drawn.texts() if "…" in words]
    assert said.startswith("an-endpoint")
    assert said.endswith("errors-green")
    assert box[2] <= (frame.width if frame.has_titles_above else frame.left)
    assert label in drawn.titles()


def test_an_alarm_that_fires_again_stays_in_its_lane() -> None:
    spans = [AlarmSpan("b", "ALARM", 60, 120, "metric"), AlarmSpan("a", "ALARM", 61, 90, "composite")]
    again = AlarmSpan("b", "ALARM", 300, None, "metric")
    assert group_lanes([again, *spans]) == [("b", [spans[0], again]), ("a", [spans[1]])]


def test_variants_are_told_apart_without_colour() -> None:
    timeline = spike()
    dashes = {build_line_classes(timeline, variant).split()[-1] for variant in timeline.variants}
    assert len(dashes) == len(timeline.variants)
    assert 'fill="url(#x-1)"' in render_timeline(timeline, BROAD, "x")


def test_variants_named_by_a_colour_have_it_and_no_other_variant_does() -> None:
    mixed = replace(
        spike(), shares=tuple(VariantSeries(variant, (0.0,), (0.3,)) for variant in ("old", "green", "new"))
    )
    hues = {variant: choose_hue(mixed, variant) for variant in mixed.variants}
    assert hues["green"] == "h2"
    assert hues["blue"] == "h0"
    assert len({*hues.values()}) == len(hues)


def test_the_exposed_stretch_runs_from_the_first_bad_datapoint_to_recovery() -> None:
    timeline = spike()
    assert timeline.exposure == (300.0, 440.0)
    flipped = replace(timeline, marks=tuple(mark for mark in timeline.marks if mark.kind != "recovered"))
    assert flipped.exposure == (300.0, 380.0)
    lasting = replace(timeline, marks=(Mark(300, "degraded", "degraded"),))
    assert lasting.exposure == (300.0, 900.0)
    assert replace(timeline, marks=()).exposure is None


def test_a_latency_that_nobody_measured_has_no_panel_and_other_panels_say_so() -> None:
    quiet = Timeline("quiet", START, 600, (), (), (), (), (), ())
    drawn = Drawn(render_timeline(quiet, BROAD, "x"))
    assert [*drawn.find_by_attribute("data-panel")] == ["live traffic", "requests", "errors", "alarms"]
    said = [words for words, _ in drawn.texts()]
    assert said.count("no datapoints") == 2
    assert "none fired" in said


def test_names_are_escaped_in_a_drawing() -> None:
    evil = replace(
        spike(),
        title=EVIL,
        requests=(VariantSeries(EVIL, (0.0,), (1.0,)),),
        alarms=(AlarmSpan(EVIL, "ALARM", 0, None, "metric"),),
        marks=(Mark(0, EVIL, "note"),),
    )
    svg = render_timeline(evil, BROAD, "x")
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert "\x00" not in svg


def test_a_datapoint_is_told_where_the_pointer_rests() -> None:
    titles = Drawn(render_timeline(spike(), BROAD, "x")).titles()
    minute = next(title for title in titles if title.startswith("12:05:00\n"))
    blue, green = minute.splitlines()[1:]
    assert blue.startswith("blue: ")
    assert " requests, " in blue
    assert green.count(",") == 2
    assert "errors" in green


def test_a_series_with_a_value_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="variant blue has 1 times for 2 values"):
        VariantSeries("blue", (0.0,), (1.0, 2.0))


def test_a_timeline_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="give it one"):
        replace(spike(), starts_at=datetime(2013, 5, 14))
