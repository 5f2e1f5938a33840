"""Positions in a drawing: scales, ticks, steps, and flags that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from rehearsal.charts.timeline import VariantSeries

MINUTES = 60
HOURS = 60 * MINUTES
DAYS = 24 * HOURS
ROUND_INTERVALS = (
    1,
    5,
    10,
    30,
    *(each * MINUTES for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOURS for each in (1, 2, 3, 6, 12)),
)
"""Seconds between two ticks of a readable time axis; longer intervals are whole days."""
MAX_GAP_PERIODS = 1.5
"""Datapoints that are more periods apart than this have a gap between them."""


@dataclass(frozen=True)
class Frame:
    """The dimensions of a drawing in its own units; a unit is a pixel if the page is as wide as the drawing."""

    width: int
    left: int
    right: int
    has_titles_above: bool
    """Whether titles stand above their panels instead of at the left."""
    max_datapoints: int
    """Datapoints that a reader can distinguish; of more, the highest of each group is drawn."""

    @property
    def plot_width(self) -> int:
        return self.width - self.left - self.right


@dataclass(frozen=True)
class TimeAxis:
    """The time axis: maps seconds from the start to x, never outside of the plot."""

    frame: Frame
    length_s: float

    def to_x(self, at_s: float) -> float:
        share = at_s / self.length_s if self.length_s > 0 else 0.0
        return self.frame.left + self.frame.plot_width * min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class ValueAxis:
    """A value axis from 0 to `top`: maps values to y between `bottom` and `height` above it."""

    top: float
    ticks: tuple[float, ...]

    def to_y(self, value: float, bottom: float, height: float) -> float:
        return bottom - height * min(max(value / self.top, 0.0), 1.0)


def fit_value_axis(values: Sequence[float], least: float, max_steps: int, most: float = math.inf) -> ValueAxis:
    """A value axis with round ticks that covers every value.

    The axis ends at `least` or above, so that small values do not look large, and at `most` at the highest. `max_steps`
    limits the number of steps.
    """
    highest = max((value for value in values if math.isfinite(value)), default=0.0)
    highest = min(max(highest, least), most)
    step = _choose_value_step(highest / max_steps)
    step_count = max(math.ceil(highest / step - 1e-9), 1)
    top = min(step_count * step, most)
    return ValueAxis(top, tuple(min(index * step, top) for index in range(step_count + 1)))


def _choose_value_step(minimum: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `minimum`."""
    power = 10.0 ** math.floor(math.log10(minimum))
    return next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= minimum * (1 - 1e-9))


def compute_ticks(starts_at: datetime, length_s: float, count: int) -> list[tuple[float, str]]:
    """At most `count` round times within the timeline: seconds from the start, and labels."""
    step = _choose_time_step(length_s / count)
    midnight = starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
    first = math.ceil((starts_at - midnight).total_seconds() / step - 1e-9)
    found: list[tuple[float, str]] = []
    for index in range(first, first + count + 1):
        tick_time = midnight + timedelta(seconds=index * step)
        offset_s = (tick_time - starts_at).total_seconds()
        if offset_s > length_s or len(found) == count:
            break
        found.append((offset_s, _format_tick(tick_time, step)))
    return found


def _choose_time_step(least: float) -> float:
    """The shortest round interval that is at least the seconds given."""
    return next((each for each in ROUND_INTERVALS if each >= least), math.ceil(least / DAYS) * DAYS)


def _format_tick(moment: datetime, step: float) -> str:
    if moment.hour == moment.minute == moment.second == 0 and step >= HOURS:
        return f"{moment:%b} {moment.day}"
    return f"{moment:%H:%M}" if step >= MINUTES else f"{moment:%H:%M:%S}"


def downsample(series: VariantSeries, length_s: float, max_datapoints: int) -> VariantSeries:
    """The series with at most about `max_datapoints` datapoints, the highest of each group, so that no peak is lost."""
    group = _choose_time_step(length_s / max_datapoints)
    if group <= series.period:
        return series
    highest: dict[float, float] = {}
    for time, value in zip(series.times, series.values, strict=True):
        if math.isfinite(value):
            start = time // group * group
            highest[start] = max(highest.get(start, value), value)
    return VariantSeries(series.variant, tuple(highest), tuple(highest.values()))


def split_runs(
    series: VariantSeries, length_s: float, *, hold: bool = False
) -> Iterator[list[tuple[float, float, float]]]:
    """Runs without a gap of (from, to, value), in seconds within the timeline; a NaN is a gap.

    With `hold`, each value holds until the next one, and the last one to the end, without a limit.
    """
    period = series.period
    run: list[tuple[float, float, float]] = []
    times = (*series.times, math.inf)
    for (start, following), value in zip(pairwise(times), series.values, strict=True):
        is_continuous = hold or following - start <= MAX_GAP_PERIODS * period
        end = min(following if is_continuous else start + period, length_s)
        if math.isfinite(value) and end > max(start, 0.0):
            run.append((max(start, 0.0), end, value))
        if run and not (is_continuous and math.isfinite(value)):
            yield run
            run = []
    if run:
        yield run


@dataclass(frozen=True)
class FlagLayout:
    """The layout of flags: for each a position along the axis and a lane, 0 nearest to the plot."""

    positions: tuple[tuple[float, int], ...]
    lanes: int


def place_flags(targets: Sequence[float], size: float, low: float, high: float) -> FlagLayout:
    """Positions between `low` and `high`, as near as possible to `targets` without overlap, in their order.

    `targets` are ascending. `size` is a flag's size with its margin. Flags alternate between as many lanes as they
    need, so that the line from a flag to its moment passes between the flags below.
    """
    lanes = max(1, math.ceil((len(targets) - 1) * size / max(high - low, size)))
    spacing = size / lanes
    last = high - max(len(targets) - 1, 0) * spacing
    offsets = [
        min(max(offset, low), last)
        for offset in _fit_ascending([each - index * spacing for index, each in enumerate(targets)])
    ]
    return FlagLayout(tuple((offset + index * spacing, index % lanes) for index, offset in enumerate(offsets)), lanes)


def _fit_ascending(targets: Sequence[float]) -> list[float]:
    """The ascending sequence nearest to `targets` by least squares: neighbours out of order are averaged."""
    pools: list[tuple[float, int]] = []
    for value in targets:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (mean * count + before * size) / (count + size), count + size
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]
