"""The catalog of metrics: what functions emit and what alarms and dashboards may use, with unit and dimensions.

Functions emit in the embedded metric format, which CloudWatch reads from their log. Delivery is at least once, so
alarms use the Maximum of our own metrics, never their Sum.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "Tidewatch"
"""Our own metrics. Their dimension Stack has the stack's key (project/stack/model), which outlives an endpoint's
physical name; SageMaker's metrics have the physical name in EndpointName."""
SAGEMAKER = "AWS/SageMaker"
HOSTS = "/aws/sagemaker/Endpoints"
LAMBDA = "AWS/Lambda"
SQS = "AWS/SQS"
EVENTS = "AWS/Events"


@dataclass(frozen=True)
class Metric:
    """A metric."""

    name: str
    unit: str
    """As CloudWatch spells it."""
    dimensions: tuple[str, ...]
    description: str
    """What it measures."""
    namespace: str = NAMESPACE
    lower_bound: float = 0.0
    """The least single value. A threshold below it would never be crossed."""
    upper_bound: float | None = None
    """The greatest single value; None if unbounded. A threshold above it would never be crossed."""

    def build_dimensions(self, **values: str) -> dict[str, str]:
        """Returns its dimensions with these values, in order.

        Raises ValueError unless they are exactly its dimensions.
        """
        if set(values) != set(self.dimensions):
            raise ValueError(f"{self.name} has the dimensions {', '.join(self.dimensions)}, not {', '.join(values)}.")
        return {name: values[name] for name in self.dimensions}


OPEN_INCIDENTS = Metric("OpenIncidents", "Count", ("Stack",), "Incidents that nobody has acknowledged.")
ROLLBACK_RUNNING = Metric(
    "RollbackRunning", "Count", ("Stack",), "1 while a rollback is under way, 0 otherwise.", upper_bound=1
)
ROLLBACK_BLOCKED = Metric(
    "RollbackBlocked", "Count", ("Stack",), "1 while a rollback cannot proceed, 0 otherwise.", upper_bound=1
)
ROLLBACK_PENDING = Metric(
    "RollbackPendingSeconds",
    "Seconds",
    ("Stack",),
    "Time since the running rollback was requested, until its weights are observed; 0 without one.",
)
ROLLBACK_ACCEPTED = Metric(
    "RollbackAccepted", "Seconds", ("Stack",), "Time from the request of a rollback until the platform accepted it."
)
ROLLBACK_OBSERVED = Metric(
    "RollbackObserved",
    "Seconds",
    ("Stack",),
    "Time from the request of a rollback until the weights were read back.",
)
OUT_OF_BAND_CHANGES = Metric(
    "OutOfBandChanges",
    "Count",
    ("Stack",),
    "Open incidents about weights that changed without an entry in the ledger.",
)
DEPLOYMENT_RUNNING = Metric(
    "DeploymentRunning", "Count", ("Stack",), "1 while the endpoint moves to another configuration.", upper_bound=1
)
DEPLOYMENT_ROLLED_BACK = Metric(
    "DeploymentRolledBack",
    "Count",
    ("Stack",),
    "1 while no deployment runs and the live configuration is not the last requested one.",
    upper_bound=1,
)
ENDPOINT_NOT_IN_SERVICE = Metric(
    "EndpointNotInService",
    "Count",
    ("Stack",),
    "1 while the endpoint's status is one in which it does not serve, or one that it never leaves by itself "
    "(Creating, Deleting, Failed, OutOfService, UpdateRollbackFailed), 0 otherwise.",
    upper_bound=1,
)
RECORDS_REFUSED = Metric(
    "RecordsRefused",
    "Count",
    ("Stack",),
    "Records in the tables, within half an hour, that this program did not write: they were ignored.",
)
BUDGET_USED = Metric(
    "BudgetUsed",
    "None",
    ("Stack", "Objective"),
    "Share of an objective's error budget that its window has used: 1 is all of it, and the value may exceed 1.",
)
DEPLOYMENT_ABORT = Metric(
    "DeploymentAbort", "Count", ("Stack",), "Never emitted: its alarm is set by hand to stop a running deployment."
)

_VARIANT_DIMENSIONS = ("Stack", "Variant")
LIVE_SHARE = Metric(
    "LiveShare", "None", _VARIANT_DIMENSIONS, "The variant's live share of the traffic, 0 to 1.", upper_bound=1
)
FEATURES_CHECKED = Metric("FeaturesChecked", "Count", _VARIANT_DIMENSIONS, "Features with a verdict, over three days.")
FEATURES_DRIFTING = Metric(
    "FeaturesDrifting", "Count", _VARIANT_DIMENSIONS, "Features whose drift lasts, over three days."
)
MAX_PSI = Metric(
    "MaxPsi", "None", _VARIANT_DIMENSIONS, "The largest population stability index of the features, over three days."
)
RECORDS_READ = Metric(
    "RecordsRead", "Count", _VARIANT_DIMENSIONS, "Captured records of an hour, rejected ones included."
)
RECORDS_REJECTED = Metric(
    "RecordsRejected", "Count", _VARIANT_DIMENSIONS, "Captured records of an hour that could not be read."
)
DRIFT_INSUFFICIENT = Metric(
    "DriftInsufficient",
    "Count",
    _VARIANT_DIMENSIONS,
    "1 where three days had too little data for a verdict, 0 otherwise.",
    upper_bound=1,
)
DRIFT_SEVERITY = Metric(
    "DriftSeverity",
    "None",
    _VARIANT_DIMENSIONS,
    "How urgent the drift is: 0 none, 1 inform, 2 ticket, 3 page.",
    upper_bound=3,
)
HOURS_FAILING = Metric(
    "HoursFailing", "Count", ("Stack",), "Hours of captured data that were tried but not read completely so far."
)

