"""Metrics that are measured every minute and seldom change: kept as runs of minutes with one value.

A minute costs nothing. They are a Series like any other: what somebody puts by PutMetricData is counted beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from rehearsal.aws.cloudwatch.metric_store import MINUTE, Aggregate, MetricSeries


@dataclass
class GaugeRun:
    """The same value in every minute from first to last, both in; `samples` a minute."""

    first: int
    last: int
    value: float
    samples: int

    def to_aggregate(self, minutes: int) -> Aggregate:
        count = float(minutes * self.samples)
        return Aggregate(count, self.value * count, self.value, self.value, {self.value: count})


@dataclass
class GaugeSeries(MetricSeries):
    """A Series of runs, in the order of time."""

    runs: list[GaugeRun] = field(default_factory=list[GaugeRun])

    def add_run(self, first: int, last: int, value: float, samples: int = 1) -> None:
        """Notes that it had this value in each minute from first to last, which are later than any noted before."""
        run = self.runs[-1] if self.runs else None
        if run is not None and run.last + 1 == first and (run.value, run.samples) == (value, samples):
            run.last = last
        else:
            self.runs.append(GaugeRun(first, last, value, samples))

    def has_values_since(self, begin: float) -> bool:
        return bool(self.runs and (self.runs[-1].last + 1) * MINUTE > begin) or super().has_values_since(begin)

    def fingerprint_window(self, begin: float, end: float) -> int | None:
        if super().has_values_since(begin):
            return None
        if not self.has_values_since(begin):
            return self.NO_DATA
        run = self.runs[-1]
        return run.first if run.first * MINUTE <= begin and end <= (run.last + 1) * MINUTE else None

    def iterate_minutes(self, start: float, end: float, now: float) -> Iterator[tuple[int, Aggregate]]:
        yield from super().iterate_minutes(start, end, now)
        first, stop = int(start // MINUTE), math.ceil(end / MINUTE)
        for run in self.runs:
            for minute in range(max(run.first, first), min(run.last + 1, stop)):
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
        """Of each run the part from minute first up to but without stop, as far as it can be seen."""
        if self.delay:
            stop = min(stop, int((now - self.delay) // MINUTE))
        found: list[Aggregate] = []
        for run in reversed(self.runs):
            if run.last < first:
                break
            minutes = min(run.last + 1, stop) - max(run.first, first)
            if minutes > 0:
                found.append(run.to_aggregate(minutes))
        return found
