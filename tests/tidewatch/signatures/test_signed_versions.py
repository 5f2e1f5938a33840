"""A published version is signed whole, and whatever changes in the registry afterwards is found."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from mypy_boto3_kms import KMSClient
from mypy_boto3_s3 import S3Client

from tests.tidewatch.registry.conftest import BUCKET
from tests.tidewatch.signatures.signing_key import SigningKey
from tidewatch.drift.training.reference_builder import build_reference
from tidewatch.registry import (
    Manifest,
    ModelDescription,
    ModelRegistry,
    PartialUploadConflict,
    RegistryError,
    VersionExists,
    VersionNotFound,
)
from tidewatch.signatures import (
    KmsSigner,
    PinnedKey,
    SignatureReport,
    SigningFailed,
    decode_bundle,
    decode_statement,
    encode_pae,
    parse_der_public_key,
    read_every_byte,
    trust_checksums,
    verify_version,
)

Publish = Callable[..., Manifest]
FILES = ("card.md", "manifest.json", "model.tar.gz", "reference.json")
MIB = 1 << 20


@pytest.fixture
def kms(aws: boto3.Session, s3: S3Client) -> KMSClient:  # noqa: ARG001
    return aws.client("kms")


def create_key(kms: KMSClient, spec: Any = "ECC_NIST_P256", usage: Any = "SIGN_VERIFY") -> str:
    return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]


@pytest.fixture
def signer(kms: KMSClient) -> KmsSigner:
    return KmsSigner.open(kms, create_key(kms))


@pytest.fixture
def publish(
    registry: ModelRegistry, description: ModelDescription, pack: Callable[..., Path], tmp_path: Path, signer: KmsSigner
) -> Publish:
    packed: dict[str, Path] = {}

    def run(version: str = "4", *, signer: KmsSigner | None = signer, **more: Any) -> Manifest:
        card, reference = tmp_path / "card.md", tmp_path / "reference.json"
        card.write_text(f"# flights/{version}\n")
        reference.write_bytes(build_reference({"x": np.arange(float(len(version) + 4))}).encode())
        if version not in packed:
            packed[version] = pack(name=f"{version}.tar.gz", model=f"tree {version}".encode())
        return registry.publish(
            version, packed[version], description, card=card, reference=reference, signer=signer, **more
        )

    return run


def verify(registry: ModelRegistry, signer: KmsSigner, version: str = "4", **pinned: Any) -> SignatureReport:
    return verify_version(registry, version, [PinnedKey(signer.public_key, **pinned)])


def put(s3: S3Client, key: str, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"models/flights/{key}", Body=body, ChecksumAlgorithm="SHA256")


def get(s3: S3Client, key: str) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=f"models/flights/{key}")["Body"].read()


def test_every_file_of_a_version_is_signed(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client
) -> None:
    published = publish()
    report = verify(registry, signer)
    assert (report.files, report.faults, report.created) == (FILES, (), published.created)
    bundle = decode_bundle(get(s3, "4/model.sig"), "it")
    assert decode_statement(bundle.payload, "it").subject == "flights/4"
    assert signer.public_key.verifies(bundle.signature, encode_pae(bundle.payload))


def test_a_version_without_card_and_reference_is_signed(
    registry: ModelRegistry, description: ModelDescription, pack: Callable[..., Path], signer: KmsSigner
) -> None:
    registry.publish("4", pack(), description, signer=signer)
    assert verify(registry, signer).files == ("manifest.json", "model.tar.gz")
    assert verify(registry, signer).faults == ()


def test_without_a_signer_a_version_has_no_signature(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner
) -> None:
    publish(signer=None)
    assert registry.list_files("4") == FILES
    assert verify(registry, signer).faults == ("it has no signature, model.sig",)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_altered_is_found(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client, file: str
) -> None:
    publish()
    put(s3, f"4/{file}", get(s3, f"4/{file}") + b" ")
    (fault,) = verify(registry, signer).faults
    assert fault.startswith(f"{file} was changed: its sha256 is ")


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_version_is_found_with_where_it_is_from(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client, file: str
) -> None:
    publish("10")
    publish()
    put(s3, f"4/{file}", get(s3, f"10/{file}"))
    assert verify(registry, signer).faults == (f"{file} was swapped: it is {file} of flights/10",)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_removed_is_found(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client, file: str
) -> None:
    publish()
    s3.delete_object(Bucket=BUCKET, Key=f"models/flights/4/{file}")
    assert verify(registry, signer).faults == (f"{file} was signed and is gone",)


@pytest.mark.parametrize("file", ["run.sh", "folder/run.sh"])
def test_a_file_that_is_added_is_found(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client, file: str
) -> None:
    publish()
    put(s3, f"4/{file}", b"echo")
    assert verify(registry, signer).faults == (f"{file} was added: it is not signed",)


def test_a_signature_of_another_version_is_found(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client
) -> None:
    publish("3")
    publish()
    put(s3, "4/model.sig", get(s3, "3/model.sig"))
    assert verify(registry, signer).faults == ("its signature is that of flights/3, and was copied here",)


def test_a_whole_version_under_another_number_is_found(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client
) -> None:
    publish("3")
    for file in registry.list_files("3"):
        put(s3, f"4/{file}", get(s3, f"3/{file}"))
    assert verify(registry, signer).faults == ("its signature is that of flights/3, and was copied here",)


def test_another_signature_over_changed_files_is_refused(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client
) -> None:
    publish()
    other = SigningKey()
    put(s3, "4/model.sig", other.sign("flights/4", {}))
    (fault,) = verify(registry, signer).faults
    assert fault.startswith(f"model.sig was signed with the key {other.public.label}, which is none of the trusted")


def test_a_signature_without_a_manifest_is_no_version(registry: ModelRegistry, signer: KmsSigner, s3: S3Client) -> None:
    put(s3, "4/model.sig", signer.sign("flights/4", {}))
    assert verify(registry, signer).faults == (
        "manifest.json is missing: its publish was interrupted or is in progress",
    )


def test_a_version_that_is_not_there_is_said_so(registry: ModelRegistry, publish: Publish, signer: KmsSigner) -> None:
    publish()
    with pytest.raises(VersionNotFound, match=r"flights/5 is not in the registry: it has 4\."):
        verify(registry, signer, "5")


def test_a_key_that_did_not_count_when_the_version_was_created_is_refused(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner
) -> None:
    created = publish().created
    assert verify(registry, signer, valid_from=created).faults == ()
    (expired,) = verify(registry, signer, valid_until=created).faults
    (future,) = verify(registry, signer, valid_from=datetime(2027, 1, 1, tzinfo=UTC)).faults
    assert f"the key {signer.public_key.label} that signed it counts only until 2026-01-02 03:04 UTC" in expired
    assert "counts only from 2027-01-01 00:00 UTC, and the version was created at 2026-01-02 03:04 UTC" in future


def test_a_check_before_a_deployment_reads_no_artifact_again(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client
) -> None:
    publish()
    verified = registry.verify("4").manifest
    read: list[str] = []
    events: Any = s3.meta.events
    events.register("before-call.s3.GetObject", lambda params, **_: read.append(params["url_path"]))
    keys = [PinnedKey(signer.public_key)]
    assert verify_version(registry, "4", keys, trust_checksums(registry, "4", verified)).faults == ()
    assert {path.rpartition("/")[2] for path in read} == {"model.sig", "manifest.json"}
    put(s3, "4/card.md", b"# another")
    (fault,) = verify_version(registry, "4", keys, trust_checksums(registry, "4", verified)).faults
    assert fault.startswith("card.md was changed")


class Zeros:
    """The body of a large object."""

    def __init__(self, size: int) -> None:
        self._left = size

    def __enter__(self) -> Zeros:
        return self

    def __exit__(self, *_: object) -> None:
        self._left = 0

    def read(self, size: int) -> bytes:
        block = bytes(min(size, self._left))
        self._left -= len(block)
        return block


def test_a_large_artifact_is_hashed_as_a_stream() -> None:
    size = 256 * MIB
    s3: Any = SimpleNamespace(get_object=lambda **_: {"ContentLength": size, "Body": Zeros(size)})
    tracemalloc.start()
    try:
        digest = read_every_byte(ModelRegistry(s3, BUCKET, "flights"), "4")("model.tar.gz", "")
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    assert digest == "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484"


def interrupt(s3: S3Client, file: str) -> None:
    """Breaks the connection at the next write of a file."""
    left = [1]

    def cut(params: dict[str, Any], **_: Any) -> None:
        if left[0] and params["url_path"].endswith(file):
            left[0] -= 1
            raise ConnectionClosedError(endpoint_url="https://s3")

    events: Any = s3.meta.events
    events.register("before-call.s3.PutObject", cut)


@pytest.mark.parametrize("file", ["model.tar.gz", "card.md", "model.sig", "manifest.json"])
def test_a_publish_that_was_interrupted_anywhere_is_completed_later(
    registry: ModelRegistry, publish: Publish, signer: KmsSigner, s3: S3Client, file: str
) -> None:
    interrupt(s3, file)
    with pytest.raises(RegistryError, match="run the same command again"):
        publish(created=datetime(2026, 1, 1, tzinfo=UTC))
    assert registry.list_versions() == ()
    completed = publish(created=datetime(2026, 1, 2, tzinfo=UTC))
    assert verify(registry, signer).faults == ()
    assert completed.created.day == (1 if file == "manifest.json" else 2)
    with pytest.raises(VersionExists):
        publish()


def test_an_interrupted_publish_is_not_completed_with_another_lineage_or_key(
    registry: ModelRegistry, publish: Publish, kms: KMSClient, s3: S3Client
) -> None:
    interrupt(s3, "manifest.json")
    with pytest.raises(RegistryError):
        publish()
    for signer in (KmsSigner.open(kms, create_key(kms)), None):
        with pytest.raises(PartialUploadConflict, match=r"holds a signature .* or publish under another version"):
            publish(signer=signer)
    with pytest.raises(PartialUploadConflict, match="of other files"):
        publish(image="example.com/triton@sha256:" + "cd" * 32)
    assert registry.list_versions() == ()


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_keys_of_three_specs_sign(kms: KMSClient, spec: str) -> None:
    signer = KmsSigner.open(kms, create_key(kms, spec))
    assert signer.is_own(signer.sign("flights/4", {}), "flights/4", {})
    assert not signer.is_own(signer.sign("flights/4", {}), "flights/5", {})


def test_a_key_that_does_not_sign_is_refused_before_anything_is_sent(kms: KMSClient) -> None:
    for arn in (create_key(kms, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), create_key(kms, "RSA_2048")):
        with pytest.raises(SigningFailed, match=r"does not sign models: name a key with the usage SIGN_VERIFY"):
            KmsSigner.open(kms, arn)
    missing = f"{create_key(kms)[:-4]}0000"
    with pytest.raises(SigningFailed, match=r"it does not exist; run `pulumi up`"):
        KmsSigner.open(kms, missing)


def test_a_key_that_cannot_be_used_says_how_it_can_be_again(kms: KMSClient, signer: KmsSigner) -> None:
    kms.disable_key(KeyId=signer.key_id.rpartition("/")[2])
    with pytest.raises(SigningFailed, match=r"could not sign with the key .* .`aws kms enable-key`"):
        signer.sign("flights/4", {})
    kms.schedule_key_deletion(KeyId=signer.key_id.rpartition("/")[2])
    with pytest.raises(SigningFailed, match=r"could not read the public key of .* .`aws kms cancel-key-deletion`"):
        KmsSigner.open(kms, signer.key_id)


def test_kms_refuses_what_does_not_fit_as_aws_does(kms: KMSClient) -> None:
    key, digest = create_key(kms), bytes(32)
    for message, algorithm, code, text in (
        (bytes(48), "ECDSA_SHA_256", "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256."),
        (digest, "ECDSA_SHA_384", "InvalidKeyUsageException", "Algorithm ECDSA_SHA_384 is incompatible with key spec"),
    ):
        algorithm_name: Any = algorithm
        with pytest.raises(ClientError, match=text) as refused:
            kms.sign(KeyId=key, Message=message, MessageType="DIGEST", SigningAlgorithm=algorithm_name)
        assert refused.value.response["Error"]["Code"] == code
    other = create_key(kms, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    with pytest.raises(ClientError, match="key usage is ENCRYPT_DECRYPT which is not valid for Sign"):
        kms.sign(KeyId=other, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")


def test_kms_signs_a_digest_without_hashing_it_again(kms: KMSClient) -> None:
    key = create_key(kms)
    public = parse_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    for kind, message in (("DIGEST", public.compute_digest(b"text")), ("RAW", b"text")):
        message_type: Any = kind
        answer = kms.sign(KeyId=key, Message=message, MessageType=message_type, SigningAlgorithm="ECDSA_SHA_256")
        assert public.verifies(answer["Signature"], b"text")
        assert kms.verify(
            KeyId=key, Message=message, MessageType=message_type, Signature=answer["Signature"],
            SigningAlgorithm="ECDSA_SHA_256",
        )["SignatureValid"]  # fmt: skip
    with pytest.raises(ClientError, match="KMSInvalidSignatureException"):
        kms.verify(
            KeyId=key, Message=b"other", MessageType="RAW", Signature=answer["Signature"],
            SigningAlgorithm="ECDSA_SHA_256",
        )  # fmt: skip


def test_the_bundle_in_the_registry_is_json_that_others_read(publish: Publish, s3: S3Client) -> None:
    publish()
    envelope = json.loads(get(s3, "4/model.sig"))["dsseEnvelope"]
    payload = json.loads(base64.b64decode(envelope["payload"]))
    assert [resource["name"] for resource in payload["predicate"]["resources"]] == list(FILES)
