"""Roles and policies, keys, and the function that writes policy documents."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from rehearsal.engine.providers import ProviderSettings, invoke
from tests.rehearsal.engine.providers.conftest import Aws, Resource

ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"


def document(action: str = "s3:GetObject") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
        ],
    }
)


@pytest.fixture
def role(aws: Aws) -> Resource:
    return aws.create_resource(ROLE, "reader", assumeRolePolicy=TRUST, description="reads")


def test_a_role_changes_in_place_but_for_its_path(aws: Aws, role: Resource) -> None:
    other = TRUST.replace("sagemaker", "lambda")
    role.update(assumeRolePolicy=other, tags={"a": "b"})
    said = aws.client("iam").get_role(RoleName=role.id)["Role"]
    assert said["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert role.replaced_by(assumeRolePolicy=other, path="/x/") == ["path"]


def test_a_trust_policy_that_is_edited_by_hand_is_seen(aws: Aws, role: Resource) -> None:
    other = TRUST.replace("sagemaker", "lambda")
    aws.client("iam").update_assume_role_policy(RoleName=role.id, PolicyDocument=other)
    assert json.loads(role.read().inputs["assumeRolePolicy"]) == json.loads(other)


def test_a_role_with_foreign_policies_goes_only_when_forced(aws: Aws) -> None:
    held = aws.create_resource(ROLE, assumeRolePolicy=TRUST)
    policy = aws.create_resource(POLICY, policy=document())
    iam = aws.client("iam")
    iam.attach_role_policy(RoleName=held.id, PolicyArn=policy.outs["arn"])
    iam.put_role_policy(RoleName=held.id, PolicyName="inline", PolicyDocument=document())
    with pytest.raises(ClientError, match="DeleteConflict"):
        held.delete()
    held.update(assumeRolePolicy=TRUST, forceDetachPolicies=True)
    held.delete()
    assert not held.exists()
    held.delete()


def test_what_the_role_itself_attached_it_detaches(aws: Aws) -> None:
    policy = aws.create_resource(POLICY, policy=document())
    inline = [{"name": "inline", "policy": document()}]
    role = aws.create_resource(
        ROLE, assumeRolePolicy=TRUST, managedPolicyArns=[policy.outs["arn"]], inlinePolicies=inline
    )
    assert aws.client("iam").list_role_policies(RoleName=role.id)["PolicyNames"] == ["inline"]
    role.delete()
    assert not role.exists()


def test_an_inline_policy_lives_on_its_role(aws: Aws, role: Resource) -> None:
    inline = aws.create_resource("aws:iam/rolePolicy:RolePolicy", "reads", role=role.id, policy=document())
    assert inline.id == f"{role.id}:{inline.outs['name']}"
    inline.update(role=role.id, policy=document("s3:PutObject"))
    said = aws.client("iam").get_role_policy(RoleName=role.id, PolicyName=inline.outs["name"])["PolicyDocument"]
    assert said["Statement"][0]["Action"] == "s3:PutObject"
    assert inline.replaced_by(role="another", policy=document()) == ["role"]
    inline.delete()
    assert not inline.exists()


def test_an_attachment_cannot_change(aws: Aws, role: Resource) -> None:
    policy = aws.create_resource(POLICY, policy=document())
    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    attached = aws.create_resource(token, role=role.id, policyArn=policy.outs["arn"])
    assert attached.replaced_by(role=role.id, policyArn="arn:other") == ["policyArn"]
    assert attached.exists()
    attached.delete()
    assert not attached.exists()


def test_a_policy_is_edited_more_often_than_it_keeps_versions(aws: Aws) -> None:
    policy = aws.create_resource(POLICY, policy=document())
    for action in ("s3:Put*", "s3:List*", "s3:Head*", "s3:Copy*", "s3:Get*", "s3:Delete*"):
        policy.update(policy=document(action))
    assert json.loads(policy.read().outs["policy"])["Statement"][0]["Action"] == "s3:Delete*"
    assert policy.replaced_by(policy=document(), description="new") == ["description"]
    policy.delete()
    assert not policy.exists()


def test_a_key_rotates_and_is_gone_once_its_deletion_is_scheduled(aws: Aws) -> None:
    key = aws.create_resource(
        "aws:kms/key:Key", description="registry", enableKeyRotation=True, deletionWindowInDays=7.0
    )
    kms = aws.client("kms")
    assert kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"]
    key.update(description="registry", enableKeyRotation=False, isEnabled=False)
    assert not kms.describe_key(KeyId=key.id)["KeyMetadata"]["Enabled"]
    assert key.replaced_by(keyUsage="SIGN_VERIFY") == ["keyUsage"]
    alias = aws.create_resource("aws:kms/alias:Alias", "registry", targetKeyId=key.id)
    assert alias.outs["targetKeyArn"] == key.outs["arn"]
    other = aws.create_resource("aws:kms/key:Key")
    assert alias.update(targetKeyId=other.id)["targetKeyArn"] == other.outs["arn"]
    key.delete()
    assert not key.exists()
    key.delete()


def test_a_policy_document_is_written_as_the_provider_writes_it() -> None:
    said = invoke(
        "aws:iam/getPolicyDocument:getPolicyDocument",
        ProviderSettings(),
        {
            "statements": [
                {
                    "sid": "TlsOnly",
                    "effect": "Deny",
                    "actions": ["s3:*"],
                    "resources": ["arn:a", "arn:b"],
                    "principals": [{"type": "*", "identifiers": ["*"]}],
                    "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}],
                },
                {"actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": ["a", "b"]}]},
            ]
        },
    )
    assert json.loads(said["json"]) == json.loads(said["minifiedJson"])
    assert json.loads(said["json"])["Statement"] == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": ["arn:a", "arn:b"],
            "Principal": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["a", "b"]}},
    ]


def test_who_and_where_we_are(aws: Aws) -> None:
    assert invoke("aws:index/getCallerIdentity:getCallerIdentity", aws.settings, {})["accountId"] == "123456789012"
    assert invoke("aws:index/getRegion:getRegion", aws.settings, {})["region"] == "us-east-1"
    assert invoke("aws:index/getPartition:getPartition", aws.settings, {})["partition"] == "aws"
