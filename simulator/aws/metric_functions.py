"""The functions of metric math.

Source: CloudWatch user guide, "Functions supported for metric math" and "Using IF expressions". Of one time series
SUM, AVG, MIN, MAX, STDDEV and DATAPOINT_COUNT give a number; of an array they give a time series.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from simulator.aws.metric_operators import Array, Scalar, Single, Value, each

Times = Sequence[float]
Function = Callable[[Value, Times], Value]


def chosen(arguments: Sequence[Value], length: int) -> Value:
    """IF(condition, then, otherwise), each place by itself.

    A place without a condition is dropped. Where the condition holds, a `then` without a datapoint counts as 0; where
    it does not, an `otherwise` without one, or left out, drops the place. A condition that is a number chooses whole.
    """
    condition, then = arguments[0], arguments[1]
    otherwise = arguments[2] if len(arguments) == 3 else Single((None,) * length)
    if any(isinstance(argument, Array) for argument in arguments):
        raise TypeError("IF takes time series and numbers, not arrays")
    if isinstance(condition, Scalar):
        return then if condition.number else otherwise
    assert isinstance(condition, Single)
    result: list[float | None] = []
    for place, held in enumerate(condition.values):
        if held is None:
            result.append(None)
        elif held:
            result.append(_at(then, place) or 0.0)
        else:
            result.append(_at(otherwise, place))
    return Single(tuple(result))


def _at(value: Value, place: int) -> float | None:
    if isinstance(value, Scalar):
        return value.number
    assert isinstance(value, Single)
    return value.values[place]


def filled(value: Value, filler: str | Value, times: Times) -> Value:
    """FILL: missing places take a number, another series' value, the last value before (REPEAT), or the line between
    the values before and after (LINEAR). Places that a filler has nothing for stay missing."""
    if isinstance(value, Scalar):
        raise TypeError("FILL takes a time series")
    if isinstance(value, Array):
        return Array(tuple(_filled(member, filler, times) for member in value.members))
    return _filled(value, filler, times)


def _filled(series: Single, filler: str | Value, times: Times) -> Single:
    if filler == "REPEAT":
        return _repeated(series)
    if filler == "LINEAR":
        return _interpolated(series, times)
    if isinstance(filler, str | Array):
        raise TypeError("FILL takes a number, a time series, REPEAT or LINEAR")
    return Single(tuple(_at(filler, place) if one is None else one for place, one in enumerate(series.values)))


def _repeated(series: Single) -> Single:
    result: list[float | None] = []
    for value in series.values:
        result.append(value if value is not None else (result[-1] if result else None))
    return Single(tuple(result))


def _interpolated(series: Single, times: Times) -> Single:
    result = list(series.values)
    known = [place for place, value in enumerate(series.values) if value is not None]
    for first, last in pairwise(known):
        begin, end = series.values[first] or 0.0, series.values[last] or 0.0
        for place in range(first + 1, last):
            share = (times[place] - times[first]) / (times[last] - times[first])
            result[place] = begin + (end - begin) * share
    return Single(tuple(result))


def _present(series: Single) -> list[float]:
    return [value for value in series.values if value is not None]


def _reducing(function: Callable[[list[float]], float]) -> Function:
    """A function of all datapoints of a series, or of the datapoints of every place of an array."""

    def reduced(value: Value, _times: Times) -> Value:
        if isinstance(value, Single):
            present = _present(value)
            return Scalar(function(present) if present else 0.0)
        if isinstance(value, Scalar):
            return value
        columns = zip(*(member.values for member in value.members), strict=True)
        found = ([one for one in column if one is not None] for column in columns)
        return Single(tuple(function(column) if column else None for column in found))

    return reduced


def _average(value: Value, times: Times) -> Value:
    """AVG of an array: "Missing values are treated as 0"."""
    if not isinstance(value, Array):
        return _reducing(statistics.fmean)(value, times)
    total, number = _reducing(math.fsum)(value, times), len(value.members)
    return each(lambda one: one / number, total)


def _metric_count(value: Value, _times: Times) -> Value:
    return Scalar(float(len(value.members) if isinstance(value, Array) else 1))


def _mapping(function: Callable[[float], float | None]) -> Function:
    return lambda value, _: each(function, value)


def _along(function: Callable[[Single, Times], Iterator[float | None]]) -> Function:
    """A function of each series by itself."""

    def walked(value: Value, times: Times) -> Value:
        if isinstance(value, Scalar):
            raise TypeError("a time series is needed, not a number")
        if isinstance(value, Array):
            return Array(tuple(Single(tuple(function(member, times))) for member in value.members))
        return Single(tuple(function(value, times)))

    return walked


def _changes(series: Single, times: Times, per_second: bool) -> Iterator[float | None]:
    before: tuple[float, float] | None = None
    for value, at in zip(series.values, times, strict=True):
        if value is None or before is None:
            yield None
        else:
            yield (value - before[0]) / ((at - before[1]) if per_second else 1)
        if value is not None:
            before = (value, at)


def _running(series: Single, _times: Times) -> Iterator[float | None]:
    total = 0.0
    for value in series.values:
        total += value or 0.0
        yield None if value is None else total


def _member(place: int) -> Function:
    def member(value: Value, _times: Times) -> Value:
        if not isinstance(value, Array) or not value.members:
            raise TypeError("an array of time series is needed")
        return value.members[place]

    return member


def _logarithm(function: Callable[[float], float]) -> Function:
    return _mapping(lambda value: function(value) if value > 0 else None)


FUNCTIONS: Mapping[str, Function] = {
    "ABS": _mapping(abs),
    "CEIL": _mapping(lambda value: float(math.ceil(value))),
    "FLOOR": _mapping(lambda value: float(math.floor(value))),
    "LOG": _logarithm(math.log),
    "LOG10": _logarithm(math.log10),
    "SUM": _reducing(math.fsum),
    "AVG": _average,
    "MIN": _reducing(min),
    "MAX": _reducing(max),
    "STDDEV": _reducing(statistics.pstdev),
    "DATAPOINT_COUNT": _reducing(lambda values: float(len(values))),
    "METRIC_COUNT": _metric_count,
    "DIFF": _along(lambda series, times: _changes(series, times, per_second=False)),
    "RATE": _along(lambda series, times: _changes(series, times, per_second=True)),
    "RUNNING_SUM": _along(_running),
    "FIRST": _member(0),
    "LAST": _member(-1),
}
"""Functions of one argument."""
