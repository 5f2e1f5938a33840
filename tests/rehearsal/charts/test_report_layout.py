from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.charts.layout import compute_ticks, downsample, fit_value_axis, place_flags, split_runs
from rehearsal.charts.panels import merge_shares
from rehearsal.charts.timeline import VariantSeries

START = datetime(2013, 5, 14, 23, 47, 11, tzinfo=UTC)
places = st.lists(st.floats(0, 1000), max_size=60).map(sorted)
values = st.floats(0, 1e9) | st.just(math.nan)


@st.composite
def series(draw: st.DrawFn, of: st.SearchStrategy[float] = values) -> VariantSeries:
    times = sorted(draw(st.sets(st.integers(-3, 400), max_size=40)))
    return VariantSeries("blue", tuple(30.0 * at for at in times), tuple(draw(of) for _ in times))


@given(places, st.floats(150, 1000))
def test_flags_stand_in_order_within_the_plot_and_none_covers_another(wanted: list[float], high: float) -> None:
    placed = place_flags(wanted, 20, 100, high)
    assert len(placed.positions) == len(wanted)
    for at, (place, lane) in enumerate(placed.positions):
        assert 100 - 1e-6 <= place <= high + 1e-6
        assert 0 <= lane < placed.lanes
        for other, lane_of_other in placed.positions[at + 1 :]:
            assert other >= place - 1e-6
            assert lane != lane_of_other or other - place >= 20 - 1e-6


@given(places)
def test_flags_that_are_far_enough_apart_stand_above_their_moments(wanted: list[float]) -> None:
    apart = [20.0 * at for at in range(len(wanted))]
    assert [place for place, _ in place_flags(apart, 20, 0, 2000).positions] == pytest.approx(apart)


def test_flags_of_one_moment_spread_to_both_of_its_sides() -> None:
    assert [place for place, _ in place_flags([500, 500, 500], 20, 0, 1000).positions] == [480, 500, 520]


@given(st.lists(st.floats(0, 1e9), max_size=20), st.integers(1, 5))
def test_a_scale_holds_every_value_by_few_round_steps(given_values: list[float], parts: int) -> None:
    found = fit_value_axis(given_values, 1.0, parts)
    assert found.top >= max(given_values, default=0.0) * (1 - 1e-9)
    assert len(found.ticks) <= parts + 1
    assert found.ticks[0] == 0
    assert found.ticks[-1] == found.top
    assert all(b > a for a, b in pairwise(found.ticks))


def test_a_scale_of_shares_ends_at_all() -> None:
    assert fit_value_axis([0.97], 0.01, 3, 1.0) == fit_value_axis([2.0], 0.01, 3, 1.0)
    assert fit_value_axis([0.97], 0.01, 3, 1.0).top == 1.0


@given(st.floats(1, 30 * 86400), st.integers(1, 14))
def test_ticks_are_round_times_within_the_timeline(length_s: float, count: int) -> None:
    found = compute_ticks(START, length_s, count)
    assert len(found) <= count
    assert all(0 <= at <= length_s for at, _ in found)
    distances = {round(b - a, 3) for (a, _), (b, _) in pairwise(found)}
    assert len(distances) <= 1
    for at, _ in found:
        midnight = (START + timedelta(seconds=at)).replace(hour=0, minute=0, second=0)
        since = (START + timedelta(seconds=at) - midnight).total_seconds()
        assert all(since % distance == 0 for distance in distances if distance <= 86400)


def test_ticks_say_the_day_where_a_new_one_begins() -> None:
    assert compute_ticks(START, 3 * 3600, 4) == [(769.0, "May 15"), (4369.0, "01:00"), (7969.0, "02:00")]


@given(series(), st.integers(5, 200))
def test_thinning_loses_no_peak(given_series: VariantSeries, columns: int) -> None:
    found = downsample(given_series, 12_000, columns)
    known = [value for value in given_series.values if math.isfinite(value)]
    assert max((value for value in found.values if math.isfinite(value)), default=None) == max(known, default=None)
    assert all(b > a for a, b in pairwise(found.times))
    assert len(found.times) <= len(given_series.times)


@given(series(), st.booleans())
def test_steps_lie_within_the_timeline_and_never_over_each_other(given_series: VariantSeries, hold: bool) -> None:
    found = [step for run in split_runs(given_series, 9_000, hold=hold) for step in run]
    assert all(0 <= start < end <= 9_000 and math.isfinite(value) for start, end, value in found)
    assert all(end <= start for (_, end, _), (start, _, _) in pairwise(found))


def test_a_minute_without_a_datapoint_is_a_gap() -> None:
    found = [*split_runs(VariantSeries("blue", (0.0, 60.0, 180.0, 240.0), (1.0, 2.0, 3.0, math.nan)), 600)]
    assert found == [[(0.0, 60.0, 1.0), (60.0, 120.0, 2.0)], [(180.0, 240.0, 3.0)]]


@given(st.lists(series(st.floats(-1, 2)), max_size=4))
def test_shares_drawn_together_never_add_up_to_more_than_all(given_series: list[VariantSeries]) -> None:
    named = [VariantSeries(f"variant {at}", each.times, each.values) for at, each in enumerate(given_series)]
    found = merge_shares(named, 9_000)
    assert all(sum(shares.values()) <= 1 + 1e-9 and min(shares.values()) >= 0 for _, _, shares in found)
    assert all(b[0] == a[1] for a, b in pairwise(found))
