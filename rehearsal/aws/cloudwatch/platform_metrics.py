"""Metrics of the platform with a value every minute: the hosts of endpoints, and queues.

Sources: SageMaker developer guide, "SageMaker AI jobs and endpoint metrics" (namespace /aws/sagemaker/Endpoints,
dimensions EndpointName and VariantName, every minute); SQS developer guide, "Available CloudWatch metrics for Amazon
SQS" (every minute). A minute has the value of its end. During a jump of the clock everything keeps its value from
before the jump, except processors, which requests use only in their own minute.
"""

from __future__ import annotations

from datetime import datetime

from moto.sqs.models import sqs_backends

from rehearsal.aws import latencies
from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.cloudwatch.gauge_series import GaugeSeries
from rehearsal.aws.cloudwatch.metric_store import MINUTE
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.inference.routing import SERVING_STATUSES
from rehearsal.aws.sagemaker import host_metrics

HOST_NAMESPACE = "/aws/sagemaker/Endpoints"


def sample_gauges(account: SimulatedAccount, now: datetime) -> None:
    """Records the value of each metric for every minute that has ended since the last call."""
    first, last = account.sampled_minute + 1, int(now.timestamp() // MINUTE) - 1
    if last < first:
        return
    account.sampled_minute = last
    _sample_queues(account, first, last)
    _sample_hosts(account, first, last)


def _sample_queues(account: SimulatedAccount, first: int, last: int) -> None:
    for region, backend in list(sqs_backends[ACCOUNT].items()):
        for name, queue in list(backend.queues.items()):
            series = _get_series(account, region, "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name})
            series.unit = "Count"
            with account.metrics.lock:
                series.add_run(first, last, float(queue.approximate_number_of_messages))


def _sample_hosts(account: SimulatedAccount, first: int, last: int) -> None:
    for (region, name), endpoint in list(account.endpoints.items()):
        if endpoint.endpoint_status not in SERVING_STATUSES:
            continue
        for variant in endpoint.fleet.variants:
            dimensions = {"EndpointName": name, "VariantName": variant.name}
            for metric, baseline in host_metrics.list_host_metrics(variant):
                series = _get_series(
                    account, region, HOST_NAMESPACE, metric, dimensions, latencies.METRIC_DELAY_SECONDS
                )
                series.unit = "Percent"
                first_value, later_value = host_metrics.read_load(account, name, variant.name, metric, baseline)
                with account.metrics.lock:
                    series.add_run(first, first, first_value, variant.instances or 1)
                    if last > first:
                        series.add_run(first + 1, last, later_value, variant.instances or 1)


def _get_series(
    account: SimulatedAccount, region: str, namespace: str, name: str, dimensions: dict[str, str], delay: float = 0.0
) -> GaugeSeries:
    found = account.metrics.get_series(region, namespace, name, dimensions, delay, GaugeSeries)
    assert isinstance(found, GaugeSeries)
    return found
