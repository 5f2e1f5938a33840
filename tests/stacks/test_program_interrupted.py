"""A first `up` that serves, cut off, and the stack destroyed then: what may go before the endpoint, what may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest

from rehearsal.engine import DeploymentStep, OperationFailed
from tests.stacks.deployed_program import DeployedProgram
from tests.stacks.endpoint_guards import Guarded, watch_guards


def _cut_off_at(name: str) -> Callable[[DeploymentStep], None]:
    def cut(step: DeploymentStep) -> None:
        if step.name == name and step.phase == "start":
            raise InterruptedError("cut off")

    return cut


def _move(stack: DeployedProgram, endpoint: str, **weights: float) -> None:
    """As a step that was killed after its call has left the traffic."""
    boto3.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": k, "DesiredWeight": v} for k, v in weights.items()],
    )
    stack.clock.advance(60)


def test_a_first_split_that_is_cut_off_once_it_is_live_leaves_no_canary_without_its_guards(
    published_stack: DeployedProgram,
):
    published_stack.serve(blue=("1", 95), green=("2", 5))
    with pytest.raises(OperationFailed, match="cut off"):
        replace(published_stack.stack, on_step=_cut_off_at("flights-weights")).up(preview=False)
    guarded = Guarded.of_the_account()
    _move(published_stack, guarded.endpoint, blue=95, green=5)
    assert guarded.missing() == []
    watched, missing = watch_guards(published_stack, guarded)
    watched.destroy(preview=False)
    assert missing == []
    assert not guarded.there


@pytest.mark.parametrize("at", ["flights-state", "flights-overhead-latency-blue"])
def test_a_first_up_that_is_cut_off_before_all_guards_are_there_leaves_nothing_to_roll_back(
    published_stack: DeployedProgram, at: str
):
    published_stack.serve(blue=("1", 95), green=("2", 5))
    with pytest.raises(OperationFailed, match="cut off"):
        replace(published_stack.stack, on_step=_cut_off_at(at)).up(preview=False)
    (made,) = boto3.client("sagemaker").list_endpoints()["Endpoints"]
    live = boto3.client("sagemaker").describe_endpoint(EndpointName=made["EndpointName"])["ProductionVariants"]
    assert {one["VariantName"]: one["CurrentWeight"] > 0 for one in live} == {"blue": True, "green": False}
    published_stack.stack.destroy(preview=False)
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
