"""Metrics that have a value at a steady pace and seldom change, stored as runs of minutes with one value.

A further minute needs no memory. They support all operations of StoredSeries: values from PutMetricData are added to
them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from rehearsal.aws.cloudwatch.metric_store import MINUTE, Aggregate, StoredSeries


@dataclass
class GaugeRun:
    """The same value in each `step`th minute from `first` to `last`, both included."""

    first: int
    last: int
    value: float
    samples: int
    """Samples in a minute."""
    step: int = 1
    """Minutes from one value to the next."""

    def list_minutes(self, first: int, stop: int) -> range:
        """The minutes with a value, from `first` up to but excluding `stop`."""
        behind = max(first - self.first, 0)
        return range(self.first + -(-behind // self.step) * self.step, min(self.last + 1, stop), self.step)

    def to_aggregate(self, minutes: int) -> Aggregate:
        count = float(minutes * self.samples)
        return Aggregate(count, self.value * count, self.value, self.value, {self.value: count})


@dataclass
class GaugeSeries(StoredSeries):
    """A series of runs, in chronological order."""

    runs: list[GaugeRun] = field(default_factory=list[GaugeRun])

    def add_run(self, first: int, last: int, value: float, samples: int = 1, step: int = 1) -> None:
        """Records the value of each `step`th minute from `first` to `last`, which are later than all recorded ones."""
        run = self.runs[-1] if self.runs else None
        if (
            run is not None
            and run.last + step == first
            and (run.value, run.samples, run.step) == (value, samples, step)
        ):
            run.last = last
        else:
            self.runs.append(GaugeRun(first, last, value, samples, step))

    def find_last_value(self) -> float | None:
        """The largest value of the latest minute; None without any."""
        run = self.runs[-1] if self.runs else None
        order = self._sort_minutes()
        if order and (run is None or order[-1] >= run.last):
            return self.minutes[order[-1]].maximum
        return run.value if run else None

    def has_values_since(self, begin: float) -> bool:
        return bool(self.runs and (self.runs[-1].last + 1) * MINUTE > begin) or super().has_values_since(begin)

    def fingerprint_window(self, begin: float, end: float, period: float) -> int | None:
        if super().has_values_since(begin):
            return None
        if not self.has_values_since(begin):
            return self.NO_DATA
        run = self.runs[-1]
        is_inside = run.first * MINUTE <= begin and end <= (run.last + run.step) * MINUTE
        # Wherever a period begins, it holds as many values as the others.
        return run.first if is_inside and period % (run.step * MINUTE) == 0 else None

    def iterate_minutes(self, start: float, end: float, now: float) -> Iterator[tuple[int, Aggregate]]:
        yield from super().iterate_minutes(start, end, now)
        first, stop = int(start // MINUTE), math.ceil(end / MINUTE)
        for run in self.runs:
            for minute in run.list_minutes(first, stop):
                if self.is_visible(minute, now):
                    yield minute, run.to_aggregate(1)

    def _select_minutes(self, begin: float, end: float, now: float) -> list[Aggregate]:
        return super()._select_minutes(begin, end, now) + self._select_runs(
            int(begin // MINUTE), int(end // MINUTE), now
        )

    def _select_seconds(self, begin: float, end: float, now: float) -> list[Aggregate]:
        minute = math.ceil(begin / MINUTE)
        run_aggregates = self._select_runs(minute, minute + 1, now) if minute * MINUTE < end else []
        return super()._select_seconds(begin, end, now) + run_aggregates

    def _select_runs(self, first: int, stop: int, now: float) -> list[Aggregate]:
        """The visible part of each run from minute `first` up to but excluding `stop`."""
        if self.delay:
            stop = min(stop, int((now - self.delay) // MINUTE))
        found: list[Aggregate] = []
        for run in reversed(self.runs):
            if run.last < first:
                break
            minutes = len(run.list_minutes(first, stop))
            if minutes:
                found.append(run.to_aggregate(minutes))
        return found
