"""The catalog of metrics: what functions emit and what alarms and dashboards may name, with unit and dimensions.

Functions emit in the embedded metric format, which CloudWatch reads from their log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

NAMESPACE = "Tidewatch"
SAGEMAKER = "AWS/SageMaker"


@dataclass(frozen=True)
class Metric:
    """A metric's name, unit (as CloudWatch spells it), dimension names and what it says."""

    name: str
    unit: str
    dimensions: tuple[str, ...]
    says: str
    namespace: str = NAMESPACE

    def of(self, **values: str) -> dict[str, str]:
        """Its dimensions with these values, in order; raises ValueError where they are not exactly its dimensions."""
        if set(values) != set(self.dimensions):
            raise ValueError(f"{self.name} has the dimensions {', '.join(self.dimensions)}, not {', '.join(values)}.")
        return {name: values[name] for name in self.dimensions}


OPEN_INCIDENTS = Metric("OpenIncidents", "Count", ("Endpoint",), "Incidents that nobody has acknowledged.")
ROLLBACK_DRIVEN = Metric("RollbackDriven", "Count", ("Endpoint",), "1 while a rollback is under way, 0 otherwise.")
ROLLBACK_BLOCKED = Metric("RollbackBlocked", "Count", ("Endpoint",), "1 while a rollback cannot proceed, 0 otherwise.")
ROLLBACK_ACCEPTED = Metric(
    "RollbackAccepted", "Seconds", ("Endpoint",), "From the request of a rollback until the platform accepted it."
)
ROLLBACK_OBSERVED = Metric(
    "RollbackObserved", "Seconds", ("Endpoint",), "From the request of a rollback until the weights were read back."
)
DEPLOYMENT_ABORT = Metric(
    "DeploymentAbort", "Count", ("Endpoint",), "Never emitted: its alarm is set by hand to stop a running deployment."
)

_OURS = ("Endpoint", "Variant")
FEATURES_CHECKED = Metric("FeaturesChecked", "Count", _OURS, "Features with a verdict, over three days.")
FEATURES_DRIFTING = Metric("FeaturesDrifting", "Count", _OURS, "Features whose drift lasts, over three days.")
MAX_PSI = Metric("MaxPsi", "None", _OURS, "The largest population stability index of the features, over three days.")
RECORDS_READ = Metric("RecordsRead", "Count", _OURS, "Captured records of an hour, rejected ones included.")
RECORDS_REJECTED = Metric("RecordsRejected", "Count", _OURS, "Captured records of an hour that could not be read.")
DRIFT_INSUFFICIENT = Metric(
    "DriftInsufficient", "Count", _OURS, "1 where three days had too little data for a verdict, 0 otherwise."
)
DRIFT_SEVERITY = Metric("DriftSeverity", "None", _OURS, "How urgent the drift is: 0 none, 1 inform, 2 ticket, 3 page.")

_VARIANT = ("EndpointName", "VariantName")
INVOCATIONS = Metric("Invocations", "Count", _VARIANT, "Requests; no datapoint without traffic.", SAGEMAKER)

EMITTED: tuple[Metric, ...] = (
    OPEN_INCIDENTS,
    ROLLBACK_DRIVEN,
    ROLLBACK_BLOCKED,
    ROLLBACK_ACCEPTED,
    ROLLBACK_OBSERVED,
    FEATURES_CHECKED,
    FEATURES_DRIFTING,
    MAX_PSI,
    RECORDS_READ,
    RECORDS_REJECTED,
    DRIFT_INSUFFICIENT,
    DRIFT_SEVERITY,
)
"""What our own functions emit."""


def embedded(values: Mapping[Metric, float], dimensions: Mapping[str, str], at: datetime) -> str:
    """One log line in CloudWatch's embedded metric format, for metrics of our namespace with the same dimensions.

    Source: CloudWatch user guide, "Specification: Embedded metric format". Raises ValueError for a metric of another
    namespace or with other dimensions.
    """
    for metric in values:
        metric.of(**dimensions)
        if metric.namespace != NAMESPACE:
            raise ValueError(f"{metric.name} is emitted by {metric.namespace}, not by us.")
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in values],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": round(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
            **dimensions,
            **{metric.name: value for metric, value in values.items()},
        }
    )
