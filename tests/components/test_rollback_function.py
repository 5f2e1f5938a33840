"""The rollback function as it is deployed: what it is given, and what becomes of a wish that was taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from components.rollback_function import objectives_to_json
from lambdas.rollback.handler import RollbackEnvironment
from rehearsal.aws import ACCOUNT, create_local_control
from rehearsal.engine import OperationFailed
from tests.aws_clients import make_client
from tests.stacks.deployed_program import DeployedProgram, changes
from tests.stacks.stack_image import canary_image
from tidewatch import metrics
from tidewatch.aws.errors import get_error_code
from tidewatch.drift.storage_layout import build_control_key
from tidewatch.slo import Objective
from tidewatch.slo.error_budget import parse_objectives
from tidewatch.traffic import (
    Clients,
    Ledger,
    LedgerCopies,
    LedgerEntry,
    ResourceNames,
    TrafficController,
    build_acknowledgements_key,
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[DeployedProgram]:
    """A canary of two versions, and a third in the registry."""
    with canary_image().restore(tmp_path) as one:
        yield one


def variables(stack: DeployedProgram) -> dict[str, str]:
    name = stack.outputs()["rollback"]["function"]
    return boto3.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]


def clients() -> Clients:
    return Clients(*map(make_client, ("sagemaker", "dynamodb", "cloudwatch")))


def get_resource_names(here: RollbackEnvironment) -> ResourceNames:
    return ResourceNames(here.key, here.endpoint, here.ledger, here.control)


def undone(stack: DeployedProgram) -> float:
    here = RollbackEnvironment.from_variables(variables(stack))
    return TrafficController(clients(), get_resource_names(here)).read_gauges().endpoint[metrics.DEPLOYMENT_ROLLED_BACK]


def test_it_knows_the_composite_over_all_alarms_and_whether_alarms_roll_back(stack: DeployedProgram):
    here = RollbackEnvironment.from_variables(variables(stack))
    assert here.plan.incidents.health_alarm == stack.outputs()["alarms"]["health"]
    assert here.plan.automatic is True
    assert RollbackEnvironment.from_variables({**variables(stack), "AUTOMATIC": "false"}).plan.automatic is False


def test_it_is_told_which_alarms_guard_its_stack(stack: DeployedProgram):
    assert list(RollbackEnvironment.from_variables(variables(stack)).plan.guardrails) == [
        name for _, name in sorted(stack.outputs()["alarms"]["guardrails"].items())
    ]


def as_the_function(stack: DeployedProgram, service: str, purpose: str = "rollback") -> Any:
    """A client with the function's role, which a person may take here for once."""
    name = stack.outputs()[purpose]["function"]
    arn = boto3.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    boto3.client("iam").update_assume_role_policy(RoleName=arn.rpartition("/")[2], PolicyDocument=policy)
    taken = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return make_client(
        service,
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


def test_its_role_reads_acknowledgements_and_writes_none_and_overwrites_no_copy(stack: DeployedProgram):
    here, dynamodb, s3 = (
        RollbackEnvironment.from_variables(variables(stack)),
        as_the_function(stack, "dynamodb"),
        as_the_function(stack, "s3"),
    )
    ledger = Ledger(dynamodb, here.ledger, here.key, here.endpoint)
    assert ledger.entries()
    with pytest.raises(ClientError, match="dynamodb:PutItem"):
        ledger.append(lambda _: LedgerEntry("acknowledgement", "me", datetime.now(UTC), incident="x"))
    LedgerCopies(s3, here.copy_bucket).copy_new_entries(
        ledger, TrafficController(clients(), get_resource_names(here)).control
    )
    own = {"Bucket": here.copy_bucket, "Body": b"{}"}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(**own, Key=f"ledger/{here.key}/000000001.json")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(**own, Key="models/flights/9/manifest.json", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(**own, Key=f"ledger/{here.key}/000000001.json", IfNoneMatch="*")


def test_a_role_puts_under_its_own_keys_alone_by_whatever_request(stack: DeployedProgram):
    here = RollbackEnvironment.from_variables(variables(stack))
    keys = (here.key, build_acknowledgements_key(here.key), build_control_key(here.key), "tidewatch/prod/flights")
    allowed = {
        (role, table, key, way)
        for role in ("rollback", "drift")
        for table in (here.ledger, here.control)
        for key in keys
        for way in ("put", "transaction", "batch")
        if _may_write(as_the_function(stack, "dynamodb", role), table, key, way)
    }
    ways = ("put", "transaction")
    # What drives a rollback owns the control table; the drift job has its own corner of it.
    assert allowed == {
        *(("rollback", here.ledger, here.key, way) for way in ways),
        *(("rollback", here.control, key, way) for key in keys for way in ways),
        *(("drift", here.control, build_control_key(here.key), way) for way in ways),
    }


def _may_write(dynamodb: Any, table: str, key: str, way: str) -> bool:
    """Whether IAM lets an item be written there; none is, as its condition does not hold."""
    sort = {"sequence": {"N": "9"}} if "ledger" in table else {"key": {"S": "x"}}
    put = {
        "TableName": table,
        "Item": {"stack": {"S": key}, **sort},
        "ConditionExpression": "attribute_exists(never)",
    }
    try:
        if way == "put":
            dynamodb.put_item(**put)
        elif way == "transaction":
            dynamodb.transact_write_items(TransactItems=[{"Put": put}])
        else:
            dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": put["Item"]}}]})
    except ClientError as error:
        if get_error_code(error) in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            return True
        if get_error_code(error) != "AccessDeniedException":
            raise
        return False
    return True


def test_objectives_reach_the_function_as_they_were_declared():
    promised = (Objective("availability", 99.9), Objective("latency", 99, 30, 200))
    assert parse_objectives(objectives_to_json(promised)) == promised
    assert objectives_to_json(()) == "{}"


def test_a_deployment_that_was_undone_shows_until_its_declaration_is_taken_back(stack: DeployedProgram):
    create_local_control().inject(
        "deployment_fails", endpoint=stack.outputs()["endpoint"]["name"], reason="health_check"
    )
    with pytest.raises(OperationFailed):
        stack.serve(blue=("1", 95), green=("3", 5)).up()
    assert undone(stack) == 1
    stack.serve(blue=("1", 95), green=("2", 5))
    stack.stack.preview()
    assert undone(stack) == 1, "a preview takes nothing back"
    before = stack.weights()
    stack.up()
    assert undone(stack) == 0
    assert stack.weights() == before
    assert changes(stack.up()) == set()
