"""What the hosts of an endpoint show: stated figures, and on top what requests cost where a fault says so.

Source: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": percent of each device, added up
over processors and graphics processors; of the whole for memory and disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from simulator.aws.fleet import LiveVariant
from simulator.aws.world import World

USUAL: dict[str, float] = {
    "CPUUtilization": 20.0,
    "MemoryUtilization": 30.0,
    "DiskUtilization": 25.0,
    "GPUUtilization": 15.0,
    "GPUMemoryUtilization": 40.0,
}
"""What hosts show, in percent, with what requests cost them by the fault `load` on top."""
COST = 5.0
"""Points that a request costs the host that answers it, where the fault does not say."""
KEPT = frozenset({"MemoryUtilization", "DiskUtilization", "GPUMemoryUtilization"})
"""What a container keeps of each request until it is mended; of the others a request costs its own minute alone."""
FULL = 100.0
"""The most that a host shows: simulated hosts have one device of each kind."""
_WITH_GPU = re.compile(r"ml\.[gp]\d")


def charge(here: World, endpoint: str, variant: LiveVariant) -> None:
    """Notes what one request costs a host of the variant that answers it: nothing, where no fault says so."""
    if not variant.instances or not here.faults.waiting:
        return
    for metric, _ in shown(variant):
        fault = here.faults.take("load", endpoint=endpoint, variant=variant.name, metric=metric)
        if fault:
            with here.metrics.lock:
                before, each = fault.cost.get((endpoint, variant.name), 0.0), fault.number("percent", COST)
                fault.cost[endpoint, variant.name] = before + each / variant.instances


def shown(variant: LiveVariant) -> Iterator[tuple[str, float]]:
    """The metrics of a variant's instances: none without instances, those of graphics processors where it has some."""
    if variant.instances:
        graphics = _WITH_GPU.match(variant.instance_type or "")
        yield from ((name, value) for name, value in USUAL.items() if graphics or not name.startswith("GPU"))


def loaded(here: World, endpoint: str, variant: str, metric: str, usual: float) -> tuple[float, float]:
    """What a host shows of the minute with the last requests, and of those after it, in which there were none."""
    fault = here.faults.seen("load", endpoint=endpoint, variant=variant, metric=metric)
    if fault is None:
        return usual, usual
    with here.metrics.lock:
        cost = fault.cost.get((endpoint, variant), 0.0)
        if metric not in KEPT:
            fault.cost.pop((endpoint, variant), None)
    then = min(usual + cost, FULL)
    return then, then if metric in KEPT else usual
