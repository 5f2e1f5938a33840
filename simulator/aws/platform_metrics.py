"""Metrics of the platform that have a value every minute: the hosts of endpoints, and queues.

Sources: SageMaker developer guide, "SageMaker AI jobs and endpoint metrics" (namespace /aws/sagemaker/Endpoints,
dimensions EndpointName and VariantName, every minute); SQS developer guide, "Available CloudWatch metrics for Amazon
SQS" (every minute). A minute has the value that stood at its end; while the clock jumps, everything stays as it was
before the jump, but processors, which requests keep busy in their own minute alone.
"""

from __future__ import annotations

from datetime import datetime

from moto.sqs.models import sqs_backends

from simulator.aws import durations, hosts
from simulator.aws.metrics import MINUTE
from simulator.aws.routing import SERVING
from simulator.aws.steady_series import SteadySeries
from simulator.aws.world import ACCOUNT, World

HOSTS = "/aws/sagemaker/Endpoints"


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
            for metric, usual in hosts.shown(variant):
                series = _series(here, region, HOSTS, metric, dimensions, durations.METRIC_DELAY_SECONDS)
                series.unit = "Percent"
                then, after = hosts.loaded(here, name, variant.name, metric, usual)
                with here.metrics.lock:
                    series.hold(first, first, then, variant.instances or 1)
                    if last > first:
                        series.hold(first + 1, last, after, variant.instances or 1)


def _series(
    here: World, region: str, namespace: str, name: str, dimensions: dict[str, str], delay: float = 0.0
) -> SteadySeries:
    found = here.metrics.metric(region, namespace, name, dimensions, delay, SteadySeries)
    assert isinstance(found, SteadySeries)
    return found