_PRODUCTION_VARIANT_DIMENSIONS = ("EndpointName", "VariantName")
INVOCATIONS = Metric(
    "Invocations", "Count", _PRODUCTION_VARIANT_DIMENSIONS, "Requests; no datapoint without traffic.", SAGEMAKER
)
ERRORS_4XX = Metric(
    "Invocation4XXErrors",
    "None",
    _PRODUCTION_VARIANT_DIMENSIONS,
    "1 for each request that the model answered with 4xx, else 0.",
    SAGEMAKER,
    upper_bound=1,
)
ERRORS_5XX = Metric(
    "Invocation5XXErrors",
    "None",
    _PRODUCTION_VARIANT_DIMENSIONS,
    "1 for each request that the model answered with 5xx, else 0.",
    SAGEMAKER,
    upper_bound=1,
)
MODEL_ERRORS = Metric(
    "InvocationModelErrors",
    "None",
    _PRODUCTION_VARIANT_DIMENSIONS,
    "1 for each request that the model did not answer with 2xx, timeouts and broken answers included, else 0.",
    SAGEMAKER,
    upper_bound=1,
)
# A container has 60 seconds to answer ("How Containers Serve Requests", SageMaker developer guide).
MODEL_LATENCY = Metric(
    "ModelLatency",
    "Microseconds",
    _PRODUCTION_VARIANT_DIMENSIONS,
    "The time the model took, as SageMaker measured it.",
    SAGEMAKER,
    upper_bound=60e6,
)
OVERHEAD_LATENCY = Metric(
    "OverheadLatency",
    "Microseconds",
    _PRODUCTION_VARIANT_DIMENSIONS,
    "The time SageMaker added to the model's latency.",
    SAGEMAKER,
)

_PERCENT_OF_DEVICES = "in percent, up to 100 times the number of devices"
CPU = Metric(
    "CPUUtilization", "Percent", _PRODUCTION_VARIANT_DIMENSIONS, f"Processors of a host, {_PERCENT_OF_DEVICES}.", HOSTS
)
GPU = Metric(
    "GPUUtilization",
    "Percent",
    _PRODUCTION_VARIANT_DIMENSIONS,
    f"Graphics processors of a host, {_PERCENT_OF_DEVICES}.",
    HOSTS,
)
GPU_MEMORY = Metric(
    "GPUMemoryUtilization", "Percent", _PRODUCTION_VARIANT_DIMENSIONS, f"Their memory, {_PERCENT_OF_DEVICES}.", HOSTS
)
MEMORY = Metric(
    "MemoryUtilization", "Percent", _PRODUCTION_VARIANT_DIMENSIONS, "A host's memory.", HOSTS, upper_bound=100
)
DISK = Metric(
    "DiskUtilization",
    "Percent",
    _PRODUCTION_VARIANT_DIMENSIONS,
    "Use of a host's disk; capture stops when it is nearly full.",
    HOSTS,
    upper_bound=100,
)

_FUNCTION_DIMENSIONS = ("FunctionName",)
CALLS = Metric(
    "Invocations", "Count", _FUNCTION_DIMENSIONS, "Calls of a function that started, failed ones included.", LAMBDA
)
CALL_ERRORS = Metric("Errors", "Count", _FUNCTION_DIMENSIONS, "Calls that failed; each attempt counts.", LAMBDA)
CALL_THROTTLES = Metric("Throttles", "Count", _FUNCTION_DIMENSIONS, "Calls that found no free concurrency.", LAMBDA)
CALL_DURATION = Metric(
    "Duration", "Milliseconds", _FUNCTION_DIMENSIONS, "The time a call took.", LAMBDA, upper_bound=900e3
)
MESSAGES = Metric("ApproximateNumberOfMessagesVisible", "Count", ("QueueName",), "Messages that wait in a queue.", SQS)
RULE_MATCHES = Metric("TriggeredRules", "Count", ("RuleName",), "Events that a rule of EventBridge matched.", EVENTS)

EMITTED_METRICS: tuple[Metric, ...] = (
    OPEN_INCIDENTS,
    ROLLBACK_RUNNING,
    ROLLBACK_BLOCKED,
    ROLLBACK_PENDING,
    ROLLBACK_ACCEPTED,
    ROLLBACK_OBSERVED,
    OUT_OF_BAND_CHANGES,
    DEPLOYMENT_RUNNING,
    DEPLOYMENT_ROLLED_BACK,
    ENDPOINT_NOT_IN_SERVICE,
    RECORDS_REFUSED,
    BUDGET_USED,
    LIVE_SHARE,
    FEATURES_CHECKED,
    FEATURES_DRIFTING,
    MAX_PSI,
    RECORDS_READ,
    RECORDS_REJECTED,
    DRIFT_INSUFFICIENT,
    DRIFT_SEVERITY,
    HOURS_FAILING,
)
"""The metrics that our own functions emit."""

PLATFORM_METRICS: tuple[Metric, ...] = (
    INVOCATIONS,
    ERRORS_4XX,
    ERRORS_5XX,
    MODEL_ERRORS,
    MODEL_LATENCY,
    OVERHEAD_LATENCY,
    CPU,
    GPU,
    GPU_MEMORY,
    MEMORY,
    DISK,
    CALLS,
    CALL_ERRORS,
    CALL_THROTTLES,
    CALL_DURATION,
    MESSAGES,
    RULE_MATCHES,
)
"""The metrics that AWS emits. Sources: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch";
Lambda developer guide, "Types of metrics for Lambda functions"; SQS developer guide, "Available CloudWatch metrics";
EventBridge user guide, "EventBridge metrics"."""
