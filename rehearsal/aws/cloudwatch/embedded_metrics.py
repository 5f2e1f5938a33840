"""Reads the metrics that functions write into their log.

Source: CloudWatch user guide, "Embedded metric format specification": a log event that is a JSON object whose `_aws`
member has CloudWatchMetrics; every set of dimensions is a separate metric; at most 30 dimensions and 100 metrics a
directive; other lines are only log events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.aws.cloudwatch.metric_store import MetricStore

MAX_DIMENSIONS, MAX_METRICS, MAX_VALUES = 30, 100, 100


@dataclass(frozen=True)
class EmbeddedMetric:
    """Values of one metric at one time."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    values: tuple[float, ...]
    timestamp: float
    """Seconds since the epoch."""
    high_resolution: bool


def store_metrics(store: MetricStore, region: str, lines: Iterable[str]) -> None:
    """Puts the metrics in log lines into the store; they are visible at once."""
    for line in lines:
        for metric in parse_line(line):
            series = store.get_series(region, metric.namespace, metric.name, metric.dimensions)
            series.unit = metric.unit
            with store.lock:
                for value in metric.values:
                    series.get_minute(metric.timestamp).add(value)
                    if metric.high_resolution:
                        series.get_second(metric.timestamp).add(value)


def parse_line(line: str) -> Iterator[EmbeddedMetric]:
    """The metrics in a log line."""
    if not line.startswith("{") or '"CloudWatchMetrics"' not in line:
        return
    try:
        event = json.loads(line)
        timestamp, directives = float(event["_aws"]["Timestamp"]) / 1000, event["_aws"]["CloudWatchMetrics"]
        found = [metric for directive in directives for metric in _parse_directive(event, directive, timestamp)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    yield from found


def _parse_directive(
    event: Mapping[str, Any], directive: Mapping[str, Any], timestamp: float
) -> Iterator[EmbeddedMetric]:
    metrics = directive["Metrics"]
    if len(metrics) > MAX_METRICS or any(len(names) > MAX_DIMENSIONS for names in directive["Dimensions"]):
        return
    for names in directive["Dimensions"]:
        dimensions = {name: str(event[name]) for name in names}
        for metric in metrics:
            values = _parse_values(event.get(metric["Name"]))
            if values:
                unit, high_resolution = metric.get("Unit", "None"), metric.get("StorageResolution") == 1
                yield EmbeddedMetric(
                    directive["Namespace"], metric["Name"], dimensions, unit, values, timestamp, high_resolution
                )


def _parse_values(raw: Any) -> tuple[float, ...]:
    values = raw if isinstance(raw, list) else [raw]
    numbers = tuple(float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    return numbers if len(numbers) == len(values) <= MAX_VALUES else ()
