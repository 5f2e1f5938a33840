"""Metrics of the platform that have a value every minute: the hosts of endpoints, and queues.

Sources: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch", "SageMaker AI jobs and endpoint
metrics" (namespace /aws/sagemaker/Endpoints, dimensions EndpointName and VariantName, every minute, percent: of each
device, added up over processors and graphics processors; of the whole for memory and disk); SQS developer guide,
"Available CloudWatch metrics for Amazon SQS" (every minute). A minute has the value that stood at its end; while the
clock jumps, everything stays as it was before the jump.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from moto.sqs.models import sqs_backends

from simulator.aws import durations
from simulator.aws.fleet import LiveVariant
from simulator.aws.metrics import MINUTE
from simulator.aws.routing import SERVING
from simulator.aws.steady_series import SteadySeries
from simulator.aws.world import ACCOUNT, World

HOSTS = "/aws/sagemaker/Endpoints"
USUAL: dict[str, float] = {
    "CPUUtilization": 20.0,
    "MemoryUtilization": 30.0,
    "DiskUtilization": 25.0,
    "GPUUtilization": 15.0,
    "GPUMemoryUtilization": 40.0,
}
"""What hosts show, in percent: stated, whatever the traffic. The fault `host` raises one."""
RAISED = 95.0
"""What the fault raises it to, where it does not say."""
_WITH_GPU = re.compile(r"ml\.[gp]\d")


def sample(here: World, now: datetime) -> None:
    """Notes the value of each metric for every minute that has ended since the last call."""
    first, last = here.sampled + 1, int(now.timestamp() // MINUTE) - 1
    if last < first:
        return
    here.sampled = last
    _queues(here, first, last)
    _hosts(here, first, last)


def _queues(here: World, first: int, last: int) -> None:
    for region, backend in list(sqs_backends[ACCOUNT].items()):
        for name, queue in list(backend.queues.items()):
            series = _series(here, region, "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name})
            series.unit = "Count"
            with here.metrics.lock:
                series.hold(first, last, float(queue.approximate_number_of_messages))


def _hosts(here: World, first: int, last: int) -> None:
    for (region, name), endpoint in list(here.endpoints.items()):
        if endpoint.endpoint_status not in SERVING:
            continue
        for variant in endpoint.fleet.variants:
            dimensions = {"EndpointName": name, "VariantName": variant.name}
            for metric, usual in _shown(variant):
                fault = here.faults.take("host", endpoint=name, variant=variant.name, metric=metric)
                series = _series(here, region, HOSTS, metric, dimensions, durations.METRIC_DELAY_SECONDS)
                series.unit = "Percent"
                value = fault.number("value", RAISED) if fault else usual
                with here.metrics.lock:
                    series.hold(first, last, value, variant.instances or 1)


def _shown(variant: LiveVariant) -> Iterator[tuple[str, float]]:
    """The metrics of a variant's instances: none without instances, those of graphics processors where it has some."""
    if variant.instances:
        graphics = _WITH_GPU.match(variant.instance_type or "")
        yield from ((name, value) for name, value in USUAL.items() if graphics or not name.startswith("GPU"))


def _series(
    here: World, region: str, namespace: str, name: str, dimensions: dict[str, str], delay: float = 0.0
) -> SteadySeries:
    found = here.metrics.metric(region, namespace, name, dimensions, delay, SteadySeries)
    assert isinstance(found, SteadySeries)
    return found
