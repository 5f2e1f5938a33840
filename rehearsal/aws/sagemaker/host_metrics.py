"""The metrics of an endpoint's hosts: stated values, plus the load of requests if a fault injects it.

Source: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": percent of each device, summed
over CPUs and GPUs; percent of the whole for memory and disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.sagemaker.fleet import LiveVariant

BASELINE_PERCENT: dict[str, float] = {
    "CPUUtilization": 20.0,
    "MemoryUtilization": 30.0,
    "DiskUtilization": 25.0,
    "GPUUtilization": 15.0,
    "GPUMemoryUtilization": 40.0,
}
"""The metrics of a host in percent, without the load of the fault `load`."""
DEFAULT_COST = 5.0
"""Percentage points that a request adds to its host, if the fault does not set them."""
ACCUMULATING_METRICS = frozenset({"MemoryUtilization", "DiskUtilization", "GPUMemoryUtilization"})
"""Metrics whose load stays until the fault is cleared; other loads last for the minute of the request."""
MAX_PERCENT = 100.0
"""The maximum of a metric: simulated hosts have one device of each kind."""
_WITH_GPU = re.compile(r"ml\.[gp]\d")


def record_load(account: SimulatedAccount, endpoint: str, variant: LiveVariant) -> None:
    """Records the load of one request on a host of its variant; none without a fault."""
    if not variant.instances or not account.faults.pending:
        return
    for metric, _ in list_host_metrics(variant):
        fault = account.faults.take("load", endpoint=endpoint, variant=variant.name, metric=metric)
        if fault:
            with account.metrics.lock:
                accumulated, increment = (
                    fault.cost.get((endpoint, variant.name), 0.0),
                    fault.get_number("percent", DEFAULT_COST),
                )
                fault.cost[endpoint, variant.name] = accumulated + increment / variant.instances


def list_host_metrics(variant: LiveVariant) -> Iterator[tuple[str, float]]:
    """The metrics of a variant's instances: none without instances, GPU metrics only for GPU instances."""
    if variant.instances:
        has_gpu = _WITH_GPU.match(variant.instance_type or "")
        yield from ((name, value) for name, value in BASELINE_PERCENT.items() if has_gpu or not name.startswith("GPU"))


def read_load(
    account: SimulatedAccount, endpoint: str, variant: str, metric: str, baseline: float
) -> tuple[float, float]:
    """A host's value in the minute with the last requests, and in the minutes after it, which had none."""
    fault = account.faults.find("load", endpoint=endpoint, variant=variant, metric=metric)
    if fault is None:
        return baseline, baseline
    with account.metrics.lock:
        cost = fault.cost.get((endpoint, variant), 0.0)
        if metric not in ACCUMULATING_METRICS:
            fault.cost.pop((endpoint, variant), None)
    loaded_value = min(baseline + cost, MAX_PERCENT)
    return loaded_value, loaded_value if metric in ACCUMULATING_METRICS else baseline
