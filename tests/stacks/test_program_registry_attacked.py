"""The registry as it is deployed, under attack: by a publisher, a reader, and an administrator who does not deploy.

Each attempt would undo that a published version stays as it was; those who deploy, and break-glass, still can.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from components.registry_policy import REPLICATION_ACTIONS, SETTINGS_ACTIONS
from rehearsal.aws import ACCOUNT, REGION
from rehearsal.aws.identity import act_as, policies, record_permissions
from rehearsal.engine import OperationFailed
from tests.rehearsal.aws.account import ANYTHING, TRUST
from tests.stacks.deployed_program import DeployedProgram
from tests.stacks.stack_image import StackImage, prepare_program
from tidewatch.permissions import PolicyVariables, build_policy_documents, load_roles

REHEARSAL = f"arn:aws:iam::{ACCOUNT}:user/rehearsal"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"
BIG: Any = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}
SEALED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
OWNERS = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
REPLICAS = {
    "Role": f"arn:aws:iam::{ACCOUNT}:role/other",
    "Rules": [{"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::elsewhere"}}],
}
TIERS = {"Id": "t", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
ATTEMPTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "policy": ("put_bucket_policy", {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}),
    "no policy": ("delete_bucket_policy", {}),
    "versioning": ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    "lifecycle": ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": BIG}),
    "no lifecycle": ("delete_bucket_lifecycle", {}),
    "lock": ("put_object_lock_configuration", {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}),
    "replication": ("put_bucket_replication", {"ReplicationConfiguration": REPLICAS}),
    "no replication": ("delete_bucket_replication", {}),
    "encryption": ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": SEALED}),
    "no encryption": ("delete_bucket_encryption", {}),
    "logging": ("put_bucket_logging", {"BucketLoggingStatus": {}}),
    "public access": ("delete_public_access_block", {}),
    "ownership": ("put_bucket_ownership_controls", {"OwnershipControls": OWNERS}),
    "acl": ("put_bucket_acl", {"ACL": "public-read"}),
    "tags": ("put_bucket_tagging", {"Tagging": {"TagSet": []}}),
    "no tags": ("delete_bucket_tagging", {}),
    "tiers": ("put_bucket_intelligent_tiering_configuration", {"Id": "t", "IntelligentTieringConfiguration": TIERS}),
    "payer": ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
    "deletion": ("delete_bucket", {}),
}
"""What changes the bucket: boto3's method, and its arguments."""
OBJECTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "overwrite": ("put_object", {"Body": b"other"}),
    "delete": ("delete_object", {}),
    "hold": ("put_object_legal_hold", {"LegalHold": {"Status": "ON"}}),
    "lock for good": (
        "put_object_retention",
        {"Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": "2100-01-01T00:00:00Z"}},
    ),
}
"""What changes an object."""
KEY = "models/flights/1/model.tar.gz"


@pytest.fixture(scope="module")
def guarded_image(tmp_path_factory: pytest.TempPathFactory) -> StackImage:
    """A stack that names its deployers, with one version, and roles beside it."""
    with prepare_program(tmp_path_factory.mktemp("guarded")) as one:
        one.set(access={"deployers": [REHEARSAL, DEPLOYER]}, registry={"objectLockDays": 30})
        one.up(preview=False)
        one.publish("1")
        iam = boto3.client("iam")
        for name in ("administrator", "deployer", "publisher", "reader"):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        everything = json.dumps({"Version": "2012-10-17", "Statement": [ANYTHING]})
        iam.put_role_policy(RoleName="administrator", PolicyName="own", PolicyDocument=everything)
        names = PolicyVariables("aws", ACCOUNT, REGION, "tidewatch", "rehearsal", "flights", "flights")
        for role in ("deployer", "publisher", "reader"):
            for number, text in enumerate(build_policy_documents(load_roles()[role], names)):
                policy = iam.create_policy(PolicyName=f"{role}-{number}", PolicyDocument=text)["Policy"]["Arn"]
                iam.attach_role_policy(RoleName=role, PolicyArn=policy)
        return StackImage.take(one)


@pytest.fixture
def guarded_registry(guarded_image: StackImage, tmp_path: Path) -> Iterator[DeployedProgram]:
    with guarded_image.restore(tmp_path) as one:
        yield one


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def bucket(stack: DeployedProgram) -> str:
    return stack.outputs()["registry"]["bucket"]


def break_glass() -> str:
    return next(one["Arn"] for one in boto3.client("iam").list_roles()["Roles"] if "break-glass" in one["RoleName"])


