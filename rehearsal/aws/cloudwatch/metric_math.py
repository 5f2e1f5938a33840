"""Metric math: the expressions of alarms and of GetMetricData, datapoint by datapoint.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics" (syntax, functions, "Using IF
expressions"). A time series has an index for each period, oldest first, and None for a missing datapoint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from rehearsal.aws.cloudwatch.metric_functions import FUNCTIONS, apply_fill, apply_if
from rehearsal.aws.cloudwatch.metric_operators import (
    Scalar,
    TimeSeries,
    TimeSeriesArray,
    Value,
    build_comparison,
    combine,
    map_values,
)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],]))"
)
_BINARY = (("OR", "||"), ("AND", "&&"), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/"))
_OPERATOR_ALIASES = {"||": "OR", "&&": "AND"}
_FILLERS = ("REPEAT", "LINEAR")


class MathError(ValueError):
    """An expression that CloudWatch would refuse or that the simulator cannot compute; the message is a sentence."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of an expression."""

    metrics: Mapping[str, TimeSeries]
    """The metrics, by id."""
    results: Mapping[str, Value]
    """The results of other expressions, by id."""
    times: Sequence[float]
    """The beginnings of the periods, in seconds."""
    periods: Mapping[str, int]
    """The period of each metric, in seconds."""


Computation = Callable[[Inputs], Value]


@dataclass(frozen=True)
class Expression:
    """A parsed expression."""

    text: str
    compute: Computation
    names: frozenset[str]
    """The ids that it refers to."""
    uses_all_metrics: bool

    def evaluate(self, inputs: Inputs) -> Value:
        """Computes the value. Raises MathError."""
        try:
            return self.compute(inputs)
        except (TypeError, OverflowError) as error:
            raise MathError(f"'{self.text}' cannot be computed: {error}") from error


@cache
def parse_expression(text: str) -> Expression:
    """Parses an expression. Raises MathError."""
    parser = _ExpressionParser(text)
    node = parser.parse_binary(0)
    parser.require_end()
    return Expression(text, node, frozenset(parser.names), parser.uses_all_metrics)


