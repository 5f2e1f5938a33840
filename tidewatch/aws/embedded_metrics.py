"""Writes metrics as log lines of a function, in CloudWatch's embedded metric format.

A function prints them: in a record of the `logging` module they would be text within a message, and no metrics.
Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from tidewatch.metrics import NAMESPACE, Metric


def format_embedded_metrics(
    values: Mapping[Metric, float],
    dimensions: Mapping[str, str],
    timestamp: datetime,
    properties: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Returns one log line for metrics of our namespace with the same dimensions.

    `properties` are further fields of the line, for log queries, which are no metrics. Raises ValueError for a metric
    of another namespace or with other dimensions.
    """
    for metric in values:
        metric.build_dimensions(**dimensions)
        if metric.namespace != NAMESPACE:
            raise ValueError(f"{metric.name} is emitted by {metric.namespace}, not by tidewatch.")
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in values],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": round(timestamp.timestamp() * 1000), "CloudWatchMetrics": [directive]},
            **dimensions,
            **properties,
            **{metric.name: value for metric, value in values.items()},
        }
    )
