"""The policies of people's roles: they hold what is needed and no more, and nobody may do another's work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import ACCOUNT, REGION, create_local_control, current_account, simulate_aws
from rehearsal.aws.identity import act_as, policies
from rehearsal.permissions.__main__ import PAGE
from rehearsal.permissions.grants import Grant
from rehearsal.permissions.markdown_page import render_page
from rehearsal.permissions.role_grants import PURPOSES, build_document, record_grants
from rehearsal.permissions.stack_lifecycle import PROJECT, STACK, StackLifecycle
from tests.rehearsal.aws.account import Account, variant
from tidewatch.naming import build_stack_key, hash_stack_key
from tidewatch.permissions import (
    MAX_POLICY_LENGTH,
    RECORDED_POLICIES_FILE,
    PolicyVariables,
    build_policy_documents,
    load_roles,
)

NAMES = PolicyVariables("aws", ACCOUNT, REGION, PROJECT, STACK, "flights", "flights")


@dataclass
class PermissionUse:
    """A stack's whole life under the documents: what was needed, what was refused, and what somebody could do that is
    another's."""

    found: dict[str, list[Grant]]
    refused: list[str]
    overreached: list[str]


@pytest.fixture(scope="module")
def permission_use() -> PermissionUse:
    """Where a step fails for a refusal, what is called has changed: python -m rehearsal.permissions

    A command may bear a refusal and say less (status, doctor): that counts too. An `up` or a `destroy` fails.
    """
    people, refused, overreached = People(), list[str](), list[str]()

    def reach_over(told: StackLifecycle) -> None:
        refused.extend(current_account().access_denials)
        overreached.extend(_find_overreach(told, people))

    return PermissionUse(record_grants(people, reach_over), refused, overreached)


@pytest.fixture(scope="module")
def needed_grants(permission_use: PermissionUse) -> dict[str, list[Grant]]:
    return permission_use.found


def test_what_is_written_is_what_is_needed(needed_grants: dict[str, list[Grant]]) -> None:
    """After a change of what anybody calls: python -m rehearsal.permissions"""
    assert build_document(needed_grants) == json.loads(RECORDED_POLICIES_FILE.read_text())
    assert render_page(needed_grants) == PAGE.read_text()


def _build_request(grant: Grant) -> policies.PolicyRequest:
    """A request that needs the grant, on something that its resource names."""
    conditions = (grant.condition or {}).values()
    keys = {key.lower(): NAMES.substitute(value) for one in conditions for key, value in one.items()}
    resource = grant.resource if grant.resource == "*" else NAMES.substitute(grant.resource).replace("*", "1a2b3c4")
    return policies.PolicyRequest("arn:aws:iam::123456789012:role/somebody", grant.action, resource, keys)


@pytest.mark.parametrize("role", PURPOSES)
def test_no_statement_can_be_left_out(role: str, needed_grants: dict[str, list[Grant]]) -> None:
    statements = [
        one for text in build_policy_documents(load_roles()[role], NAMES) for one in json.loads(text)["Statement"]
    ]
    requests = [_build_request(one) for one in needed_grants[role]]
    assert all(policies.has_match(statements, one, "Allow") for one in requests)
    for left_out in statements:
        rest = [one for one in statements if one is not left_out]
        assert not all(policies.has_match(rest, one, "Allow") for one in requests), left_out["Sid"]
        for action in left_out["Action"]:
            thinner = {**left_out, "Action": [one for one in left_out["Action"] if one != action]}
            assert not all(policies.has_match([*rest, thinner], one, "Allow") for one in requests), action


def test_nothing_is_allowed_on_everything_that_could_be_allowed_on_less(needed_grants: dict[str, list[Grant]]) -> None:
    """Source: Service Authorization Reference: actions without a resource type; and CloudWatch's API reference."""
    everywhere = {one.action for grants in needed_grants.values() for one in grants if one.resource == "*"}
    assert everywhere <= {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "cloudtrail:LookupEvents",
        "chatbot:CreateSlackChannelConfiguration",
        "chatbot:DescribeSlackChannelConfigurations",
        "chatbot:ListTagsForResource",
        "chatbot:TagResource",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:PutCompositeAlarm",
        "events:ListRules",
        "kms:CreateKey",
        "kms:TagResource",
        "lambda:GetAccountSettings",
        "logs:DescribeLogGroups",
        "pricing:GetProducts",
        "servicequotas:ListServiceQuotas",
        "sns:GetSubscriptionAttributes",
        "sns:SetSubscriptionAttributes",
        "sns:Unsubscribe",
        "sqs:ListQueues",
        "ssm:DescribeParameters",
        "tag:GetResources",
    }
    actions = {one.action for grants in needed_grants.values() for one in grants}
    assert not [action for action in actions if "*" in action]


@dataclass
class People:
    """Roles of an account that have the documents and nothing else."""

    arns: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, role: str, activity: str = "") -> AbstractContextManager[object]:
        del activity
        if role not in self.arns:
            self.arns[role] = _create_role(role)
        return act_as(self.arns[role])


def _create_role(role: str, names: PolicyVariables = NAMES, called: str = "") -> str:
    iam, name = boto3.client("iam"), called or role
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for number, text in enumerate(build_policy_documents(load_roles()[role], names)):
        policy = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=text)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return arn


