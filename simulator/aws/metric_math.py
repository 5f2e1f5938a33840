"""Metric math: the expressions of alarms and of GetMetricData, datapoint by datapoint.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics" (syntax, functions, "Using IF
expressions"). A time series is a list with a place for each period, oldest first, and None where it has no datapoint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from simulator.aws.metric_functions import FUNCTIONS, chosen, filled
from simulator.aws.metric_operators import Array, Scalar, Single, Value, compared, each, joined

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],]))"
)
_BINARY = (("OR", "||"), ("AND", "&&"), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/"))
_WORDS = {"||": "OR", "&&": "AND"}
_FILLERS = ("REPEAT", "LINEAR")


class MathError(ValueError):
    """An expression that CloudWatch would refuse, or that the simulator cannot compute; a sentence."""


@dataclass(frozen=True)
class Inputs:
    """What an expression is computed from: the metrics by id, the results of other expressions, the times of the
    places (seconds) and the period of each metric."""

    metrics: Mapping[str, Single]
    others: Mapping[str, Value]
    times: Sequence[float]
    periods: Mapping[str, int]


Node = Callable[[Inputs], Value]


@dataclass(frozen=True)
class Expression:
    """A parsed expression: what computes it, and the ids it names."""

    text: str
    compute: Node
    names: frozenset[str]
    every_metric: bool

    def of(self, inputs: Inputs) -> Value:
        """Its value. Raises MathError."""
        try:
            return self.compute(inputs)
        except (TypeError, OverflowError) as wrong:
            raise MathError(f"'{self.text}' cannot be computed: {wrong}") from wrong


@cache
def parse(text: str) -> Expression:
    """The expression of a text. Raises MathError."""
    parser = _Parser(text)
    node = parser.binary(0)
    parser.end()
    return Expression(text, node, frozenset(parser.names), parser.every_metric)


class _Parser:
    """Recursive descent; comparison binds weaker than arithmetic, AND weaker than comparison, OR weakest."""

    def __init__(self, text: str) -> None:
        self._text, self._place = text, 0
        self._tokens = _tokens(text)
        self.names: set[str] = set()
        self.every_metric = False

    def binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._power()
        left = self.binary(level + 1)
        while (sign := self._take(*_BINARY[level])) is not None:
            left = _operation(_WORDS.get(sign, sign), left, self.binary(level + 1))
        return left

    def end(self) -> None:
        if self._place < len(self._tokens):
            self._fail()

    def _power(self) -> Node:
        base = self._unary()
        if self._take("^"):
            return _operation("^", base, self._power())
        return base

    def _unary(self) -> Node:
        if self._take("-"):
            inner = self._power()
            return lambda inputs: each(lambda value: -value, inner(inputs))
        if self._take("("):
            inner = self.binary(0)
            self._need(")")
            return inner
        if self._take("["):
            parts = self._list("]")
            return lambda inputs: _array([part(inputs) for part in parts])
        return self._atom()

    def _atom(self) -> Node:
        if self._place >= len(self._tokens):
            self._fail()
        kind, word = self._tokens[self._place]
        self._place += 1
        if kind == "number":
            number = Scalar(float(word))
            return lambda _: number
        if kind != "name":
            self._place -= 1
            self._fail()
        if self._take("("):
            return self._call(word)
        if not word[0].islower():
            raise MathError(f"'{self._text}' names '{word}': ids begin with a lower-case letter.")
        self.names.add(word)
        return lambda inputs: _named(inputs, word)

    def _call(self, function: str) -> Node:
        if function == "METRICS":
            return self._metrics()
        if function == "PERIOD":
            return self._period()
        if function == "FILL":
            return self._fill()
        arguments = self._list(")")
        if function == "IF" and len(arguments) in (2, 3):
            return lambda inputs: chosen([argument(inputs) for argument in arguments], len(inputs.times))
        if function == "TIME_SERIES" and len(arguments) == 1:
            return lambda inputs: _constant(arguments[0](inputs), len(inputs.times))
        known = FUNCTIONS.get(function)
        if known is None or len(arguments) != 1:
            raise MathError(f"'{self._text}': the simulator has no function {function} of {len(arguments)} arguments.")
        return lambda inputs: known(arguments[0](inputs), inputs.times)

    def _metrics(self) -> Node:
        within = self._text_argument()
        self._need(")")
        self.every_metric = True
        return lambda inputs: Array(tuple(one for name, one in inputs.metrics.items() if within in name))

    def _text_argument(self) -> str:
        if self._place < len(self._tokens) and self._tokens[self._place][0] == "text":
            self._place += 1
            return self._tokens[self._place - 1][1][1:-1]
        return ""

    def _period(self) -> Node:
        kind, word = self._tokens[self._place] if self._place < len(self._tokens) else ("", "")
        if kind != "name":
            self._fail()
        self._place += 1
        self._need(")")
        self.names.add(word)
        return lambda inputs: _period_of(inputs, word)

    def _fill(self) -> Node:
        series = self.binary(0)
        self._need(",")
        filler = self._take(*_FILLERS)
        value = self.binary(0) if filler is None else None
        self._need(")")
        return lambda inputs: filled(series(inputs), filler or value(inputs), inputs.times)  # type: ignore[misc]

    def _list(self, close: str) -> list[Node]:
        if self._take(close):
            return []
        parts = [self.binary(0)]
        while self._take(","):
            parts.append(self.binary(0))
        self._need(close)
        return parts

    def _take(self, *words: str) -> str | None:
        if self._place < len(self._tokens):
            kind, word = self._tokens[self._place]
            if kind in ("sign", "name") and word in words:
                self._place += 1
                return word
        return None

    def _need(self, word: str) -> None:
        if self._take(word) is None:
            self._fail()

    def _fail(self) -> NoReturn:
        found = f"'{self._tokens[self._place][1]}'" if self._place < len(self._tokens) else "the end"
        raise MathError(f"'{self._text}': {found} is not expected there.")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise MathError(f"'{text}': '{text[place:].strip()[:1]}' is not expected there.")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


def _operation(sign: str, left: Node, right: Node) -> Node:
    function = _SIGNS[sign]
    return lambda inputs: joined(function, left(inputs), right(inputs))


def _named(inputs: Inputs, name: str) -> Value:
    found = inputs.metrics.get(name)
    if found is None:
        found = inputs.others.get(name)
    if found is None:
        raise MathError(f"there is no metric and no expression '{name}'.")
    return found


def _period_of(inputs: Inputs, name: str) -> Scalar:
    if name not in inputs.periods:
        raise MathError(f"PERIOD takes the id of a metric, and '{name}' is none.")
    return Scalar(float(inputs.periods[name]))


def _array(parts: Sequence[Value]) -> Array:
    members: list[Single] = []
    for part in parts:
        if isinstance(part, Scalar):
            raise MathError("an array holds time series, not numbers.")
        members += part.members if isinstance(part, Array) else [part]
    return Array(tuple(members))


def _constant(value: Value, length: int) -> Single:
    if not isinstance(value, Scalar):
        raise MathError("TIME_SERIES takes a number.")
    return Single((value.number,) * length)


def _divided(left: float, right: float) -> float | None:
    return left / right if right else None


def _raised(left: float, right: float) -> float | None:
    try:
        value = math.pow(left, right)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


_SIGNS: Mapping[str, Callable[[float, float], float | None]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "^": _raised,
    "==": compared(lambda left, right: left == right),
    "!=": compared(lambda left, right: left != right),
    "<": compared(lambda left, right: left < right),
    ">": compared(lambda left, right: left > right),
    "<=": compared(lambda left, right: left <= right),
    ">=": compared(lambda left, right: left >= right),
    "AND": compared(lambda left, right: bool(left) and bool(right)),
    "OR": compared(lambda left, right: bool(left) or bool(right)),
}
