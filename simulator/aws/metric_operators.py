"""The values of metric math, and how an operator joins two of them.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics": "Missing values in a time series are
treated as 0. If the value of a data point causes a function to attempt to divide by zero, the data point is dropped."
Between two time series a datapoint that one of them has is enough; with a number, the series' own datapoints count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scalar:
    """A number."""

    number: float


@dataclass(frozen=True)
class Single:
    """A time series: a value for each place, None where there is no datapoint."""

    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Array:
    """An array of time series."""

    members: tuple[Single, ...]


Value = Scalar | Single | Array
Operator = Callable[[float, float], float | None]


def compared(test: Callable[[float, float], bool]) -> Operator:
    """An operator that answers 1 or 0."""
    return lambda left, right: 1.0 if test(left, right) else 0.0


def each(function: Callable[[float], float | None], value: Value) -> Value:
    """A function of every datapoint."""
    if isinstance(value, Array):
        return Array(tuple(_mapped(function, member) for member in value.members))
    if isinstance(value, Single):
        return _mapped(function, value)
    number = function(value.number)
    if number is None:
        raise TypeError("a number has no value there")
    return Scalar(number)


def _mapped(function: Callable[[float], float | None], series: Single) -> Single:
    return Single(tuple(None if value is None else function(value) for value in series.values))


def joined(operator: Operator, left: Value, right: Value) -> Value:
    """Two values under an operator. Raises TypeError for two arrays of different lengths, and 1/0."""
    if isinstance(left, Array) or isinstance(right, Array):
        return _arrays(operator, left, right)
    if isinstance(left, Single) and isinstance(right, Single):
        return Single(tuple(_pair(operator, one, other) for one, other in zip(left.values, right.values, strict=True)))
    if isinstance(left, Single) and isinstance(right, Scalar):
        number = right.number
        return _mapped(lambda value: operator(value, number), left)
    if isinstance(left, Scalar) and isinstance(right, Single):
        first = left.number
        return _mapped(lambda value: operator(first, value), right)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        result = operator(left.number, right.number)
        if result is None:
            raise TypeError("a number is divided by zero")
        return Scalar(result)
    raise TypeError("these values cannot be joined")


def _pair(operator: Operator, left: float | None, right: float | None) -> float | None:
    if left is None and right is None:
        return None
    return operator(left or 0.0, right or 0.0)


def _arrays(operator: Operator, left: Value, right: Value) -> Array:
    if isinstance(left, Array) and isinstance(right, Array):
        if len(left.members) != len(right.members):
            raise TypeError("two arrays of different lengths cannot be joined")
        pairs = zip(left.members, right.members, strict=True)
        return Array(tuple(_single(joined(operator, one, other)) for one, other in pairs))
    if isinstance(left, Array):
        return Array(tuple(_single(joined(operator, member, right)) for member in left.members))
    assert isinstance(right, Array)
    return Array(tuple(_single(joined(operator, left, member)) for member in right.members))


def _single(value: Value) -> Single:
    assert isinstance(value, Single)
    return value
