"""What the hosts of an endpoint show of themselves, each minute and under load."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import current_account
from rehearsal.aws.cloudwatch import alarm_evaluation
from rehearsal.aws.faults import HOST_METRICS
from rehearsal.aws.sagemaker.host_metrics import BASELINE_PERCENT
from rehearsal.control_client import ControlError
from tests.rehearsal.aws.account import Account, variant
from tests.rehearsal.aws.alarm_history import read_datapoints, state, states, watch
from tidewatch import metrics
from tidewatch.metrics import Metric


def of_variant(account: Account, metric: Metric, name: str = "blue", statistic: str = "Maximum", **asked: Any) -> Any:
    return read_datapoints(account, metric, statistic, EndpointName="flights", VariantName=name, **asked)


def test_each_variant_with_instances_shows_its_hosts_every_minute(endpoint: Account) -> None:
    """Source: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch"."""
    endpoint.clock.advance(300)
    hosts = (metrics.CPU, metrics.MEMORY, metrics.DISK, metrics.GPU, metrics.GPU_MEMORY)
    assert {metric.name for metric in hosts} == BASELINE_PERCENT.keys() == HOST_METRICS
    for metric in hosts:
        assert set(of_variant(endpoint, metric, "green")) == {BASELINE_PERCENT[metric.name]}
    assert of_variant(endpoint, metrics.DISK, statistic="SampleCount", minutes=3) == [2, 2]


def test_a_host_without_graphics_processors_shows_none(account: Account) -> None:
    account.model("one")
    account.config("first", variant("blue", InstanceType="ml.c7i.large"))
    account.serving()
    account.clock.advance(300)
    assert of_variant(account, metrics.CPU)
    assert of_variant(account, metrics.GPU) == of_variant(account, metrics.GPU_MEMORY) == []


def test_hosts_that_do_not_serve_show_nothing(endpoint: Account) -> None:
    endpoint.clock.advance(120)
    endpoint.control.inject("status", endpoint="flights", status="Failed")
    endpoint.clock.advance(600)
    assert of_variant(endpoint, metrics.CPU, minutes=5) == []


def ask(endpoint: Account, times: int, name: str = "green") -> None:
    """Requests that are answered with an error, for the endpoint's containers have no model: they cost as much."""
    runtime = endpoint.client("sagemaker-runtime", retries=0)
    for _ in range(times):
        with pytest.raises(ClientError, match="ModelError"):
            runtime.invoke_endpoint(EndpointName="flights", TargetVariant=name, Body=b"{}")


def test_what_a_container_keeps_of_each_request_fills_its_host_until_it_is_mended(endpoint: Account) -> None:
    watch(endpoint, metrics.DISK, 75, EndpointName="flights", VariantName="green")
    endpoint.clock.advance(600)
    fault = endpoint.control.inject("load", variant="green", metric="DiskUtilization", percent=8)
    for _ in range(5):
        ask(endpoint, 3)
        ask(endpoint, 3, "blue")
        endpoint.clock.advance(60)
    endpoint.clock.advance(120)
    assert state(endpoint) == "ALARM"
    assert of_variant(endpoint, metrics.DISK, "green", minutes=6) == [25 + 24, 25 + 36, 25 + 48, 25 + 60, 25 + 60]
    assert set(of_variant(endpoint, metrics.DISK, "blue")) == {BASELINE_PERCENT["DiskUtilization"]}
    assert set(of_variant(endpoint, metrics.MEMORY, "green")) == {BASELINE_PERCENT["MemoryUtilization"]}
    endpoint.control.clear(fault)
    endpoint.clock.advance(180)
    assert states(endpoint) == ["OK", "ALARM", "OK"]


def test_a_request_keeps_a_graphics_processor_busy_in_its_own_minute_alone(endpoint: Account) -> None:
    endpoint.clock.advance(600)
    endpoint.control.inject("load", variant="green", metric="GPUUtilization", percent=10)
    ask(endpoint, 4)
    endpoint.clock.advance(60)
    ask(endpoint, 20)
    endpoint.clock.advance(240)
    assert of_variant(endpoint, metrics.GPU, "green", minutes=5) == [15 + 20, 100, 15, 15]


def test_a_load_of_what_no_host_has_is_refused(endpoint: Account) -> None:
    with pytest.raises(ControlError, match="DiskUtilization"):
        endpoint.control.inject("load", variant="green", metric="Disk")
    with pytest.raises(ControlError, match="takes no `times`"):
        endpoint.control.inject("load", times=3, variant="green", metric="DiskUtilization")


def test_what_does_not_change_costs_no_memory_however_long_it_lasts(endpoint: Account) -> None:
    endpoint.clock.advance(60)
    endpoint.clock.advance(30 * 86400)
    (series,) = [
        one
        for one in current_account().metrics.list_series("us-east-1")
        if one.name == "DiskUtilization" and ("VariantName", "blue") in one.dimensions
    ]
    assert len(vars(series)["runs"]) == 1
    assert series.minutes == {}


def test_minutes_in_which_no_gauge_changes_are_passed_over(endpoint: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(endpoint, metrics.DISK, 75, EndpointName="flights", VariantName="green")
    endpoint.clock.advance(600)
    looked: list[float] = []
    step = alarm_evaluation.evaluate_at
    monkeypatch.setattr(
        alarm_evaluation, "evaluate_at", lambda here, moment: looked.append(moment) or step(here, moment)
    )
    endpoint.clock.advance(30 * 86400)
    assert len(looked) <= 2
    endpoint.control.inject("load", variant="green", metric="DiskUtilization", percent=60)
    ask(endpoint, 2)
    endpoint.clock.advance(30 * 86400)
    assert states(endpoint) == ["OK", "ALARM"]


def test_a_datapoint_of_a_host_is_as_late_as_those_of_its_requests(endpoint: Account) -> None:
    endpoint.clock.advance(600)
    assert len(of_variant(endpoint, metrics.CPU, minutes=5)) == 4
