"""Metrics that functions write into their log.

Source: CloudWatch user guide, "Embedded metric format specification": a log event that is a JSON object whose `_aws`
member has CloudWatchMetrics; every set of dimensions is a metric of its own; at most 30 dimensions and 100 metrics a
directive; what does not follow the specification is a log event and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.aws.metrics import MetricStore

MOST_DIMENSIONS, MOST_METRICS, MOST_VALUES = 30, 100, 100


@dataclass(frozen=True)
class Measured:
    """Values of one metric at a time (seconds since the epoch)."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    values: tuple[float, ...]
    timestamp: float
    fine: bool


def take(store: MetricStore, region: str, lines: Iterable[str]) -> None:
    """Puts the metrics in lines of a log into the store; they can be seen at once."""
    for line in lines:
        for measured in extracted(line):
            series = store.metric(region, measured.namespace, measured.name, measured.dimensions)
            series.unit = measured.unit
            with store.lock:
                for value in measured.values:
                    series.at(measured.timestamp).add(value)
                    if measured.fine:
                        series.at_second(measured.timestamp).add(value)


def extracted(line: str) -> Iterator[Measured]:
    """The metrics in one line of a log."""
    if not line.startswith("{") or '"CloudWatchMetrics"' not in line:
        return
    try:
        event = json.loads(line)
        stamp, directives = float(event["_aws"]["Timestamp"]) / 1000, event["_aws"]["CloudWatchMetrics"]
        found = [measured for directive in directives for measured in _directive(event, directive, stamp)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    yield from found


def _directive(event: Mapping[str, Any], directive: Mapping[str, Any], stamp: float) -> Iterator[Measured]:
    metrics = directive["Metrics"]
    if len(metrics) > MOST_METRICS or any(len(names) > MOST_DIMENSIONS for names in directive["Dimensions"]):
        return
    for names in directive["Dimensions"]:
        dimensions = {name: str(event[name]) for name in names}
        for metric in metrics:
            values = _values(event.get(metric["Name"]))
            if values:
                unit, fine = metric.get("Unit", "None"), metric.get("StorageResolution") == 1
                yield Measured(directive["Namespace"], metric["Name"], dimensions, unit, values, stamp, fine)


def _values(given: Any) -> tuple[float, ...]:
    values = given if isinstance(given, list) else [given]
    numbers = tuple(float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    return numbers if len(numbers) == len(values) <= MOST_VALUES else ()
