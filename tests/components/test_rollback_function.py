"""The rollback function as it is deployed: what it is told, and what becomes of a wish that was taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from components.rollback import told
from lambdas.rollback.handler import Environment
from simulator.aws import ACCOUNT, local_control
from simulator.engine import DeploymentFailed
from tests.stacks.rehearsed import Rehearsed, changes, rehearsed
from tidewatch import metrics
from tidewatch.budget import objectives
from tidewatch.drift.layout import control_key
from tidewatch.items import error_code
from tidewatch.slo import Objective
from tidewatch.traffic import Clients, Copies, Entry, Ledger, Place, TrafficController, acknowledged_key


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """A canary of two versions, and a third in the registry."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setattr("simulator.aws.lambda_api._run_beside", lambda here, work: None)  # noqa: ARG005
        with rehearsed(tmp_path_factory.mktemp("rollback")) as one:
            one.up()
            for version in ("1", "2", "3"):
                one.publish(version)
            one.serve(blue=("1", 95), green=("2", 5)).up()
            yield one


def variables(stack: Rehearsed) -> dict[str, str]:
    name = stack.outputs()["rollback"]["function"]
    return boto3.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]


def clients() -> Clients:
    return Clients(**{one: boto3.client(one) for one in ("sagemaker", "dynamodb", "cloudwatch")})


def place(here: Environment) -> Place:
    return Place(here.key, here.endpoint, here.ledger, here.control)


def undone(stack: Rehearsed) -> float:
    here = Environment.read(variables(stack))
    return TrafficController(clients(), place(here)).gauges().endpoint[metrics.DEPLOYMENT_ROLLED_BACK]


def test_it_knows_the_composite_over_all_alarms_and_whether_alarms_roll_back(stack: Rehearsed):
    here = Environment.read(variables(stack))
    assert here.plan.alarm == stack.outputs()["alarms"]["endpoint"]
    assert here.plan.automatic is True
    assert Environment.read({**variables(stack), "AUTOMATIC": "false"}).plan.automatic is False


def test_it_is_told_which_alarms_guard_its_stack(stack: Rehearsed):
    assert list(Environment.read(variables(stack)).plan.guardrails) == [
        name for _, name in sorted(stack.outputs()["alarms"]["guardrails"].items())
    ]


def as_the_function(stack: Rehearsed, service: str, purpose: str = "rollback") -> Any:
    """A client with the function's role, which a person may take here for once."""
    name = stack.outputs()[purpose]["function"]
    arn = boto3.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    boto3.client("iam").update_assume_role_policy(RoleName=arn.rpartition("/")[2], PolicyDocument=policy)
    taken = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return boto3.client(
        service,
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


def test_its_role_reads_acknowledgements_and_writes_none_and_overwrites_no_copy(stack: Rehearsed):
    here, dynamodb, s3 = (
        Environment.read(variables(stack)),
        as_the_function(stack, "dynamodb"),
        as_the_function(stack, "s3"),
    )
    ledger = Ledger(dynamodb, here.ledger, here.key, here.endpoint)
    assert ledger.entries()
    with pytest.raises(ClientError, match="dynamodb:PutItem"):
        ledger.append(lambda _: Entry("acknowledgement", "me", datetime.now(UTC), incident="x"))
    Copies(s3, here.copies).keep(ledger, TrafficController(clients(), place(here)).control)
    own = {"Bucket": here.copies, "Body": b"{}"}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(**own, Key=f"ledger/{here.key}/000000001.json")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(**own, Key="models/flights/9/manifest.json", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(**own, Key=f"ledger/{here.key}/000000001.json", IfNoneMatch="*")


def test_a_role_puts_under_its_own_keys_alone_by_whatever_request(stack: Rehearsed):
    here = Environment.read(variables(stack))
    keys = (here.key, acknowledged_key(here.key), control_key(here.key), "tidewatch/prod/flights")
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
        *(("drift", here.control, control_key(here.key), way) for way in ways),
    }


def _may_write(dynamodb: Any, table: str, key: str, way: str) -> bool:
    """Whether IAM lets an item be written there; none is, as its condition does not hold."""
    sort = {"sequence": {"N": "9"}} if "ledger" in table else {"key": {"S": "x"}}
    put = {
        "TableName": table,
        "Item": {"endpoint": {"S": key}, **sort},
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
        if error_code(error) in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            return True
        if error_code(error) != "AccessDeniedException":
            raise
        return False
    return True


def test_objectives_reach_the_function_as_they_were_declared():
    promised = (Objective("availability", 99.9), Objective("latency", 99, 30, 200))
    assert objectives(told(promised)) == promised
    assert told(()) == "{}"


def test_a_deployment_that_was_undone_shows_until_its_declaration_is_taken_back(stack: Rehearsed):
    local_control().inject("deployment_fails", endpoint=stack.outputs()["endpoint"]["name"], reason="health_check")
    with pytest.raises(DeploymentFailed):
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
