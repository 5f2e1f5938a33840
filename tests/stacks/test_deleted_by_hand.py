"""What somebody deleted by hand, of a stack that serves: an `up --refresh` makes it again, and nothing of it is passed
over in silence where traffic hangs on it."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest

from tests.stacks.deployed_program import DeployedProgram, changes


def ledger(stack: DeployedProgram) -> None:
    boto3.client("dynamodb").delete_table(TableName=stack.outputs()["ledger"])


def control(stack: DeployedProgram) -> None:
    del stack
    (name,) = (one for one in boto3.client("dynamodb").list_tables()["TableNames"] if "-control-" in one)
    boto3.client("dynamodb").delete_table(TableName=name)


def function(stack: DeployedProgram) -> None:
    boto3.client("lambda").delete_function(FunctionName=stack.outputs()["rollback"]["function"])


@pytest.mark.parametrize("delete", [ledger, control, function])
def test_it_is_made_again_and_the_endpoint_serves_on(
    canary: DeployedProgram, delete: Callable[[DeployedProgram], None]
):
    name = canary.outputs()["endpoint"]["name"]
    delete(canary)
    done = canary.up(preview=True, refresh=True)
    assert {step.name for step in done.changed_steps if step.op == "create"}
    assert canary.outputs()["endpoint"]["name"] == name
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up(preview=True)) == set()
    canary.stack.refresh()
    assert canary.roll_back().target == "blue"
    canary.set(acknowledgedIncident=canary.controller().open_incidents()[0].id)
    canary.serve(blue=("1", 90), green=("2", 10)).up(preview=True)
    assert canary.weights() == {"blue": 0.9, "green": 0.1}


def test_a_role_that_is_gone_is_made_again_and_the_endpoint_is_moved_to_it(canary: DeployedProgram):
    iam, sagemaker = boto3.client("iam"), boto3.client("sagemaker")

    def roles() -> set[str]:
        """The roles of the live models."""
        live = sagemaker.describe_endpoint_config(EndpointConfigName=canary.endpoint()["EndpointConfigName"])
        names = [one["ModelName"] for one in live["ProductionVariants"]]
        return {sagemaker.describe_model(ModelName=name)["ExecutionRoleArn"] for name in names}

    (before,) = roles()
    name = before.rpartition("/")[2]
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)
    canary.up(preview=True, refresh=True)
    (after,) = roles()
    assert after != before
    assert iam.get_role(RoleName=after.rpartition("/")[2])["Role"]["Arn"] == after
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up(preview=True)) == set()


def test_an_endpoint_that_is_gone_is_said_to_be_gone_and_made_again_after_a_refresh(canary: DeployedProgram):
    name = canary.outputs()["endpoint"]["name"]
    boto3.client("sagemaker").delete_endpoint(EndpointName=name)
    canary.clock.advance(60)
    assert f"The endpoint {name} does not exist" in (said := canary.refusal())
    assert "`pulumi up --refresh` creates it again" in said
    canary.up(preview=True, refresh=True)
    assert canary.outputs()["endpoint"]["name"] != name
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up(preview=True)) == set()
