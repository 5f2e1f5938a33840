"""A stack that signs what is published, and one that serves only what was signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from mypy_boto3_kms import KMSClient

from rehearsal.aws.identity import act_as
from tests.stacks.deployed_program import DESCRIPTION, LAYOUT, DeployedProgram, changes, create_person, pack_model
from tests.tidewatch.signatures.signing_key import SigningKey
from tidewatch.signatures import KmsSigner, PinnedKey, SigningFailed, verify_version

PATH = "tidewatch:variants.green.version: flights/4 has no valid signature, which tidewatch:governance.signatures "


@pytest.fixture
def kms() -> KMSClient:
    return boto3.client("kms")


def open_signer(stack: DeployedProgram) -> KmsSigner:
    return KmsSigner.open(boto3.client("kms"), stack.outputs()["registry"]["signingKey"])


def publish_signed(stack: DeployedProgram, version: str, signer: Any = None) -> None:
    artifact = stack.folder / f"{version}.tar.gz"
    artifact.write_bytes(pack_model({**LAYOUT, "flights/1/version.txt": version}))
    card = stack.folder / f"{version}.md"
    card.write_text(f"# flights/{version}\n")
    stack.registry.publish(version, artifact, DESCRIPTION, card=card, signer=signer or open_signer(stack))


def require(stack: DeployedProgram, *keys: dict[str, Any]) -> DeployedProgram:
    return stack.set(governance={"signatures": {"required": True, "publicKeys": list(keys)}})


@pytest.fixture
def signing_stack(published_stack: DeployedProgram) -> DeployedProgram:
    """A stack whose key signed version 4, which green shall serve, and which requires that."""
    published_stack.set(registry={"signing": True}).up()
    for version in ("4", "5"):
        publish_signed(published_stack, version)
    require(published_stack, {"pem": open_signer(published_stack).public_key.pem})
    return published_stack.serve("green", green=("4", 100))


def put(stack: DeployedProgram, key: str, body: bytes) -> None:
    """Writes past the registry's own protection, as somebody who may change that could."""
    s3, bucket = boto3.client("s3"), stack.outputs()["registry"]["bucket"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=f"models/flights/{key}", Body=body, ChecksumAlgorithm="SHA256")


def get(stack: DeployedProgram, key: str) -> bytes:
    bucket = stack.outputs()["registry"]["bucket"]
    return boto3.client("s3").get_object(Bucket=bucket, Key=f"models/flights/{key}")["Body"].read()


def test_a_stack_signs_nothing_unless_its_config_says_so(published_stack: DeployedProgram):
    assert published_stack.outputs()["registry"]["signingKey"] is None


