"""The state of a metric alarm from its datapoints: each table of CloudWatch's user guide, row by row.

Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data". In a row 0 is a datapoint within
the threshold, X a breaching one and - a missing one, the newest at the right.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.aws.cloudwatch.threshold_rules import (
    COMPARISONS,
    TREATMENTS,
    Condition,
    EvaluationResult,
    compute_min_samples,
    evaluate_datapoints,
    format_reason,
)

RETAIN = None
I_D = "INSUFFICIENT_DATA"
THREE_OF_THREE = [
    ("0 - X - X", 0, "OK", "OK", "OK", "OK"),
    ("0 - - - -", 2, "OK", "OK", "OK", "OK"),
    ("- - - - -", 3, I_D, RETAIN, "ALARM", "OK"),
    ("0 X X - X", 0, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("- - X - -", 2, "ALARM", RETAIN, "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0 - X - X", 0, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 0 X 0 X", 0, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 - X - -", 1, "OK", "OK", "ALARM", "OK"),
    ("- - - - 0", 2, "OK", "OK", "ALARM", "OK"),
    ("- - - X -", 2, "ALARM", RETAIN, "ALARM", "OK"),
]
EDITION_OF_2018 = [
    ("- - - - X", 2, I_D, RETAIN, "ALARM", "OK"),
    ("X - - - -", 2, "ALARM", RETAIN, "ALARM", "OK"),
]
"""Rows of the first table in an earlier edition that later ones leave out."""


def cases() -> list[object]:
    tables = (("3 of 3", 3, THREE_OF_THREE), ("2 of 3", 2, TWO_OF_THREE), ("3 of 3 in 2018", 3, EDITION_OF_2018))
    return [
        pytest.param(datapoints, row, filled, treatment, state, id=f"{table}: {row}: {treatment}")
        for table, datapoints, rows in tables
        for row, filled, missing, ignore, breaching, not_breaching in rows
        for treatment, state in zip(TREATMENTS, (missing, ignore, breaching, not_breaching), strict=True)
    ]


def values(row: str) -> list[float | None]:
    return [{"0": 0.0, "X": 2.0, "-": None}[point] for point in row.split()]


def condition(datapoints: int = 3, treatment: str = "missing", periods: int = 3) -> Condition:
    return Condition("GreaterThanThreshold", 1.0, periods, datapoints, treatment)


@pytest.mark.parametrize(("datapoints", "row", "filled", "treatment", "state"), cases())
def test_the_tables_of_missing_data(datapoints: int, row: str, filled: int, treatment: str, state: str | None) -> None:
    asked = condition(datapoints, treatment)
    assert asked.evaluation_range == len(values(row))
    outcome = evaluate_datapoints(asked, values(row))
    assert (outcome.state, outcome.missing_count) == (state, filled)


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
@pytest.mark.parametrize("treatment", ["missing", "ignore"])
def test_intermittent_data_does_not_alarm_before_its_oldest_breach_is_old_enough(row: str, treatment: str) -> None:
    """Source: the same page, "Avoiding premature transitions to alarm state", for 3 of 3."""
    assert evaluate_datapoints(condition(3, treatment), values(row)).state != "ALARM"


def test_without_missing_data_the_newest_periods_decide() -> None:
    assert evaluate_datapoints(condition(2), values("X X 0 0 X")).state == "OK"
    assert evaluate_datapoints(condition(2), values("0 0 X 0 X")).state == "ALARM"
    assert evaluate_datapoints(condition(1, periods=1), values("X X 0")).state == "OK"


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [2.0]),
        ("GreaterThanOrEqualToThreshold", [1.0, 2.0]),
        ("LessThanThreshold", [0.0]),
        ("LessThanOrEqualToThreshold", [0.0, 1.0]),
    ],
)
def test_the_comparisons_of_a_fixed_threshold(comparison: str, breaching: list[float]) -> None:
    """Source: API reference, PutMetricAlarm, ComparisonOperator."""
    asked = Condition(comparison, 1.0, 1, 1)
    assert [value for value in (0.0, 1.0, 2.0) if asked.breaches(value)] == breaching
    assert len(COMPARISONS) == 4


@pytest.mark.parametrize(
    ("statistic", "samples"),
    [("p99", 1000), ("p95", 200), ("p90", 100), ("p50", 20), ("p10", 100), ("p99.9", 10_000), ("tm99", 0), ("Sum", 0)],
)
def test_a_percentile_needs_so_many_samples(statistic: str, samples: float) -> None:
    """Source: user guide, "Percentile-based CloudWatch alarms and low data samples": 10/(1-p), 10/p below p50."""
    assert compute_min_samples(statistic) == pytest.approx(samples)


POINTS = st.lists(st.sampled_from([0.0, 2.0, None]), min_size=5, max_size=5)


@given(POINTS, st.integers(1, 3))
def test_enough_real_datapoints_make_every_treatment_agree(points: list[float | None], datapoints: int) -> None:
    """Source: the same page: "the value you set for how to treat missing data is not needed and is ignored"."""
    states = {evaluate_datapoints(condition(datapoints, treatment), points).state for treatment in TREATMENTS}
    if sum(point is not None for point in points) >= 3:
        assert len(states) == 1
        assert states <= {"OK", "ALARM"}


@given(POINTS, st.integers(1, 3))
def test_treating_missing_data_as_breaching_never_hides_an_alarm(points: list[float | None], datapoints: int) -> None:
    if evaluate_datapoints(condition(datapoints, "notBreaching"), points).state == "ALARM":
        assert all(evaluate_datapoints(condition(datapoints, one), points).state == "ALARM" for one in TREATMENTS)


def format_outcome(asked: Condition, points: list[float | None]) -> str:
    outcome: EvaluationResult = evaluate_datapoints(asked, points)
    used = [points[place] or 0.0 for place in outcome.evaluated_indexes]
    return format_reason(asked, used, [1_570_035_540.0] * len(used), outcome)


def test_the_reason_is_worded_as_cloudwatch_words_it() -> None:
    """Source: user guide, "Alarm events and EventBridge", the reasons in its events."""
    one = Condition("GreaterThanThreshold", 50.0, 1, 1)
    assert format_outcome(one, [None, None, 99.5]) == (
        "Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19 16:59:00)] was greater than the threshold "
        "(50.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert format_outcome(one, [None, None, 0.5]) == (
        "Threshold Crossed: 1 out of the last 1 datapoints [0.5 (02/10/19 16:59:00)] was not greater than the "
        "threshold (50.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert (
        format_outcome(condition(3, "missing"), values("- - - - -")) == "Insufficient Data: 3 datapoints were unknown."
    )
    assert format_outcome(condition(3, "breaching"), values("- - - - -")) == (
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as "
        "[Breaching]."
    )
