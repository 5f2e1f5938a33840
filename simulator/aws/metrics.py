"""Metrics as CloudWatch keeps them: one aggregate a minute, not one datum a request, with percentiles.

Percentiles are exact while a minute holds few distinct values; above that they come from buckets 1% wide, as
CloudWatch's own do ("SEH1" distributions, CloudWatch user guide, "Percentiles").
"""

from __future__ import annotations

import math
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MOST_VALUES = 256
_WIDTH = math.log(1.01)
_EXTENDED = re.compile(r"(p|tm|tc|ts|wm)(\d{1,2}(?:\.\d{1,10})?|100)$")
MINUTE = 60

Dimensions = tuple[tuple[str, str], ...]


class UnknownStatistic(ValueError):
    """A statistic that CloudWatch has and the simulator does not compute, or that neither knows."""


@dataclass
class Aggregate:
    """What is kept of the values of one minute, or of several minutes added up."""

    count: float = 0.0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    values: dict[float, float] = field(default_factory=dict[float, float])
    coarse: bool = False

    def add(self, value: float, times: float = 1.0) -> None:
        self.count += times
        self.total += value * times
        self.least = min(self.least, value)
        self.most = max(self.most, value)
        kept = _bucket(value) if self.coarse else value
        self.values[kept] = self.values.get(kept, 0.0) + times
        if len(self.values) > MOST_VALUES and not self.coarse:
            self._coarsen()

    def add_statistics(self, count: float, total: float, least: float, most: float) -> None:
        """A StatisticSet of PutMetricData: it has no distribution, so it gives no percentiles."""
        self.count += count
        self.total += total
        self.least = min(self.least, least)
        self.most = max(self.most, most)

    def merge(self, other: Aggregate) -> None:
        self.add_statistics(other.count, other.total, other.least, other.most)
        for value, times in other.values.items():
            kept = _bucket(value) if self.coarse else value
            self.values[kept] = self.values.get(kept, 0.0) + times

    def statistic(self, name: str) -> float | None:
        """Sum, Average, Minimum, Maximum, SampleCount, pNN or tmNN; None where it is not defined."""
        if self.count == 0:
            return None
        plain = {
            "Sum": self.total,
            "Average": self.total / self.count,
            "Minimum": self.least,
            "Maximum": self.most,
            "SampleCount": self.count,
        }
        if name in plain:
            return plain[name]
        match = _EXTENDED.match(name)
        if match is None or match[1] not in ("p", "tm"):
            raise UnknownStatistic(f"The simulator computes no statistic {name!r}.")
        share = float(match[2]) / 100
        return self._percentile(share) if match[1] == "p" else self._trimmed_mean(share)

    def _percentile(self, share: float) -> float | None:
        known = sum(self.values.values())
        if not known:
            return None
        seen = 0.0
        for value in sorted(self.values):
            seen += self.values[value]
            if seen >= share * known:
                return value
        return self.most

    def _trimmed_mean(self, share: float) -> float | None:
        limit = self._percentile(share)
        if limit is None:
            return None
        kept = [(value, times) for value, times in self.values.items() if value <= limit]
        return sum(value * times for value, times in kept) / sum(times for _, times in kept)

    def _coarsen(self) -> None:
        merged: dict[float, float] = defaultdict(float)
        for value, times in self.values.items():
            merged[_bucket(value)] += times
        self.values, self.coarse = dict(merged), True


def _bucket(value: float) -> float:
    if value == 0:
        return 0.0
    return math.copysign(math.exp((math.floor(math.log(abs(value)) / _WIDTH) + 0.5) * _WIDTH), value)


@dataclass
class Series:
    """One metric: namespace, name, dimensions and unit, with an aggregate a minute."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str | None = None
    delay: float = 0.0
    minutes: dict[int, Aggregate] = field(default_factory=dict[int, Aggregate])

    def at(self, timestamp: float) -> Aggregate:
        """The aggregate of the minute that a timestamp (seconds since the epoch) falls into."""
        minute = int(timestamp // MINUTE)
        found = self.minutes.get(minute)
        return found if found is not None else self.minutes.setdefault(minute, Aggregate())

    def visible(self, minute: int, now: float) -> bool:
        """Whether CloudWatch already shows that minute."""
        return not self.delay or (minute + 1) * MINUTE + self.delay <= now


@dataclass
class MetricStore:
    """Every metric of one account. Keys carry the region."""

    series: dict[tuple[str, str, str, Dimensions], Series] = field(
        default_factory=dict[tuple[str, str, str, Dimensions], Series]
    )
    lock: threading.RLock = field(default_factory=threading.RLock)

    def metric(
        self, region: str, namespace: str, name: str, dimensions: Mapping[str, str], delay: float = 0.0
    ) -> Series:
        """The series of that name, made where there is none."""
        key = (region, namespace, name, tuple(sorted(dimensions.items())))
        found = self.series.get(key)
        if found is None:
            with self.lock:
                found = self.series.setdefault(key, Series(namespace, name, key[3], delay=delay))
        return found

    def periods(
        self,
        key: tuple[str, str, str, Dimensions],
        start: float,
        end: float,
        period: int,
        now: float,
        unit: str | None = None,
    ) -> dict[float, Aggregate]:
        """Aggregates by the start of their period, from `start` up to but without `end`, all in seconds.

        Periods begin at multiples of `period`, as CloudWatch aligns them.
        """
        found = self.series.get(key)
        if found is None or (unit is not None and found.unit not in (None, unit)):
            return {}
        result: dict[float, Aggregate] = {}
        with self.lock:
            for minute in sorted(found.minutes):
                begin = minute * MINUTE
                if start - start % MINUTE <= begin < end and found.visible(minute, now):
                    result.setdefault(begin - begin % period, Aggregate()).merge(found.minutes[minute])
        return result

    def listed(self, region: str) -> Iterable[Series]:
        return [series for (where, *_), series in list(self.series.items()) if where == region]