def test_the_key_signs_and_is_tagged_as_such(signing_stack: DeployedProgram, kms: KMSClient):
    arn = signing_stack.outputs()["registry"]["signingKey"]
    found = kms.describe_key(KeyId=arn)["KeyMetadata"]
    assert (found["KeySpec"], found["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=arn.rpartition("/")[2])["Tags"]}
    assert tags["tidewatch:purpose"] == "signing"
    assert tags["tidewatch:stack"] == "tidewatch/rehearsal"
    assert changes(signing_stack.serve().set(variants=None, rollbackTo=None).up(preview=True)) == set()


def test_a_key_of_ones_own_is_named_and_none_is_created(published_stack: DeployedProgram, kms: KMSClient):
    arn = kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    summary = published_stack.set(registry={"signing": True, "signingKey": arn}).up()
    assert [step.op for step in summary.steps if step.type == "aws:kms/key:Key" and step.op != "same"] == []
    assert published_stack.outputs()["registry"]["signingKey"] == arn
    publish_signed(published_stack, "4")


def test_the_publisher_signs_and_nobody_else(signing_stack: DeployedProgram, kms: KMSClient):
    publisher = create_person("publisher")
    with act_as(publisher):
        publish_signed(signing_stack, "6")
    # A key of the stack that is not for versions, as one for approvals would be.
    tags: Any = [{"TagKey": "tidewatch:stack", "TagValue": "tidewatch/rehearsal"}]
    other = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=tags)["KeyMetadata"]["Arn"]
    signer = KmsSigner.open(kms, other)
    with act_as(publisher), pytest.raises(SigningFailed, match="KMS denies it"):
        signer.sign("flights/6", {})
    for role in ("operator", "reader", "preview"):
        signer = open_signer(signing_stack)
        with act_as(create_person(role)):
            with pytest.raises(SigningFailed, match="KMS denies it; use credentials of the role publisher"):
                signer.sign("flights/6", {})
            keys = [PinnedKey(signer.public_key)]
            assert verify_version(signing_stack.registry, "6", keys).faults == ()


def test_a_version_that_a_pinned_key_signed_is_served_without_kms(signing_stack: DeployedProgram, kms: KMSClient):
    kms.disable_key(KeyId=signing_stack.outputs()["registry"]["signingKey"].rpartition("/")[2])
    signing_stack.up()
    assert signing_stack.outputs()["traffic"]["versions"] == {"green": "4"}


def test_a_version_without_a_signature_is_refused_in_the_preview(signing_stack: DeployedProgram):
    refused = signing_stack.serve("green", blue=("1", 0), green=("4", 100)).refusal()
    assert "flights/1 has no valid signature" in refused
    assert "it has no signature, model.sig. Publish the model under another version, from a stack that signs" in refused
    assert "variants.green" not in refused


ATTACKS: dict[str, tuple[Callable[[DeployedProgram], None], str]] = {
    "card altered": (lambda one: put(one, "4/card.md", b"# all is well\n"), "card.md was changed: its sha256 is "),
    "card swapped": (lambda one: put(one, "4/card.md", get(one, "5/card.md")), "card.md of flights/5"),
    "manifest altered": (
        lambda one: put(one, "4/manifest.json", get(one, "4/manifest.json").replace(b"0123abc", b"9999999")),
        "manifest.json was changed: its sha256 is ",
    ),
    "file added": (lambda one: put(one, "4/run.sh", b"echo"), "run.sh was added: it is not signed"),
    "signature replayed": (
        lambda one: put(one, "4/model.sig", get(one, "5/model.sig")),
        "its signature is that of flights/5, and was copied here",
    ),
    "signature forged": (
        lambda one: put(one, "4/model.sig", SigningKey().sign("flights/4", {})),
        "which is none of the trusted keys",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_registry_is_refused_in_the_preview(signing_stack: DeployedProgram, name: str):
    attack, said = ATTACKS[name]
    attack(signing_stack)
    refused = signing_stack.refusal()
    assert PATH in refused
    assert said in refused


@pytest.mark.parametrize(
    ("file", "said"), [("card.md", "card.md was signed and is gone"), ("model.sig", "it has no signature, model.sig")]
)
def test_a_file_that_is_removed_is_refused(signing_stack: DeployedProgram, file: str, said: str):
    s3, bucket = boto3.client("s3"), signing_stack.outputs()["registry"]["bucket"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key=f"models/flights/4/{file}")
    assert said in signing_stack.refusal()


def test_an_artifact_that_was_exchanged_with_its_manifest_is_refused(signing_stack: DeployedProgram):
    """What the manifest alone cannot show: all digests fit each other."""
    manifest = get(signing_stack, "5/manifest.json").replace(b'"version": "5"', b'"version": "4"')
    put(signing_stack, "4/model.tar.gz", get(signing_stack, "5/model.tar.gz"))
    put(signing_stack, "4/card.md", get(signing_stack, "5/card.md"))
    put(signing_stack, "4/manifest.json", manifest)
    refused = signing_stack.refusal()
    assert "model.tar.gz was swapped: it is model.tar.gz of flights/5" in refused
    assert "manifest.json was changed" in refused


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ({"until": "2020-01-01"}, "counts only until 2020-01-01 00:00 UTC, and the version was created at "),
        ({"from": "2090-01-01"}, "counts only from 2090-01-01 00:00 UTC, and the version was created at "),
    ],
)
def test_a_key_that_did_not_count_yet_or_any_more_is_refused(
    signing_stack: DeployedProgram, period: dict[str, str], said: str
):
    pem = open_signer(signing_stack).public_key.pem
    assert said in require(signing_stack, {"pem": pem, **period}).refusal()


def test_a_key_that_is_not_pinned_is_refused_and_one_more_is_no_harm(signing_stack: DeployedProgram):
    pem, other = open_signer(signing_stack).public_key.pem, SigningKey()
    refused = require(signing_stack, {"pem": other.pem}).refusal()
    assert f"which is none of the trusted keys ({other.public.label})" in refused
    now = datetime.now(UTC).isoformat()
    require(signing_stack, {"pem": other.pem, "until": now}, {"pem": pem}).stack.preview()


def test_what_is_not_required_is_not_checked(signing_stack: DeployedProgram):
    put(signing_stack, "4/run.sh", b"echo")
    signing_stack.set(governance=None).stack.preview()
