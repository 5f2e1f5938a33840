"""CloudWatch's statistics: what can be asked of the values of a period, and how it is computed.

Source: CloudWatch user guide, "CloudWatch statistics definitions": p, tm, IQM, wm, PR, tc and ts; two boundaries are
percentages or absolute values, the lower one exclusive, the upper one inclusive; a trimmed count may be a fraction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

PLAIN = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

_SINGLE = re.compile(r"(p|tm|tc|ts|wm)(\d{1,3}(?:\.\d{1,10})?)$", re.IGNORECASE)
_NUMBER = r"-?\d+(?:\.\d{1,10})?"
_DOUBLE = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)$", re.IGNORECASE)

Weighted = Sequence[tuple[float, float]]
"""Values in ascending order, each with how often it occurred."""


class UnknownStatistic(ValueError):
    """A statistic that CloudWatch does not have."""


@dataclass(frozen=True)
class Extended:
    """A statistic with boundaries: shares of 0 to 1 where `relative`, values otherwise; None is open."""

    kind: str
    low: float | None
    high: float | None
    relative: bool

    def of(self, values: Weighted) -> float | None:
        """Its value; None where nothing lies within the boundaries."""
        return _COMPUTED[self.kind](self, values) if values else None


@cache
def extended(name: str) -> Extended:
    """The extended statistic of a name. Raises UnknownStatistic."""
    if name.upper() == "IQM":
        return Extended("tm", 0.25, 0.75, relative=True)
    if single := _SINGLE.match(name):
        share = float(single[2]) / 100
        if share <= 1 and (single[1] != "P"):
            return Extended(single[1].lower(), None, share, relative=True)
    double = _DOUBLE.match(name)
    if double is None or (double[2] is None and double[3] is None):
        raise UnknownStatistic(f"The value {name} for parameter ExtendedStatistic is not supported.")
    kind, ends = double[1].lower(), [end for end in (double[2], double[3]) if end is not None]
    relative = all(end.endswith("%") for end in ends)
    if (not relative and any(end.endswith("%") for end in ends)) or (kind == "pr" and relative):
        raise UnknownStatistic(f"The value {name} for parameter ExtendedStatistic is not supported.")
    low, high = (_boundary(end) for end in (double[2], double[3]))
    if low is not None and high is not None and low >= high:
        raise UnknownStatistic(f"The value {name} for parameter ExtendedStatistic is not supported.")
    return Extended(kind, low, high, relative)


def check(name: str) -> None:
    """Raises UnknownStatistic on a name that is no statistic."""
    if name not in PLAIN:
        extended(name)


def percentile(values: Weighted, share: float) -> float:
    """The smallest value that at least that share of the values does not exceed."""
    wanted, seen = share * math.fsum(times for _, times in values), 0.0
    for value, times in values:
        seen += times
        if seen >= wanted - 1e-9:
            return value
    return values[-1][0]


def _boundary(text: str | None) -> float | None:
    if text is None:
        return None
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _within(asked: Extended, values: Weighted) -> list[tuple[float, float]]:
    """The values within the boundaries; of those that straddle a relative boundary, the fraction inside."""
    if not asked.relative:
        low = -math.inf if asked.low is None else asked.low
        high = math.inf if asked.high is None else asked.high
        return [(value, times) for value, times in values if low < value <= high]
    total = math.fsum(times for _, times in values)
    first, last = (asked.low or 0.0) * total, total * (1.0 if asked.high is None else asked.high)
    kept: list[tuple[float, float]] = []
    seen = 0.0
    for value, times in values:
        inside = min(seen + times, last) - max(seen, first)
        seen += times
        if inside > 0:
            kept.append((value, inside))
    return kept


def _percentile(asked: Extended, values: Weighted) -> float:
    return percentile(values, asked.high or 0.0)


def _mean(asked: Extended, values: Weighted) -> float | None:
    kept = _within(asked, values)
    total = math.fsum(times for _, times in kept)
    return math.fsum(value * times for value, times in kept) / total if total else None


def _count(asked: Extended, values: Weighted) -> float:
    return math.fsum(times for _, times in _within(asked, values))


def _sum(asked: Extended, values: Weighted) -> float:
    return math.fsum(value * times for value, times in _within(asked, values))


def _winsorized(asked: Extended, values: Weighted) -> float:
    low, high = asked.low, asked.high
    if asked.relative:
        low = None if low is None else percentile(values, low)
        high = None if high is None else percentile(values, high)
    lowest, highest = -math.inf if low is None else low, math.inf if high is None else high
    total = math.fsum(times for _, times in values)
    return math.fsum(min(max(value, lowest), highest) * times for value, times in values) / total


def _rank(asked: Extended, values: Weighted) -> float:
    return 100 * _count(asked, values) / math.fsum(times for _, times in values)


_COMPUTED: Mapping[str, Callable[[Extended, Weighted], float | None]] = {
    "p": _percentile,
    "tm": _mean,
    "tc": _count,
    "ts": _sum,
    "wm": _winsorized,
    "pr": _rank,
}