class _ExpressionParser:
    """A recursive descent parser; comparison binds weaker than arithmetic, AND weaker than comparison, OR weakest."""

    def __init__(self, text: str) -> None:
        self._text, self._position = text, 0
        self._tokens = _tokenize(text)
        self.names: set[str] = set()
        self.uses_all_metrics = False

    def parse_binary(self, level: int) -> Computation:
        if level == len(_BINARY):
            return self._parse_power()
        left = self.parse_binary(level + 1)
        while (sign := self._accept(*_BINARY[level])) is not None:
            left = _build_operation(_OPERATOR_ALIASES.get(sign, sign), left, self.parse_binary(level + 1))
        return left

    def require_end(self) -> None:
        if self._position < len(self._tokens):
            self._fail()

    def _parse_power(self) -> Computation:
        base = self._parse_unary()
        if self._accept("^"):
            return _build_operation("^", base, self._parse_power())
        return base

    def _parse_unary(self) -> Computation:
        if self._accept("-"):
            inner = self._parse_power()
            return lambda inputs: map_values(lambda value: -value, inner(inputs))
        if self._accept("("):
            inner = self.parse_binary(0)
            self._require(")")
            return inner
        if self._accept("["):
            elements = self._parse_list("]")
            return lambda inputs: _build_array([part(inputs) for part in elements])
        return self._parse_atom()

    def _parse_atom(self) -> Computation:
        if self._position >= len(self._tokens):
            self._fail()
        kind, word = self._tokens[self._position]
        self._position += 1
        if kind == "number":
            number = Scalar(float(word))
            return lambda _: number
        if kind != "name":
            self._position -= 1
            self._fail()
        if self._accept("("):
            return self._parse_call(word)
        if not word[0].islower():
            raise MathError(f"'{self._text}' names '{word}': ids begin with a lower-case letter.")
        self.names.add(word)
        return lambda inputs: _resolve_name(inputs, word)

    def _parse_call(self, function: str) -> Computation:
        if function == "METRICS":
            return self._parse_metrics()
        if function == "PERIOD":
            return self._parse_period()
        if function == "FILL":
            return self._parse_fill()
        arguments = self._parse_list(")")
        if function == "IF" and len(arguments) in (2, 3):
            return lambda inputs: apply_if([argument(inputs) for argument in arguments], len(inputs.times))
        if function == "TIME_SERIES" and len(arguments) == 1:
            return lambda inputs: _build_constant(arguments[0](inputs), len(inputs.times))
        implementation = FUNCTIONS.get(function)
        if implementation is None or len(arguments) != 1:
            raise MathError(f"'{self._text}': the simulator has no function {function} of {len(arguments)} arguments.")
        return lambda inputs: implementation(arguments[0](inputs), inputs.times)

    def _parse_metrics(self) -> Computation:
        substring = self._accept_text()
        self._require(")")
        self.uses_all_metrics = True
        return lambda inputs: TimeSeriesArray(
            tuple(series for name, series in inputs.metrics.items() if substring in name)
        )

    def _accept_text(self) -> str:
        if self._position < len(self._tokens) and self._tokens[self._position][0] == "text":
            self._position += 1
            return self._tokens[self._position - 1][1][1:-1]
        return ""

    def _parse_period(self) -> Computation:
        kind, word = self._tokens[self._position] if self._position < len(self._tokens) else ("", "")
        if kind != "name":
            self._fail()
        self._position += 1
        self._require(")")
        self.names.add(word)
        return lambda inputs: _resolve_period(inputs, word)

    def _parse_fill(self) -> Computation:
        series = self.parse_binary(0)
        self._require(",")
        filler = self._accept(*_FILLERS)
        value = self.parse_binary(0) if filler is None else None
        self._require(")")
        return lambda inputs: apply_fill(series(inputs), filler or value(inputs), inputs.times)  # type: ignore[misc]

    def _parse_list(self, close: str) -> list[Computation]:
        if self._accept(close):
            return []
        elements = [self.parse_binary(0)]
        while self._accept(","):
            elements.append(self.parse_binary(0))
        self._require(close)
        return elements

    def _accept(self, *words: str) -> str | None:
        if self._position < len(self._tokens):
            kind, word = self._tokens[self._position]
            if kind in ("sign", "name") and word in words:
                self._position += 1
                return word
        return None

    def _require(self, word: str) -> None:
        if self._accept(word) is None:
            self._fail()

    def _fail(self) -> NoReturn:
        found = f"'{self._tokens[self._position][1]}'" if self._position < len(self._tokens) else "the end"
        raise MathError(f"'{self._text}': {found} is not expected there.")


def _tokenize(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise MathError(f"'{text}': '{text[position:].strip()[:1]}' is not expected there.")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return found


def _build_operation(sign: str, left: Computation, right: Computation) -> Computation:
    function = _OPERATORS[sign]
    return lambda inputs: combine(function, left(inputs), right(inputs))


def _resolve_name(inputs: Inputs, name: str) -> Value:
    found = inputs.metrics.get(name)
    if found is None:
        found = inputs.results.get(name)
    if found is None:
        raise MathError(f"there is no metric and no expression '{name}'.")
    return found


def _resolve_period(inputs: Inputs, name: str) -> Scalar:
    if name not in inputs.periods:
        raise MathError(f"PERIOD takes the id of a metric, and '{name}' is none.")
    return Scalar(float(inputs.periods[name]))


def _build_array(values: Sequence[Value]) -> TimeSeriesArray:
    members: list[TimeSeries] = []
    for part in values:
        if isinstance(part, Scalar):
            raise MathError("an array holds time series, not numbers.")
        members += part.members if isinstance(part, TimeSeriesArray) else [part]
    return TimeSeriesArray(tuple(members))


def _build_constant(value: Value, length: int) -> TimeSeries:
    if not isinstance(value, Scalar):
        raise MathError("TIME_SERIES takes a number.")
    return TimeSeries((value.number,) * length)


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _raise_to_power(left: float, right: float) -> float | None:
    try:
        value = math.pow(left, right)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


_OPERATORS: Mapping[str, Callable[[float, float], float | None]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "^": _raise_to_power,
    "==": build_comparison(lambda left, right: left == right),
    "!=": build_comparison(lambda left, right: left != right),
    "<": build_comparison(lambda left, right: left < right),
    ">": build_comparison(lambda left, right: left > right),
    "<=": build_comparison(lambda left, right: left <= right),
    ">=": build_comparison(lambda left, right: left >= right),
    "AND": build_comparison(lambda left, right: bool(left) and bool(right)),
    "OR": build_comparison(lambda left, right: bool(left) or bool(right)),
}