def test_a_stacks_whole_life_is_lived_under_the_documents_and_nothing_more(permission_use: PermissionUse) -> None:
    assert permission_use.refused == []


def test_nobody_does_anothers_work(permission_use: PermissionUse) -> None:
    assert permission_use.overreached == []


def _find_overreach(told: StackLifecycle, people: People) -> Iterator[str]:
    for what, (attempt, who) in _attempts(told).items():
        for role in who:
            with people(role):
                if not _is_refused(attempt):
                    yield f"the {role} could {what}"


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except ClientError as error:
        return any(code in str(error) for code in ("AccessDenied", "AuthorizationError"))
    return False


Attempts = Mapping[str, tuple[Callable[[], object], tuple[str, ...]]]


def _nobody_does_anothers_work(told: StackLifecycle, people: People) -> None:
    for what, (attempt, who) in _attempts(told).items():
        for role in who:
            with people(role):
                assert _is_refused(attempt), f"the {role} could {what}"


def _attempts(told: StackLifecycle) -> Attempts:
    """What is tried, and who must not be able to."""
    outputs = told.outputs()
    endpoint, ledger = outputs["endpoint"]["name"], outputs["ledger"]
    sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
    weights: Any = [{"VariantName": "blue", "DesiredWeight": 0.0}]
    function = boto3.client("lambda").get_function_configuration(FunctionName=outputs["rollback"]["function"])
    control, head = function["Environment"]["Variables"]["CONTROL_TABLE"], {"stack": {"S": "x"}, "key": {"S": "run"}}
    item = {"stack": {"S": "x"}, "at": {"S": "y"}}
    captured = {"Bucket": outputs["buckets"]["capture"], "Key": "capture/one.jsonl"}
    version = {"Bucket": outputs["registry"]["bucket"], "Key": "models/flights/9/manifest.json", "IfNoneMatch": "*"}
    another = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    everybody = tuple(PURPOSES)
    return {
        "change weights": (
            lambda: sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=weights
            ),
            ("preview", "publisher", "operator", "reader"),
        ),
        "delete the endpoint": (
            lambda: sagemaker.delete_endpoint(EndpointName=endpoint),
            ("preview", "publisher", "operator", "responder", "reader"),
        ),
        "publish": (lambda: s3.put_object(**version, Body=b"{}"), ("preview", "operator", "responder", "reader")),
        "sign a version": (
            lambda: boto3.client("kms").sign(
                KeyId=outputs["registry"]["signingKey"],
                Message=bytes(32),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            ),
            ("deployer", "preview", "operator", "responder", "reader"),
        ),
        "read what was captured": (lambda: s3.get_object(**captured), everybody),
        "write to the ledger": (
            lambda: boto3.client("dynamodb").put_item(TableName=ledger, Item=item),
            ("preview", "publisher", "operator", "responder", "reader"),
        ),
        "write to the control table": (
            lambda: boto3.client("dynamodb").put_item(TableName=control, Item=head),
            ("preview", "publisher", "operator", "responder", "reader"),
        ),
        "roll back": (
            lambda: boto3.client("lambda").invoke(FunctionName=outputs["rollback"]["function"]),
            ("deployer", "preview", "publisher", "responder", "reader"),
        ),
        "pass any role": (
            lambda: sagemaker.create_model(
                ModelName="flights-model-x",
                ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/administrator",
                PrimaryContainer={"Image": "example@sha256:1"},
            ),
            everybody,
        ),
        "see another stack's parameter": (
            lambda: boto3.client("ssm").get_parameter(Name=f"/tidewatch/{PROJECT}/prod/registry"),
            everybody,
        ),
        "open another stack's key": (
            lambda: boto3.client("kms").describe_key(KeyId=another),
            everybody,
        ),
    }


@pytest.mark.parametrize("role", PURPOSES)
def test_every_document_is_as_large_as_iam_takes_it(role: str) -> None:
    """Source: IAM user guide, "IAM and AWS STS quotas": 6,144 characters, white space not counted."""
    longest = PolicyVariables("aws-us-gov", ACCOUNT, "ap-southeast-2", "p" * 60, "s" * 60, "m" * 63, "m" * 32, "")
    for text in build_policy_documents(load_roles()[role], longest):
        assert len("".join(text.split())) <= MAX_POLICY_LENGTH
        json.loads(text)


def test_a_volume_key_is_the_deployers_to_grant_where_the_stack_names_it() -> None:
    with simulate_aws() as clock:
        account = Account(clock, create_local_control())
        key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
        account.model("flights-model-one")
        account.config("flights-cfg-one", variant("blue", model="flights-model-one"), KmsKeyId=key)
        endpoint = f"flights-{hash_stack_key(build_stack_key(PROJECT, STACK, 'flights'))}-1a2b3c4"

        def create(name: str, names: PolicyVariables) -> None:
            sagemaker = account.as_role(_create_role("deployer", names, name), "sagemaker")
            sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName="flights-cfg-one")

        with pytest.raises(ClientError, match=f"kms:CreateGrant on resource: {key}"):
            create("without", NAMES)
        create("with", replace(NAMES, volume_key=key))
