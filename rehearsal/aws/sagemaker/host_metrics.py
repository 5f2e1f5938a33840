"""What the hosts of an endpoint show: stated figures, and on top what requests cost where a fault says so.

Source: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": percent of each device, added up
over processors and graphics processors; of the whole for memory and disk.
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
"""What hosts show, in percent, with what requests cost them by the fault `load` on top."""
DEFAULT_COST = 5.0
"""Points that a request costs the host that answers it, where the fault does not say."""
ACCUMULATING_METRICS = frozenset({"MemoryUtilization", "DiskUtilization", "GPUMemoryUtilization"})
"""What a container keeps of each request until it is mended; of the others a request costs its own minute alone."""
MAX_PERCENT = 100.0
"""The most that a host shows: simulated hosts have one device of each kind."""
_WITH_GPU = re.compile(r"ml\.[gp]\d")


def record_load(account: SimulatedAccount, endpoint: str, variant: LiveVariant) -> None:
    """Notes what one request costs a host of the variant that answers it: nothing, where no fault says so."""
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
    """The metrics of a variant's instances: none without instances, those of graphics processors where it has some."""
    if variant.instances:
        has_gpu = _WITH_GPU.match(variant.instance_type or "")
        yield from ((name, value) for name, value in BASELINE_PERCENT.items() if has_gpu or not name.startswith("GPU"))


def read_load(
    account: SimulatedAccount, endpoint: str, variant: str, metric: str, baseline: float
) -> tuple[float, float]:
    """What a host shows of the minute with the last requests, and of those after it, in which there were none."""
    fault = account.faults.find("load", endpoint=endpoint, variant=variant, metric=metric)
    if fault is None:
        return baseline, baseline
    with account.metrics.lock:
        cost = fault.cost.get((endpoint, variant), 0.0)
        if metric not in ACCUMULATING_METRICS:
            fault.cost.pop((endpoint, variant), None)
    loaded_value = min(baseline + cost, MAX_PERCENT)
    return loaded_value, loaded_value if metric in ACCUMULATING_METRICS else baseline
