"""Metric math: the examples of CloudWatch's user guide, and what it refuses."""

from __future__ import annotations

import pytest

from rehearsal.aws.cloudwatch.metric_math import Inputs, MathError, parse_expression
from rehearsal.aws.cloudwatch.metric_operators import Scalar, TimeSeries, TimeSeriesArray

SERIES: dict[str, tuple[float | None, ...]] = {
    "metric1": (1, 1, 0, 0, None),
    "metric2": (30, None, 0, 0, 30),
    "metric3": (0, 0, 20, None, 20),
    "m1": (30, 20, 0, 0, None),
    "m2": (20, None, 20, None, None),
    "errors": (1, 0, None, 4, None),
    "requests": (10, 0, None, 8, 3),
    "none": (None, None, None, None, None),
}


def compute(expression: str, **others: tuple[float | None, ...]) -> tuple[float | None, ...] | float:
    metrics = {name: TimeSeries(series) for name, series in (SERIES | others).items()}
    inputs = Inputs(metrics, {}, [60.0 * place for place in range(5)], dict.fromkeys(metrics, 60))
    value = parse_expression(expression).evaluate(inputs)
    assert not isinstance(value, TimeSeriesArray)
    return value.number if isinstance(value, Scalar) else value.values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m1 < m2", (0, 0, 1, 0, None)),
        ("m1 >= 30", (1, 0, 0, 0, None)),
        ("m1 > 15 AND m2 > 15", (1, 0, 0, 0, None)),
        ("m1 > 15 || m2 > 15", (1, 1, 1, 0, None)),
    ],
)
def test_comparison_and_logic_take_one_missing_side_as_zero(expression: str, values: tuple[float | None, ...]) -> None:
    """Source: user guide, "Comparison and logical operators": its example, with a place where nothing is."""
    assert compute(expression) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("IF(metric1, metric2, metric3)", (30, 0, 20, None, None)),
        ("IF(metric1, 5, metric3)", (5, 5, 20, None, None)),
        ("IF(metric1, metric2, 5)", (30, 0, 5, 5, None)),
        ("IF(metric1, metric2)", (30, 0, None, None, None)),
        ("IF(1, metric2, metric3)", (30, None, 0, 0, 30)),
        ("IF(0, metric2, metric3)", (0, 0, 20, None, 20)),
        ("IF(m1 < 20, 10, 2)", (2, 2, 10, 10, None)),
    ],
)
def test_if_as_its_tables_have_it(expression: str, values: tuple[float | None, ...]) -> None:
    """Source: user guide, "Using IF expressions"."""
    assert compute(expression) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m1 + m2", (50, 20, 20, 0, None)),
        ("5 * m1", (150, 100, 0, 0, None)),
        ("m1 - m2 * 2", (-10, 20, -40, 0, None)),
        ("-m1 ^ 2", (-900, -400, 0, 0, None)),
        ("100 * errors / requests", (10, None, None, 50, 0)),
        ("(m1 + m2) / PERIOD(m1)", (50 / 60, 20 / 60, 20 / 60, 0, None)),
    ],
)
def test_arithmetic_drops_a_division_by_zero_and_takes_one_missing_side_as_zero(
    expression: str, values: tuple[float | None, ...]
) -> None:
    """Source: user guide, "Basic arithmetic functions"."""
    assert compute(expression) == pytest.approx(values)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("FILL(m2, 7)", (20, 7, 20, 7, 7)),
        ("FILL(m2, m1)", (20, 20, 20, 0, None)),
        ("FILL(metric2, REPEAT)", (30, 30, 0, 0, 30)),
        ("FILL(m2, LINEAR)", (20, 20, 20, None, None)),
        ("FILL(series, LINEAR)", (None, 1, 2, 3, None)),
        ("FILL(none, 0)", (0, 0, 0, 0, 0)),
    ],
)
def test_fill(expression: str, values: tuple[float | None, ...]) -> None:
    """Source: user guide, "Functions supported for metric math", FILL."""
    assert compute(expression, series=(None, 1, None, 3, None)) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SUM([m1, m2])", (50, 20, 20, 0, None)),
        ("AVG([m1, m2])", (25, 10, 10, 0, None)),
        ("MAX([m1, m2])", (30, 20, 20, 0, None)),
        ("MIN([m1, m2])", (20, 20, 0, 0, None)),
        ('SUM(METRICS("metric"))', (31, 1, 20, 0, 50)),
        ('SUM(METRICS("errors")) / SUM(METRICS("requests"))', (0.1, None, None, 0.5, 0)),
        ("SUM([m1, m2] * 2)", (100, 40, 40, 0, None)),
        ("m1 - MIN(m1)", (30, 20, 0, 0, None)),
        ("m1 / MAX(m1)", (1, 2 / 3, 0, 0, None)),
        ("TIME_SERIES(SUM(m2))", (40, 40, 40, 40, 40)),
        ("m1 / METRIC_COUNT([m1, m2])", (15, 10, 0, 0, None)),
        ("ABS(m2 - m1)", (10, 20, 20, 0, None)),
        ("CEIL(m1 / 7) + FLOOR(m1 / 7)", (9, 5, 0, 0, None)),
        ("DIFF(m1)", (None, -10, -20, 0, None)),
        ("DIFF(m2)", (None, None, 0, None, None)),
        ("RATE(errors)", (None, -1 / 60, None, 4 / 120, None)),
        ("RUNNING_SUM(m1)", (30, 50, 50, 50, None)),
    ],
)
def test_the_functions(expression: str, values: tuple[float | None, ...]) -> None:
    """Source: user guide, "Functions supported for metric math"."""
    assert compute(expression) == pytest.approx(values)


def test_sum_of_one_series_is_a_number() -> None:
    assert compute("SUM(m1)") == 50


def test_a_guardrail_is_silent_below_its_fewest_requests() -> None:
    """IF without a third value drops the datapoint, and so does a place without requests."""
    assert compute("IF(requests >= 8, errors / requests)") == (0.1, None, None, 0.5, None)


@pytest.mark.parametrize(
    "expression",
    ["m1 +", "(m1", "m1 m2", "FILL(m1)", "NOPE(m1)", "IF(m1)", "M1 + 1", "m1 ; m2", "SUM(m1, m2)", "METRICS(m1)", ""],
)
def test_an_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(MathError):
        parse_expression(expression)


@pytest.mark.parametrize("expression", ["1 / 0", "[m1, 5]", "PERIOD(e9)", "FIRST(m1)", "[m1, m2] + [m1, m2, m1]", "x"])
def test_what_cannot_be_computed_is_an_error(expression: str) -> None:
    with pytest.raises(MathError):
        compute(expression)
