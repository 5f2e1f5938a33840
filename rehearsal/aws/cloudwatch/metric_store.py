"""Metrics in CloudWatch's form: one aggregate a minute instead of one datum a request, with percentiles.

Percentiles are exact for a minute with few distinct values; for more they come from buckets 1% wide, like CloudWatch's
own ("SEH1" distributions, CloudWatch user guide, "Percentiles").
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rehearsal.aws.cloudwatch.metric_statistics import parse_extended

MAX_VALUES = 256
MAX_WINDOWS = 512
"""Windows of a metric whose statistics are cached."""
_LOG_BUCKET_WIDTH = math.log(1.01)
MINUTE = 60

Dimensions = tuple[tuple[str, str], ...]


@dataclass
class Aggregate:
    """The aggregated values of one minute, or of several minutes."""

    count: float = 0.0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    values: dict[float, float] = field(default_factory=dict[float, float])
    is_coarse: bool = False

    def add(self, value: float, times: float = 1.0) -> None:
        self.count += times
        self.total += value * times
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        bucket = _to_bucket(value) if self.is_coarse else value
        self.values[bucket] = self.values.get(bucket, 0.0) + times
        if len(self.values) > MAX_VALUES and not self.is_coarse:
            self._coarsen()

    def add_statistics(self, count: float, total: float, minimum: float, maximum: float) -> None:
        """Adds a StatisticSet of PutMetricData, which has no distribution and therefore gives no percentiles."""
        self.count += count
        self.total += total
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)

    def merge(self, other: Aggregate) -> None:
        self.add_statistics(other.count, other.total, other.minimum, other.maximum)
        for value, times in other.values.items():
            bucket = _to_bucket(value) if self.is_coarse else value
            self.values[bucket] = self.values.get(bucket, 0.0) + times

    def compute_statistic(self, name: str) -> float | None:
        """Any of CloudWatch's statistics; None if it is undefined. Raises UnknownStatistic."""
        if self.count == 0:
            return None
        if name == "Sum":
            return self.total
        if name == "Average":
            return self.total / self.count
        if name == "SampleCount":
            return self.count
        if name == "Minimum":
            return self.minimum
        if name == "Maximum":
            return self.maximum
        return parse_extended(name).compute(sorted(self.values.items()))

    def _coarsen(self) -> None:
        merged: dict[float, float] = defaultdict(float)
        for value, times in self.values.items():
            merged[_to_bucket(value)] += times
        self.values, self.is_coarse = dict(merged), True


def _to_bucket(value: float) -> float:
    if value == 0:
        return 0.0
    return math.copysign(
        math.exp((math.floor(math.log(abs(value)) / _LOG_BUCKET_WIDTH) + 0.5) * _LOG_BUCKET_WIDTH), value
    )


def _merge(minutes: Sequence[Aggregate]) -> Aggregate:
    if len(minutes) == 1:
        return minutes[0]
    merged = Aggregate()
    for minute in minutes:
        merged.merge(minute)
    return merged


