"""What the roles may do: nothing on everything, but for the few actions that take no resource."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from tests.stacks.deployed_program import DeployedProgram, rehearse_program
from tidewatch.naming import build_name_prefix

WITHOUT_RESOURCE = {
    "cloudwatch:DescribeAlarmHistory",  # not on composites
    "cloudwatch:DescribeAlarms",  # not on composites
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
VPC_WITHOUT_RESOURCE = {
    f"ec2:Describe{what}" for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
}

SUBNET, GROUP = "subnet-0a1b2c3d4e5f60718", "sg-0a1b2c3d4e5f60718"
SHARED = "arn:aws:ec2:us-east-1:999988887777:subnet/subnet-0fedcba9876543210"
"""A subnet of a VPC that another account shares."""
ADA = "arn:aws:iam::123456789012:user/ada"


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Every role's statements in a stack with both variants and a VPC; a role is named without its random end."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setattr("rehearsal.aws.lambda_.api._run_in_thread", lambda here, work: None)  # noqa: ARG005
    with rehearse_program(tmp_path_factory.mktemp("stack")) as stack:
        _deploy(stack)
        iam = boto3.client("iam")
        found = {}
        for role in iam.list_roles()["Roles"]:
            trusted = role["AssumeRolePolicyDocument"]["Statement"]
            found[f"who may take {'-'.join(role['RoleName'].split('-')[1:3])}"] = trusted
            statements: list[dict[str, Any]] = []
            for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                statements += (json.loads(document) if isinstance(document, str) else document)["Statement"]
            found["-".join(role["RoleName"].split("-")[1:3])] = statements
    patch.undo()
    return found


def _deploy(stack: DeployedProgram) -> None:
    stack.set(vpc={"subnets": [SUBNET, SHARED], "securityGroups": [GROUP]}, access={"breakGlass": [ADA, "OnCall"]})
    stack.up()
    stack.publish("1")
    stack.serve(blue=("1", 100)).up()


def serving(policies: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The one role of the models."""
    (found,) = (statements for name, statements in policies.items() if name.startswith("serving-"))
    return found


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in statement["Action"]}


def resources(statements: list[dict[str, Any]], action: str) -> list[str]:
    found = [s["Resource"] for s in statements if action in s["Action"]]
    return [one for each in found for one in ([each] if isinstance(each, str) else each)]


def test_only_what_takes_no_resource_is_allowed_on_everything(policies: dict[str, list[dict[str, Any]]]):
    for role, statements in policies.items():
        if role.startswith("who may take"):
            continue
        everywhere = {a for s in statements if s["Resource"] in ("*", ["*"]) for a in s["Action"]}
        assert everywhere <= WITHOUT_RESOURCE | VPC_WITHOUT_RESOURCE, role
        assert not [action for action in actions(statements) if "*" in action], role


def test_the_role_of_models_does_what_serving_needs_and_no_more(policies: dict[str, list[dict[str, Any]]]):
    role = serving(policies)
    assert actions(role) - VPC_WITHOUT_RESOURCE == {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricData",
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:PutObject",
    }
    (read,) = resources(role, "s3:GetObject")
    assert read.endswith("/models/flights/*")
    (write,) = resources(role, "s3:PutObject")
    assert re.fullmatch(r"arn:aws:s3:::flights-capture-\w+/\*", write), "under any prefix"


def test_the_rollback_function_changes_one_endpoint_and_appends_to_one_ledger(
    policies: dict[str, list[dict[str, Any]]],
):
    role = next(statements for name, statements in policies.items() if name.startswith("rollback"))
    (endpoint,) = resources(role, "sagemaker:UpdateEndpointWeightsAndCapacities")
    assert ":endpoint/flights-" in endpoint
    assert "sagemaker:UpdateEndpoint" not in actions(role)
    (ledger,) = [one for one in resources(role, "dynamodb:PutItem") if "ledger" in one]
    assert ledger not in resources(role, "dynamodb:UpdateItem") + resources(role, "dynamodb:DeleteItem")


def test_the_drift_function_reads_captures_and_references_and_writes_only_its_own_reports(
    policies: dict[str, list[dict[str, Any]]],
):
    role = next(statements for name, statements in policies.items() if name.startswith("drift"))
    assert actions(role) == {
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "events:PutEvents",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sqs:SendMessage",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    (written,) = resources(role, "s3:PutObject")
    assert written.endswith("/drift/*")
    read = {one.partition("/")[2] for one in resources(role, "s3:GetObject")}
    models = {f"models/flights/*/{file}.json" for file in ("manifest", "reference")}
    assert read == {"capture/*", "deployments/*", "drift/*", *models}
    (announced,) = [statement for statement in role if "events:PutEvents" in statement["Action"]]
    assert announced["Resource"].endswith(":event-bus/default")
    assert announced["Condition"] == {"StringEquals": {"events:source": "tidewatch"}}
    (encrypts,) = resources(role, "kms:GenerateDataKey")
    assert len(set(resources(role, "kms:Decrypt"))) == 3
    assert encrypts in resources(role, "kms:Decrypt")
    assert all("control" in one for one in resources(role, "dynamodb:PutItem"))


@pytest.mark.parametrize("name", ["flights", "f" * 32, "f" * 33, "f" * 63, "a-" * 31 + "b"])
def test_the_longest_physical_name_fits(name: str):
    longest = f"{build_name_prefix(name)}-serving-0123456789-4b53caf"
    assert len(longest) <= 63
    assert len(f"{build_name_prefix(name)}-serving-0123456789") <= 55
    assert "--" not in longest


def test_long_names_that_begin_alike_stay_apart():
    assert build_name_prefix("f" * 40) != build_name_prefix("f" * 41)


def test_an_interface_is_made_in_the_subnet_of_whoever_owns_it(policies: dict[str, list[dict[str, Any]]]):
    places = resources(serving(policies), "ec2:CreateNetworkInterface")
    assert SHARED in places
    assert {
        f"arn:aws:ec2:us-east-1:123456789012:subnet/{SUBNET}",
        f"arn:aws:ec2:us-east-1:123456789012:security-group/{GROUP}",
    } <= set(places)
    assert resources(serving(policies), "ec2:DeleteNetworkInterface") == [
        "arn:aws:ec2:us-east-1:123456789012:network-interface/*"
    ]


def test_the_people_that_the_config_names_may_take_a_role_and_else_who_shows_a_second_factor(
    policies: dict[str, list[dict[str, Any]]],
):
    user, permission_set = policies["who may take break-glass"]
    assert user["Principal"] == {"AWS": ADA}
    assert user["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert permission_set["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert "aws:MultiFactorAuthPresent" not in json.dumps(permission_set["Condition"])
    (anybody,) = policies["who may take capture-reader"]
    assert anybody["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert anybody["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
