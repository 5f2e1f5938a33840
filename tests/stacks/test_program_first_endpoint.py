"""The whole program whose first endpoint does not start: the next `up` makes it again, and nobody is paged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from rehearsal.aws import create_local_control
from rehearsal.engine import OperationFailed
from tests.stacks.deployed_program import DeployedProgram, changes


@pytest.fixture
def failed_stack(stack: DeployedProgram) -> DeployedProgram:
    """Two versions to serve, and no capacity for the endpoint."""
    stack.up()
    stack.publish("1")
    stack.publish("2")
    stack.serve(blue=("1", 95.0), green=("2", 5.0))
    create_local_control().inject("create_fails", reason="capacity")
    with pytest.raises(OperationFailed, match="InsufficientInstanceCapacity"):
        stack.up()
    assert endpoint()["EndpointStatus"] == "Failed"
    return stack


def endpoint() -> Mapping[str, Any]:
    """The one that there is."""
    sagemaker = boto3.client("sagemaker")
    (found,) = sagemaker.list_endpoints()["Endpoints"]
    return sagemaker.describe_endpoint(EndpointName=found["EndpointName"])


def instance_types() -> set[str]:
    found = boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=endpoint()["EndpointConfigName"])
    return {one["InstanceType"] for one in found["ProductionVariants"]}


def tags() -> dict[str, str]:
    found = boto3.client("sagemaker").list_tags(ResourceArn=endpoint()["EndpointArn"])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def with_instances_of(stack: DeployedProgram, instance_type: str) -> DeployedProgram:
    return stack.set(endpoint={**stack.config["tidewatch:endpoint"], "instanceType": instance_type})


def test_the_next_up_makes_it_again_on_other_instances_under_its_name(failed_stack: DeployedProgram):
    name, before = endpoint()["EndpointName"], tags()
    done = with_instances_of(failed_stack, "ml.g6.xlarge").up(preview=True)
    took = {step.type: step.op for step in done.steps}
    assert took["aws:sagemaker/endpoint:Endpoint"] == "update"
    assert took["pulumi-python:dynamic/tidewatch:EndpointDeployment"] == "create"
    assert (endpoint()["EndpointName"], endpoint()["EndpointStatus"]) == (name, "InService")
    assert failed_stack.outputs()["endpoint"] == failed_stack.outputs()["endpoint"] | {
        "name": name,
        "arn": endpoint()["EndpointArn"],
    }
    assert instance_types() == {"ml.g6.xlarge"}
    assert tags() == before
    assert failed_stack.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(failed_stack.up(preview=True)) == set()


def test_it_fails_again_until_there_is_capacity_and_then_needs_no_edit(failed_stack: DeployedProgram):
    create_local_control().inject("create_fails", reason="capacity")
    with pytest.raises(OperationFailed, match=r"no instances for the first endpoint .* this one has never served"):
        failed_stack.up(preview=True)
    failed_stack.clock.advance(3600)
    assert alarming() == set()
    failed_stack.up(preview=True)
    assert endpoint()["EndpointStatus"] == "InService"
    failed_stack.clock.advance(600)
    assert alarming() == set()
    assert changes(failed_stack.up(preview=True)) == set()


def test_a_refresh_on_the_way_changes_nothing_of_it(failed_stack: DeployedProgram):
    failed_stack.stack.refresh()
    failed_stack.up(preview=True)
    assert endpoint()["EndpointStatus"] == "InService"


def test_one_that_was_deleted_on_the_way_comes_back_under_a_new_name_after_a_refresh(failed_stack: DeployedProgram):
    name = endpoint()["EndpointName"]
    boto3.client("sagemaker").delete_endpoint(EndpointName=name)
    failed_stack.clock.advance(60)
    assert "pulumi refresh" in failed_stack.refusal()
    failed_stack.up(refresh=True)
    assert endpoint()["EndpointStatus"] == "InService"
    assert endpoint()["EndpointName"] != name
    assert failed_stack.weights() == {"blue": 0.95, "green": 0.05}


def alarming() -> set[str]:
    found = boto3.client("cloudwatch").describe_alarms(StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {one["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for one in found[kind]}