@dataclass
class StoredSeries:
    """One metric: namespace, name, dimensions and unit, with an aggregate a minute."""

    NO_DATA: ClassVar[int] = -1

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str | None = None
    delay: float = 0.0
    minutes: dict[int, Aggregate] = field(default_factory=dict[int, Aggregate])
    seconds: dict[int, Aggregate] = field(default_factory=dict[int, Aggregate])
    """High-resolution values by second (PutMetricData with StorageResolution 1), in addition to the minutes."""
    _minute_order: list[int] = field(default_factory=list[int])
    _window_cache: dict[tuple[str, float, float], tuple[float, float | None]] = field(
        default_factory=dict[tuple[str, float, float], tuple[float, float | None]]
    )
    """The number of samples and the statistic of requested windows: alarms read the same ones each minute, and share
    them."""

    def get_minute(self, timestamp: float) -> Aggregate:
        """The aggregate of the minute of a timestamp (seconds since the epoch)."""
        minute = int(timestamp // MINUTE)
        found = self.minutes.get(minute)
        return found if found is not None else self.minutes.setdefault(minute, Aggregate())

    def get_second(self, timestamp: float) -> Aggregate:
        """The high-resolution aggregate of the second of a timestamp."""
        return self.seconds.setdefault(int(timestamp), Aggregate())

    def is_visible(self, minute: int, now: float) -> bool:
        """Whether CloudWatch already shows that minute."""
        return not self.delay or (minute + 1) * MINUTE + self.delay <= now

    def has_values_since(self, begin: float) -> bool:
        """Whether there is a value at or after a second, visible or not yet."""
        order = self._sort_minutes()
        return bool(order) and (order[-1] + 1) * MINUTE > begin

    def fingerprint_window(self, begin: float, end: float, period: float) -> int | None:  # noqa: ARG002
        """A fingerprint of the values of the periods from `begin` to `end`: NO_DATA, or the beginning of a constant.

        None if the values may differ.
        """
        return None if self.has_values_since(begin) else self.NO_DATA

    def iterate_minutes(self, start: float, end: float, now: float) -> Iterator[tuple[int, Aggregate]]:
        """The visible minutes from `start`'s minute up to but excluding `end`."""
        for minute in sorted(self.minutes):
            if start - start % MINUTE <= minute * MINUTE < end and self.is_visible(minute, now):
                yield minute, self.minutes[minute]

    def compute_window(self, statistic: str, begin: float, end: float, now: float) -> tuple[float | None, float]:
        """A statistic, and the number of samples, visible at `now` from `begin` up to but excluding `end`.

        A window that begins or ends within a minute uses the high-resolution values; a metric without any has its
        values at the beginning of their minute.
        """
        aggregates = (
            self._select_minutes(begin, end, now)
            if begin % MINUTE == end % MINUTE == 0
            else self._select_seconds(begin, end, now)
        )
        if not aggregates:
            return None, 0.0
        count = sum(aggregate.count for aggregate in aggregates)
        if statistic == "Sum":
            return sum(aggregate.total for aggregate in aggregates), count
        if statistic == "Average":
            return sum(aggregate.total for aggregate in aggregates) / count, count
        # Aggregates only grow: the same number of samples of the same time are the same samples.
        cache_key = statistic, begin, end
        if (cached := self._window_cache.get(cache_key)) is None or cached[0] != count:
            if len(self._window_cache) >= MAX_WINDOWS:
                self._window_cache.clear()
            cached = self._window_cache[cache_key] = count, _merge(aggregates).compute_statistic(statistic)
        return cached[1], count

    def _select_minutes(self, begin: float, end: float, now: float) -> list[Aggregate]:
        order = self._sort_minutes()
        first, last = bisect_left(order, begin // MINUTE), bisect_left(order, end // MINUTE)
        if self.delay:
            last = min(last, bisect_right(order, (now - self.delay) // MINUTE - 1))
        minutes = self.minutes
        return [minutes[minute] for minute in order[first:last] if minutes[minute].count]

    def _select_seconds(self, begin: float, end: float, now: float) -> list[Aggregate]:
        if self.seconds:
            return [
                self.seconds[second] for second in range(math.ceil(begin), math.ceil(end)) if second in self.seconds
            ]
        minute = math.ceil(begin / MINUTE)
        is_inside = minute * MINUTE < end and minute in self.minutes and self.is_visible(minute, now)
        return [self.minutes[minute]] if is_inside and self.minutes[minute].count else []

    def _sort_minutes(self) -> list[int]:
        # Minutes are only added, so their number shows whether the order is still valid.
        if len(self._minute_order) != len(self.minutes):
            self._minute_order = sorted(self.minutes)
        return self._minute_order


@dataclass
class MetricStore:
    """Every metric of one account. Keys include the region."""

    series: dict[tuple[str, str, str, Dimensions], StoredSeries] = field(
        default_factory=dict[tuple[str, str, str, Dimensions], StoredSeries]
    )
    lock: threading.RLock = field(default_factory=threading.RLock)

    def get_series(
        self,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        delay: float = 0.0,
        kind: type[StoredSeries] = StoredSeries,
    ) -> StoredSeries:
        """The series of that name; creates one of type `kind` if it is missing."""
        key = (region, namespace, name, tuple(sorted(dimensions.items())))
        found = self.series.get(key)
        if found is None:
            with self.lock:
                found = self.series.setdefault(key, kind(namespace, name, key[3], delay=delay))
        return found

    def aggregate_periods(
        self,
        key: tuple[str, str, str, Dimensions],
        start: float,
        end: float,
        period: int,
        now: float,
        unit: str | None = None,
    ) -> dict[float, Aggregate]:
        """Aggregates by the start of their period, from `start` up to but excluding `end`, all in seconds.

        Periods begin at multiples of `period`, as CloudWatch aligns them.
        """
        found = self.series.get(key)
        if found is None or (unit is not None and found.unit not in (None, unit)):
            return {}
        result: dict[float, Aggregate] = {}
        with self.lock:
            for minute, aggregate in found.iterate_minutes(start, end, now):
                begin = minute * MINUTE
                result.setdefault(begin - begin % period, Aggregate()).merge(aggregate)
        return result

    def list_series(self, region: str) -> Iterable[StoredSeries]:
        return [series for (series_region, *_), series in list(self.series.items()) if series_region == region]