def is_denied(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    return False


def settings(stack: DeployedProgram) -> list[Any]:
    """What the bucket says of itself."""
    s3, name = boto3.client("s3"), bucket(stack)
    return [
        getattr(s3, f"get_{what}")(Bucket=name)[key]
        for what, key in (
            ("bucket_policy", "Policy"),
            ("bucket_versioning", "Status"),
            ("bucket_lifecycle_configuration", "Rules"),
            ("bucket_encryption", "ServerSideEncryptionConfiguration"),
            ("bucket_logging", "LoggingEnabled"),
            ("public_access_block", "PublicAccessBlockConfiguration"),
            ("bucket_ownership_controls", "OwnershipControls"),
            ("bucket_tagging", "TagSet"),
        )
    ]


@pytest.mark.parametrize("who", ["administrator", "publisher", "reader"])
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nobody_else_changes_what_keeps_the_bucket_shut(
    guarded_registry: DeployedProgram, who: str, attempt: str
) -> None:
    method, given = ATTEMPTS[attempt]
    before = settings(guarded_registry)
    with act_as(role(who)):
        assert is_denied(lambda: getattr(boto3.client("s3"), method)(Bucket=bucket(guarded_registry), **given))
    assert settings(guarded_registry) == before


def test_every_setting_that_is_guarded_is_attempted(guarded_registry: DeployedProgram) -> None:
    """But the newer calls for a bucket's tags, which boto3 has under s3control."""
    with act_as(role("administrator")), record_permissions() as recorded:
        for method, given in ATTEMPTS.values():
            attempt = partial(getattr(boto3.client("s3"), method), Bucket=bucket(guarded_registry), **given)
            assert is_denied(attempt)
    asked = {need.action for need in recorded.permissions.values()}
    assert asked == set(SETTINGS_ACTIONS) - {"s3:TagResource", "s3:UntagResource"}


@pytest.mark.parametrize("who", ["administrator", "deployer", "publisher", "reader"])
@pytest.mark.parametrize("attempt", OBJECTS)
def test_nobody_else_changes_a_published_version(guarded_registry: DeployedProgram, who: str, attempt: str) -> None:
    method, given = OBJECTS[attempt]
    with act_as(role(who)):
        assert is_denied(lambda: getattr(boto3.client("s3"), method)(Bucket=bucket(guarded_registry), Key=KEY, **given))
    assert guarded_registry.registry.verify("1").version == "1"


@pytest.mark.parametrize("key", [KEY, "models/flights/2/model.tar.gz"])
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_no_form_is_uploaded_whoever_signed_it(guarded_registry: DeployedProgram, key: str, version: str) -> None:
    """A form cannot be asked for a condition, and a header that says so costs an attacker nothing."""
    s3 = boto3.client("s3", config=Config(signature_version=version))
    for who in ("administrator", "deployer", "publisher"):
        with act_as(role(who)):
            posted = s3.generate_presigned_post(bucket(guarded_registry), key)
            answer = requests.post(
                posted["url"],
                data=posted["fields"],
                files={"file": b"other"},
                headers={"If-None-Match": "*"},
                timeout=10,
            )
        assert answer.status_code == 403, who
    assert "Versions" not in boto3.client("s3").list_object_versions(
        Bucket=bucket(guarded_registry), Prefix="models/flights/2/"
    )
    assert guarded_registry.registry.verify("1").version == "1"


@pytest.mark.parametrize("action", REPLICATION_ACTIONS)
@pytest.mark.parametrize("who", ["administrator", "deployer", "replication"])
def test_nothing_is_replicated_into_it(guarded_registry: DeployedProgram, action: str, who: str) -> None:
    """The rehearsal replicates nothing: what is asked is the policy that is deployed."""
    policy = boto3.client("s3").get_bucket_policy(Bucket=bucket(guarded_registry))["Policy"]
    keys = {"aws:principalarn": role(who), "aws:securetransport": "true"}
    assert policies.is_denied(
        policy, policies.PolicyRequest(role(who), action, f"arn:aws:s3:::{bucket(guarded_registry)}/{KEY}", keys)
    )


def test_those_who_deploy_change_the_settings_by_the_program(guarded_registry: DeployedProgram) -> None:
    guarded_registry.set(registry={"objectLockDays": 7}, tags={"environment": "other"})
    with act_as(DEPLOYER):
        guarded_registry.up(preview=False)
    found = boto3.client("s3").get_object_lock_configuration(Bucket=bucket(guarded_registry))
    assert found["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"] == 7


def test_break_glass_puts_right_what_those_who_deploy_broke(guarded_registry: DeployedProgram) -> None:
    name, s3 = bucket(guarded_registry), boto3.client("s3")
    before = s3.get_bucket_policy(Bucket=name)["Policy"]
    with act_as(DEPLOYER):
        s3.delete_bucket_policy(Bucket=name)
    with act_as(break_glass()):
        s3.put_bucket_policy(Bucket=name, Policy=before)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        assert s3.get_bucket_policy(Bucket=name)["Policy"] == before
    with act_as(role("administrator")):
        assert is_denied(lambda: s3.delete_bucket_policy(Bucket=name))


def test_an_up_of_somebody_who_is_not_named_is_refused_before_anything_is_made(
    guarded_registry: DeployedProgram,
) -> None:
    guarded_registry.set(tags={"environment": "other"})
    before = settings(guarded_registry)
    with act_as(role("administrator")):
        guarded_registry.stack.preview()
        with pytest.raises(OperationFailed, match=r"this runs as arn:aws:sts::\d+:assumed-role/administrator/"):
            guarded_registry.up(preview=False)
    assert settings(guarded_registry) == before


def test_who_deploys_is_handed_over_in_two_steps(guarded_registry: DeployedProgram) -> None:
    with act_as(DEPLOYER):
        with pytest.raises(OperationFailed, match="who is already named"):
            guarded_registry.set(access={"deployers": [role("administrator")]}).up(preview=False)
        guarded_registry.set(access={"deployers": [DEPLOYER, role("administrator")]}).up(preview=False)
    with act_as(role("administrator")):
        guarded_registry.set(access={"deployers": [role("administrator")]}).up(preview=False)
    with act_as(DEPLOYER):
        assert is_denied(lambda: boto3.client("s3").delete_bucket_policy(Bucket=bucket(guarded_registry)))


def test_where_nobody_is_named_the_lifecycle_is_guarded_all_the_same(tmp_path: Path) -> None:
    with prepare_program(tmp_path) as one:
        one.up(preview=False)
        s3, name = boto3.client("s3"), one.outputs()["registry"]["bucket"]
        assert is_denied(lambda: s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=BIG))
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": []})
