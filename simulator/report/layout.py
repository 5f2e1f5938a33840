"""Where things stand in a drawing: scales, ticks, steps, and flags that do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from simulator.report.values import Series

MINUTES = 60
HOURS = 60 * MINUTES
DAYS = 24 * HOURS
ROUND = (
    1,
    5,
    10,
    30,
    *(each * MINUTES for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOURS for each in (1, 2, 3, 6, 12)),
)
"""Seconds between two times of a readable axis; beyond these, whole days."""
HELD = 1.5
"""Datapoints further apart than so many periods have a gap between them."""


@dataclass(frozen=True)
class Frame:
    """The measures of a drawing, in its own units: one is a pixel where the page is as wide as the drawing.

    above: whether titles stand above what they name, instead of at its left. columns: datapoints that can be told
    apart; more than these are drawn by the highest of each group.
    """

    width: int
    left: int
    right: int
    above: bool
    columns: int

    @property
    def plot(self) -> int:
        return self.width - self.left - self.right


@dataclass(frozen=True)
class Clock:
    """The time axis: seconds from the start to places, never outside of the plot."""

    frame: Frame
    length_s: float

    def x(self, at_s: float) -> float:
        share = at_s / self.length_s if self.length_s > 0 else 0.0
        return self.frame.left + self.frame.plot * min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Scale:
    """A value axis from 0 to top: values to places between a bottom and the height above it."""

    top: float
    ticks: tuple[float, ...]

    def y(self, value: float, bottom: float, height: float) -> float:
        return bottom - height * min(max(value / self.top, 0.0), 1.0)


def scale(values: Sequence[float], least: float, parts: int, most: float = math.inf) -> Scale:
    """A scale with round ticks that holds every value.

    least: a top below this would make much of little. parts: how many steps there may be. most: the highest that a
    value can be.
    """
    highest = max((value for value in values if math.isfinite(value)), default=0.0)
    highest = min(max(highest, least), most)
    step = _round_step(highest / parts)
    steps = max(math.ceil(highest / step - 1e-9), 1)
    top = min(steps * step, most)
    return Scale(top, tuple(min(at * step, top) for at in range(steps + 1)))


def _round_step(wanted: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is no less than wanted."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= wanted * (1 - 1e-9))


def ticks(starts_at: datetime, length_s: float, count: int) -> list[tuple[float, str]]:
    """Round times of the clock within the timeline, `count` at most: seconds from the start, and as they are read."""
    step = _round_time(length_s / count)
    midnight = starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
    first = math.ceil((starts_at - midnight).total_seconds() / step - 1e-9)
    found: list[tuple[float, str]] = []
    for at in range(first, first + count + 1):
        moment = midnight + timedelta(seconds=at * step)
        after = (moment - starts_at).total_seconds()
        if after > length_s or len(found) == count:
            break
        found.append((after, _read(moment, step)))
    return found


def _round_time(least: float) -> float:
    """The shortest round time that is no less than the seconds given."""
    return next((each for each in ROUND if each >= least), math.ceil(least / DAYS) * DAYS)


def _read(moment: datetime, step: float) -> str:
    if moment.hour == moment.minute == moment.second == 0 and step >= HOURS:
        return f"{moment:%b} {moment.day}"
    return f"{moment:%H:%M}" if step >= MINUTES else f"{moment:%H:%M:%S}"


def thinned(series: Series, length_s: float, columns: int) -> Series:
    """The series with at most about `columns` datapoints, each the highest of its group, so that no peak is lost."""
    group = _round_time(length_s / columns)
    if group <= series.period:
        return series
    highest: dict[float, float] = {}
    for time, value in zip(series.times, series.values, strict=True):
        if math.isfinite(value):
            start = time // group * group
            highest[start] = max(highest.get(start, value), value)
    return Series(series.slot, tuple(highest), tuple(highest.values()))


def steps(series: Series, length_s: float, *, hold: bool = False) -> Iterator[list[tuple[float, float, float]]]:
    """Runs without a gap of (from, to, value), in seconds within the timeline; values that are no number are gaps.

    hold: each value holds until the next, and the last to the end, however long.
    """
    period = series.period
    run: list[tuple[float, float, float]] = []
    times = (*series.times, math.inf)
    for (start, following), value in zip(pairwise(times), series.values, strict=True):
        close = hold or following - start <= HELD * period
        end = min(following if close else start + period, length_s)
        if math.isfinite(value) and end > max(start, 0.0):
            run.append((max(start, 0.0), end, value))
        if run and not (close and math.isfinite(value)):
            yield run
            run = []
    if run:
        yield run


@dataclass(frozen=True)
class Flags:
    """Where flags stand: a place along the axis and a lane for each, 0 nearest to the plot."""

    places: tuple[tuple[float, int], ...]
    lanes: int


def flags(wanted: Sequence[float], size: float, low: float, high: float) -> Flags:
    """Places between low and high, as near to the wanted ones as may be without covering each other, in their order.

    wanted: ascending. size: of a flag, with the air around it. Flags go into as many lanes as they need, by turns, so
    that what leads from one down to its moment passes between those beneath.
    """
    lanes = max(1, math.ceil((len(wanted) - 1) * size / max(high - low, size)))
    apart = size / lanes
    last = high - max(len(wanted) - 1, 0) * apart
    freed = [min(max(place, low), last) for place in _ascending([each - at * apart for at, each in enumerate(wanted)])]
    return Flags(tuple((place + at * apart, at % lanes) for at, place in enumerate(freed)), lanes)


def _ascending(wanted: Sequence[float]) -> list[float]:
    """The ascending sequence nearest to the wanted one by least squares: neighbours that disagree are averaged."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (mean * count + before * size) / (count + size), count + size
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]
