"""The values of metric math, and the operators between two of them.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics": "Missing values in a time series are
treated as 0. If the value of a data point causes a function to attempt to divide by zero, the data point is dropped."
Between two time series, an index needs a datapoint in one of them; with a number, the series' own datapoints count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scalar:
    """A number."""

    number: float


@dataclass(frozen=True)
class TimeSeries:
    """A time series: a value for each index, None for a missing datapoint."""

    values: tuple[float | None, ...]


@dataclass(frozen=True)
class TimeSeriesArray:
    """An array of time series."""

    members: tuple[TimeSeries, ...]


Value = Scalar | TimeSeries | TimeSeriesArray
Operator = Callable[[float, float], float | None]


def build_comparison(test: Callable[[float, float], bool]) -> Operator:
    """An operator that returns 1 or 0."""
    return lambda left, right: 1.0 if test(left, right) else 0.0


def map_values(function: Callable[[float], float | None], value: Value) -> Value:
    """Applies a function to every datapoint."""
    if isinstance(value, TimeSeriesArray):
        return TimeSeriesArray(tuple(_map_series(function, member) for member in value.members))
    if isinstance(value, TimeSeries):
        return _map_series(function, value)
    number = function(value.number)
    if number is None:
        raise TypeError("a number has no value there")
    return Scalar(number)


def _map_series(function: Callable[[float], float | None], series: TimeSeries) -> TimeSeries:
    return TimeSeries(tuple(None if value is None else function(value) for value in series.values))


def combine(operator: Operator, left: Value, right: Value) -> Value:
    """Applies an operator to two values.

    Raises TypeError for two arrays of different lengths, and ZeroDivisionError.
    """
    if isinstance(left, TimeSeriesArray) or isinstance(right, TimeSeriesArray):
        return _combine_arrays(operator, left, right)
    if isinstance(left, TimeSeries) and isinstance(right, TimeSeries):
        return TimeSeries(
            tuple(
                _combine_pair(operator, left_value, right_value)
                for left_value, right_value in zip(left.values, right.values, strict=True)
            )
        )
    if isinstance(left, TimeSeries) and isinstance(right, Scalar):
        number = right.number
        return _map_series(lambda value: operator(value, number), left)
    if isinstance(left, Scalar) and isinstance(right, TimeSeries):
        first = left.number
        return _map_series(lambda value: operator(first, value), right)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        result = operator(left.number, right.number)
        if result is None:
            raise TypeError("a number is divided by zero")
        return Scalar(result)
    raise TypeError("these values cannot be joined")


def _combine_pair(operator: Operator, left: float | None, right: float | None) -> float | None:
    if left is None and right is None:
        return None
    return operator(left or 0.0, right or 0.0)


def _combine_arrays(operator: Operator, left: Value, right: Value) -> TimeSeriesArray:
    if isinstance(left, TimeSeriesArray) and isinstance(right, TimeSeriesArray):
        if len(left.members) != len(right.members):
            raise TypeError("two arrays of different lengths cannot be joined")
        pairs = zip(left.members, right.members, strict=True)
        return TimeSeriesArray(
            tuple(
                _require_time_series(combine(operator, left_member, right_member))
                for left_member, right_member in pairs
            )
        )
    if isinstance(left, TimeSeriesArray):
        return TimeSeriesArray(tuple(_require_time_series(combine(operator, member, right)) for member in left.members))
    assert isinstance(right, TimeSeriesArray)
    return TimeSeriesArray(tuple(_require_time_series(combine(operator, left, member)) for member in right.members))


def _require_time_series(value: Value) -> TimeSeries:
    assert isinstance(value, TimeSeries)
    return value
