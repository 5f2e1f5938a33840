"""What a promotion changes of the stack, and what stays as it is for whoever reads its preview."""

from __future__ import annotations

import pytest

from rehearsal.aws import create_local_control
from rehearsal.engine import OperationFailed
from tests.stacks.deployed_program import DeployedProgram, changes


def select_alarms_and_functions(found: set[str]) -> set[str]:
    return {one for one in found if one.startswith(("aws:cloudwatch/", "aws:lambda/"))}


def test_neither_the_first_canary_nor_a_new_version_changes_an_alarm_or_a_page(published_stack: DeployedProgram):
    published_stack.serve(blue=("1", 100)).up()
    first = changes(published_stack.serve(blue=("1", 95), green=("2", 5)).up())
    assert "pulumi-python:dynamic/tidewatch:EndpointDeployment" in first
    assert select_alarms_and_functions(first) == set()
    assert select_alarms_and_functions(changes(published_stack.serve(blue=("1", 95), green=("3", 5)).up())) == set()
    assert select_alarms_and_functions(changes(published_stack.serve(blue=("1", 50), green=("3", 50)).up())) == set()


def test_taking_back_a_deployment_that_failed_deploys_nothing(canary: DeployedProgram):
    live, control = canary.endpoint()["EndpointConfigName"], create_local_control()
    control.inject("deployment_fails", endpoint=canary.outputs()["endpoint"]["name"], reason="health_check")
    with pytest.raises(OperationFailed):
        canary.serve(blue=("1", 95), green=("3", 5)).up()
    operations = len(control.operations())
    canary.serve(blue=("1", 95), green=("2", 5)).up()
    assert len(control.operations()) == operations
    assert canary.endpoint()["EndpointConfigName"] == live
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up()) == set()
    canary.serve(blue=("1", 95), green=("3", 5)).up()
    assert canary.endpoint()["EndpointConfigName"] != live
