"""CloudWatch's statistics of the values of a period.

Source: CloudWatch user guide, "CloudWatch statistics definitions": p, tm, IQM, wm, PR, tc and ts; two boundaries are
percentages or absolute values, the lower one exclusive, the upper one inclusive; a trimmed count may be a fraction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

BASIC_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

_ONE_BOUND = re.compile(r"(p|tm|tc|ts|wm)(\d{1,3}(?:\.\d{1,10})?)$", re.IGNORECASE)
_NUMBER = r"-?\d+(?:\.\d{1,10})?"
_TWO_BOUNDS = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)$", re.IGNORECASE)

WeightedValues = Sequence[tuple[float, float]]
"""Values in ascending order, each with its number of occurrences."""


class UnknownStatistic(ValueError):
    """A statistic that CloudWatch does not have."""


@dataclass(frozen=True)
class ExtendedStatistic:
    """A statistic with boundaries."""

    kind: str
    low: float | None
    """A share from 0 to 1 if `relative`, a value otherwise; None for no boundary."""
    high: float | None
    """As `low`."""
    relative: bool

    def compute(self, values: WeightedValues) -> float | None:
        """Computes the statistic; None if no value is within the boundaries."""
        return _COMPUTATIONS[self.kind](self, values) if values else None


@cache
def parse_extended(name: str) -> ExtendedStatistic:
    """Parses the name of an extended statistic. Raises UnknownStatistic."""
    if name.upper() == "IQM":
        return ExtendedStatistic("tm", 0.25, 0.75, relative=True)
    if single := _ONE_BOUND.match(name):
        share = float(single[2]) / 100
        if share <= 1 and (single[1] != "P"):
            return ExtendedStatistic(single[1].lower(), None, share, relative=True)
    double = _TWO_BOUNDS.match(name)
    if double is None or (double[2] is None and double[3] is None):
        raise UnknownStatistic(f"The value {name} for parameter ExtendedStatistic is not supported.")
    kind, ends = double[1].lower(), [end for end in (double[2], double[3]) if end is not None]
    relative = all(end.endswith("%") for end in ends)
    if (not relative and any(end.endswith("%") for end in ends)) or (kind == "pr" and relative):
        raise UnknownStatistic(f"The value {name} for parameter ExtendedStatistic is not supported.")
    low, high = (_parse_boundary(end) for end in (double[2], double[3]))
    if low is not None and high is not None and low >= high:
        raise UnknownStatistic(f"The value {name} for parameter ExtendedStatistic is not supported.")
    return ExtendedStatistic(kind, low, high, relative)


def require_known_statistic(name: str) -> None:
    """Raises UnknownStatistic for an unknown name."""
    if name not in BASIC_STATISTICS:
        parse_extended(name)


def compute_percentile(values: WeightedValues, share: float) -> float:
    """The smallest value that at least that share of the values does not exceed."""
    target_count, cumulative = share * math.fsum(times for _, times in values), 0.0
    for value, times in values:
        cumulative += times
        if cumulative >= target_count - 1e-9:
            return value
    return values[-1][0]


def _parse_boundary(text: str | None) -> float | None:
    if text is None:
        return None
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _select_within(statistic: ExtendedStatistic, values: WeightedValues) -> list[tuple[float, float]]:
    """The values within the boundaries; a value across a relative boundary counts by its fraction inside."""
    if not statistic.relative:
        low = -math.inf if statistic.low is None else statistic.low
        high = math.inf if statistic.high is None else statistic.high
        return [(value, times) for value, times in values if low < value <= high]
    total = math.fsum(times for _, times in values)
    first, last = (statistic.low or 0.0) * total, total * (1.0 if statistic.high is None else statistic.high)
    selected: list[tuple[float, float]] = []
    cumulative = 0.0
    for value, times in values:
        overlap = min(cumulative + times, last) - max(cumulative, first)
        cumulative += times
        if overlap > 0:
            selected.append((value, overlap))
    return selected


def _compute_upper_percentile(statistic: ExtendedStatistic, values: WeightedValues) -> float:
    return compute_percentile(values, statistic.high or 0.0)


def _compute_trimmed_mean(statistic: ExtendedStatistic, values: WeightedValues) -> float | None:
    selected = _select_within(statistic, values)
    total = math.fsum(times for _, times in selected)
    return math.fsum(value * times for value, times in selected) / total if total else None


def _compute_count(statistic: ExtendedStatistic, values: WeightedValues) -> float:
    return math.fsum(times for _, times in _select_within(statistic, values))


def _compute_sum(statistic: ExtendedStatistic, values: WeightedValues) -> float:
    return math.fsum(value * times for value, times in _select_within(statistic, values))


def _compute_winsorized_mean(statistic: ExtendedStatistic, values: WeightedValues) -> float:
    low, high = statistic.low, statistic.high
    if statistic.relative:
        low = None if low is None else compute_percentile(values, low)
        high = None if high is None else compute_percentile(values, high)
    lowest, highest = -math.inf if low is None else low, math.inf if high is None else high
    total = math.fsum(times for _, times in values)
    return math.fsum(min(max(value, lowest), highest) * times for value, times in values) / total


def _compute_percentile_rank(statistic: ExtendedStatistic, values: WeightedValues) -> float:
    return 100 * _compute_count(statistic, values) / math.fsum(times for _, times in values)


_COMPUTATIONS: Mapping[str, Callable[[ExtendedStatistic, WeightedValues], float | None]] = {
    "p": _compute_upper_percentile,
    "tm": _compute_trimmed_mean,
    "tc": _compute_count,
    "ts": _compute_sum,
    "wm": _compute_winsorized_mean,
    "pr": _compute_percentile_rank,
}
