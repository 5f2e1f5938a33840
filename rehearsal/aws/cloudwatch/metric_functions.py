"""The functions of metric math.

Source: CloudWatch user guide, "Functions supported for metric math" and "Using IF expressions". For one time series
SUM, AVG, MIN, MAX, STDDEV and DATAPOINT_COUNT return a number; for an array they return a time series.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from rehearsal.aws.cloudwatch.metric_operators import Scalar, TimeSeries, TimeSeriesArray, Value, map_values

Times = Sequence[float]
Function = Callable[[Value, Times], Value]


def apply_if(arguments: Sequence[Value], length: int) -> Value:
    """IF(condition, then, otherwise), index by index.

    An index without a condition is dropped. If the condition holds, a `then` without a datapoint counts as 0; if it
    does not, an `otherwise` that is omitted or has no datapoint drops the index. A numeric condition selects one of the
    two as a whole.
    """
    condition, when_true = arguments[0], arguments[1]
    when_false = arguments[2] if len(arguments) == 3 else TimeSeries((None,) * length)
    if any(isinstance(argument, TimeSeriesArray) for argument in arguments):
        raise TypeError("IF takes time series and numbers, not arrays")
    if isinstance(condition, Scalar):
        return when_true if condition.number else when_false
    assert isinstance(condition, TimeSeries)
    result: list[float | None] = []
    for index, flag in enumerate(condition.values):
        if flag is None:
            result.append(None)
        elif flag:
            result.append(_get_value(when_true, index) or 0.0)
        else:
            result.append(_get_value(when_false, index))
    return TimeSeries(tuple(result))


def _get_value(value: Value, index: int) -> float | None:
    if isinstance(value, Scalar):
        return value.number
    assert isinstance(value, TimeSeries)
    return value.values[index]


def apply_fill(value: Value, filler: str | Value, times: Times) -> Value:
    """FILL: replaces missing datapoints.

    The filler is a number, another series, the last value before (REPEAT), or a linear interpolation between the
    neighbours (LINEAR). Datapoints for which it has no value stay missing.
    """
    if isinstance(value, Scalar):
        raise TypeError("FILL takes a time series")
    if isinstance(value, TimeSeriesArray):
        return TimeSeriesArray(tuple(_fill_series(member, filler, times) for member in value.members))
    return _fill_series(value, filler, times)


def _fill_series(series: TimeSeries, filler: str | Value, times: Times) -> TimeSeries:
    if filler == "REPEAT":
        return _repeat_last(series)
    if filler == "LINEAR":
        return _interpolate(series, times)
    if isinstance(filler, str | TimeSeriesArray):
        raise TypeError("FILL takes a number, a time series, REPEAT or LINEAR")
    return TimeSeries(
        tuple(_get_value(filler, index) if value is None else value for index, value in enumerate(series.values))
    )


def _repeat_last(series: TimeSeries) -> TimeSeries:
    result: list[float | None] = []
    for value in series.values:
        result.append(value if value is not None else (result[-1] if result else None))
    return TimeSeries(tuple(result))


def _interpolate(series: TimeSeries, times: Times) -> TimeSeries:
    result = list(series.values)
    known_indexes = [index for index, value in enumerate(series.values) if value is not None]
    for first, last in pairwise(known_indexes):
        begin, end = series.values[first] or 0.0, series.values[last] or 0.0
        for index in range(first + 1, last):
            share = (times[index] - times[first]) / (times[last] - times[first])
            result[index] = begin + (end - begin) * share
    return TimeSeries(tuple(result))


def _drop_missing(series: TimeSeries) -> list[float]:
    return [value for value in series.values if value is not None]


def _build_reducer(function: Callable[[list[float]], float]) -> Function:
    """Applies a function to all datapoints of a series, or to the datapoints at each index of an array."""

    def reduce(value: Value, _times: Times) -> Value:
        if isinstance(value, TimeSeries):
            present = _drop_missing(value)
            return Scalar(function(present) if present else 0.0)
        if isinstance(value, Scalar):
            return value
        columns = zip(*(member.values for member in value.members), strict=True)
        present_columns = ([datapoint for datapoint in column if datapoint is not None] for column in columns)
        return TimeSeries(tuple(function(column) if column else None for column in present_columns))

    return reduce


def _compute_average(value: Value, times: Times) -> Value:
    """AVG of an array: "Missing values are treated as 0"."""
    if not isinstance(value, TimeSeriesArray):
        return _build_reducer(statistics.fmean)(value, times)
    total, number = _build_reducer(math.fsum)(value, times), len(value.members)
    return map_values(lambda value_sum: value_sum / number, total)


def _count_metrics(value: Value, _times: Times) -> Value:
    return Scalar(float(len(value.members) if isinstance(value, TimeSeriesArray) else 1))


def _build_mapper(function: Callable[[float], float | None]) -> Function:
    return lambda value, _: map_values(function, value)


def _build_series_function(function: Callable[[TimeSeries, Times], Iterator[float | None]]) -> Function:
    """Applies a function to each series separately."""

    def apply(value: Value, times: Times) -> Value:
        if isinstance(value, Scalar):
            raise TypeError("a time series is needed, not a number")
        if isinstance(value, TimeSeriesArray):
            return TimeSeriesArray(tuple(TimeSeries(tuple(function(member, times))) for member in value.members))
        return TimeSeries(tuple(function(value, times)))

    return apply


def _compute_changes(series: TimeSeries, times: Times, per_second: bool) -> Iterator[float | None]:
    previous: tuple[float, float] | None = None
    for value, timestamp in zip(series.values, times, strict=True):
        if value is None or previous is None:
            yield None
        else:
            yield (value - previous[0]) / ((timestamp - previous[1]) if per_second else 1)
        if value is not None:
            previous = (value, timestamp)


def _accumulate(series: TimeSeries, _times: Times) -> Iterator[float | None]:
    total = 0.0
    for value in series.values:
        total += value or 0.0
        yield None if value is None else total


def _build_member_getter(index: int) -> Function:
    def get_member(value: Value, _times: Times) -> Value:
        if not isinstance(value, TimeSeriesArray) or not value.members:
            raise TypeError("an array of time series is needed")
        return value.members[index]

    return get_member


def _build_logarithm(function: Callable[[float], float]) -> Function:
    return _build_mapper(lambda value: function(value) if value > 0 else None)


FUNCTIONS: Mapping[str, Function] = {
    "ABS": _build_mapper(abs),
    "CEIL": _build_mapper(lambda value: float(math.ceil(value))),
    "FLOOR": _build_mapper(lambda value: float(math.floor(value))),
    "LOG": _build_logarithm(math.log),
    "LOG10": _build_logarithm(math.log10),
    "SUM": _build_reducer(math.fsum),
    "AVG": _compute_average,
    "MIN": _build_reducer(min),
    "MAX": _build_reducer(max),
    "STDDEV": _build_reducer(statistics.pstdev),
    "DATAPOINT_COUNT": _build_reducer(lambda values: float(len(values))),
    "METRIC_COUNT": _count_metrics,
    "DIFF": _build_series_function(lambda series, times: _compute_changes(series, times, per_second=False)),
    "RATE": _build_series_function(lambda series, times: _compute_changes(series, times, per_second=True)),
    "RUNNING_SUM": _build_series_function(_accumulate),
    "FIRST": _build_member_getter(0),
    "LAST": _build_member_getter(-1),
}
"""Functions of one argument."""
