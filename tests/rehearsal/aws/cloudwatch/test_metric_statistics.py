"""CloudWatch's statistics of the values of a period."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.aws.cloudwatch.metric_statistics import UnknownStatistic, require_known_statistic
from rehearsal.aws.cloudwatch.metric_store import Aggregate, StoredSeries


def aggregate(*values: float) -> Aggregate:
    made = Aggregate()
    for value in values:
        made.add(value)
    return made


TEN = aggregate(*range(1, 11))


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("SampleCount", 10),
        ("Sum", 55),
        ("Average", 5.5),
        ("Minimum", 1),
        ("Maximum", 10),
        ("p50", 5),
        ("p90", 9),
        ("p99", 10),
        ("p0", 1),
        ("p100", 10),
        ("tm90", 5),
        ("tc90", 9),
        ("ts90", 45),
        ("wm90", 5.4),
        ("TM(10%:90%)", 5.5),
        ("TM(:90%)", 5),
        ("TM(2:5)", 4),
        ("TC(2:5)", 3),
        ("TS(80%:)", 19),
        ("WM(3:7)", 5.2),
        ("PR(:3)", 30),
        ("PR(3:8)", 50),
        ("PR(3:)", 70),
        ("IQM", 5.5),
    ],
)
def test_the_statistics(statistic: str, value: float) -> None:
    """Source: user guide, "CloudWatch statistics definitions": the lower boundary is exclusive, the upper inclusive."""
    require_known_statistic(statistic)
    assert TEN.compute_statistic(statistic) == pytest.approx(value)


@pytest.mark.parametrize("statistic", ["p101", "P90", "tm", "PR(1%:2%)", "TM(:)", "TM(5:2)", "TM(1:2%)", "median", ""])
def test_what_is_no_statistic(statistic: str) -> None:
    with pytest.raises(UnknownStatistic):
        require_known_statistic(statistic)


def test_nothing_within_the_boundaries_has_no_mean() -> None:
    assert TEN.compute_statistic("TM(20:30)") is None
    assert TEN.compute_statistic("TC(20:30)") == 0
    assert Aggregate().compute_statistic("Sum") is None


@given(
    values=st.lists(st.tuples(st.integers(0, 600), st.sampled_from((0.5, 1.0, 7.0, 300.0))), max_size=40),
    delay=st.sampled_from((0.0, 60.0)),
)
def test_a_window_that_is_asked_for_again_has_what_was_added_since(
    values: list[tuple[int, float]], delay: float
) -> None:
    def make_series(given: list[tuple[int, float]]) -> StoredSeries:
        series = StoredSeries("Shop", "Latency", (), delay=delay)
        for second, value in given:
            series.get_minute(second).add(value)
        return series

    asked = [
        (statistic, begin, end, now)
        for statistic in ("Sum", "Average", "Minimum", "Maximum", "SampleCount", "p90", "tm50", "PR(:1)")
        for begin, end in ((0, 300), (300, 360), (90, 390))
        for now in (360, 660)
    ]
    grown = make_series([])
    for count, (second, value) in enumerate(values, 1):
        grown.get_minute(second).add(value)
        fresh = make_series(values[:count])
        assert [grown.compute_window(*one) for one in asked] == [fresh.compute_window(*one) for one in asked]
