from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from botocore.exceptions import ConnectionClosedError
from mypy_boto3_s3 import S3Client

from tidewatch.drift.reference import decode_reference
from tidewatch.drift.training.disclosure import render_card_section
from tidewatch.drift.training.reference_builder import build_reference
from tidewatch.registry import (
    DigestMismatch,
    InvalidArchive,
    InvalidManifest,
    InvalidVersion,
    ModelDescription,
    ModelRegistry,
    NewerSchema,
    PartialUploadConflict,
    RegistryError,
    UploadConflict,
    UploadInterrupted,
    VersionExists,
    VersionNotFound,
    upload,
)

BUCKET = "registry"
Pack = Callable[..., Path]
KEY = "models/flights/3/"
REFERENCE = build_reference({"x": np.arange(5.0)}).encode()
HELD = render_card_section(decode_reference(REFERENCE, "the reference"))
"""What every card says at its end that is published with the reference."""
MIB = 1 << 20


def answer(s3: S3Client, operation: str, status: int, code: str, times: int = 1) -> None:
    """Lets S3 refuse the next calls of an operation."""
    left = [times]

    def refuse(**_: Any) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        if not left[0]:
            return None
        left[0] -= 1
        parsed = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return SimpleNamespace(status_code=status), parsed

    events: Any = s3.meta.events
    events.register(f"before-call.s3.{operation}", refuse)


def cut(s3: S3Client, operation: str, *, key: str, after: bool = False, calls: int = 1) -> None:
    """Breaks the connection at the next calls on a key: before S3 gets them, or before its answer arrives."""
    left, asked = [calls], [False]

    def before(params: dict[str, Any], **_: Any) -> None:
        asked[0] = key in params["url_path"]
        if asked[0] and left[0] and not after:
            left[0] -= 1
            raise ConnectionClosedError(endpoint_url="https://s3")

    def drop_answer(**_: Any) -> None:
        if asked[0] and left[0] and after:
            left[0] -= 1
            raise ConnectionClosedError(endpoint_url="https://s3")

    s3.meta.events.register(f"before-call.s3.{operation}", before)
    s3.meta.events.register(f"after-call.s3.{operation}", drop_answer)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads in parts from 5 MiB, S3's smallest part."""
    monkeypatch.setattr(upload, "MAX_SINGLE_PUT", 5 * MIB)
    monkeypatch.setattr(upload, "MIN_PART_SIZE", 5 * MIB)


def large(path: Path, size: int = 11 * MIB) -> Path:
    """As many bytes more, which are nothing to who unpacks them: zeros behind the end of the tar, not packed."""
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(size), compresslevel=0, mtime=0))
    return path


@pytest.fixture
def in_parts(pack: Pack, small_parts: None) -> Path:  # noqa: ARG001
    return large(pack())


def no_parts_left(s3: S3Client) -> bool:
    return "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_published_version_is_found_with_all_that_it_was_published_with(
    registry: ModelRegistry, description: ModelDescription, pack: Pack, tmp_path: Path
) -> None:
    card, reference = tmp_path / "card.md", tmp_path / "reference.json"
    card.write_text("# flights/3\n")
    reference.write_bytes(REFERENCE)
    artifact = pack()
    published = registry.publish("3", artifact, description, card=card, reference=reference)
    assert registry.list_versions() == ("3",)
    found = registry.read_manifest("3")
    assert found == published
    assert found.artifact.sha256 == hashlib.sha256(artifact.read_bytes()).hexdigest()
    assert found.artifact.size == artifact.stat().st_size
    assert set(found.files) == {"model.tar.gz", "card.md", "reference.json"}
    assert (found.lineage, found.metrics, found.owner) == (
        description.lineage, description.metrics, description.owner
    )  # fmt: skip
    assert registry.read_file("3", "card.md").decode() == "# flights/3\n" + HELD


def test_a_version_is_resolved_for_deployment(
    registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    registry.publish("3", pack(), description)
    resolved = registry.verify("3")
    assert resolved.artifact_url == f"s3://{BUCKET}/{KEY}model.tar.gz"
    assert resolved.artifact == registry.read_manifest("3").artifact.sha256
    assert (resolved.version, resolved.image) == ("3", description.image)
    assert resolved.image.endswith(f"@{resolved.image_digest}")


def test_the_image_given_at_publishing_wins_over_the_description(
    registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    other = "example.com/other@sha256:" + "ef" * 32
    assert registry.publish("3", pack(), description, image=other).image == other


def test_versions_come_in_the_order_of_their_numbers(
    registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    for version in ("10", "2", "1.10", "1.9", "beta"):
        registry.publish(version, pack(), description)
    assert registry.list_versions() == ("1.9", "1.10", "2", "10", "beta")


def test_models_of_similar_names_do_not_mix(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    other = ModelRegistry(s3, BUCKET, "flights-2")
    other.publish("1", pack({"flights-2/config.pbtxt": b"", "flights-2/1/model.txt": b"tree"}), description)
    assert registry.list_versions() == ()
    assert other.list_versions() == ("1",)


def test_a_version_is_published_once_only(registry: ModelRegistry, description: ModelDescription, pack: Pack) -> None:
    first = registry.publish("3", pack(), description)
    with pytest.raises(
        VersionExists, match=r"flights/3 already exists: ml-platform@example\.com published it at 2026-01-02"
    ):
        registry.publish("3", pack(model=b"tree 2"), description)
    assert registry.read_manifest("3") == first


def test_a_missing_version_is_named_with_those_there_are(
    registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    with pytest.raises(VersionNotFound, match="it has no version of flights yet"):
        registry.read_manifest("3")
    registry.publish("2", pack(), description)
    with pytest.raises(VersionNotFound, match="flights/3 is not in the registry: it has 2"):
        registry.verify("3")


def test_latest_is_no_version(registry: ModelRegistry, description: ModelDescription, pack: Pack) -> None:
    for ask in (registry.read_manifest, registry.verify, lambda v: registry.publish(v, pack(), description)):
        with pytest.raises(InvalidVersion, match='"latest" is not a version'):
            ask("latest")


def test_a_missing_bucket_is_a_sentence(s3: S3Client) -> None:
    with pytest.raises(RegistryError, match="the bucket nowhere does not exist; deploy the stack first"):
        ModelRegistry(s3, "nowhere", "flights").read_manifest("1")


def test_an_image_must_be_given_somewhere(registry: ModelRegistry, description: ModelDescription, pack: Pack) -> None:
    with pytest.raises(InvalidManifest, match="no container image is named"):
        registry.publish("3", pack(), msgspec.structs.replace(description, image=None))


def test_nothing_is_sent_of_what_no_manifest_can_hold(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    with pytest.raises(InvalidManifest):
        registry.publish("3", pack(), msgspec.structs.replace(description, metrics={"auc": float("nan")}))
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_manifest_of_a_newer_schema_asks_for_an_upgrade(s3: S3Client, registry: ModelRegistry) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}manifest.json", Body=json.dumps({"schema": 7}).encode())
    with pytest.raises(NewerSchema, match="upgrade tidewatch"):
        registry.verify("3")


def test_a_manifest_copied_to_another_version_is_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    registry.publish("2", pack(), description)
    raw = s3.get_object(Bucket=BUCKET, Key="models/flights/2/manifest.json")["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}manifest.json", Body=raw)
    with pytest.raises(InvalidManifest, match="is the manifest of flights/2"):
        registry.read_manifest("3")


@pytest.mark.parametrize("size", [0, 7 * MIB])
def test_an_artifact_that_changed_after_publishing_is_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack, small_parts: None, size: int  # noqa: ARG001
) -> None:  # fmt: skip
    registry.publish("3", large(pack(), size), description)
    registry.verify("3")
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}model.tar.gz", Body=b"other", ChecksumAlgorithm="SHA256")
    with pytest.raises(DigestMismatch, match=r"model\.tar\.gz of flights/3 changed after it was published"):
        registry.verify("3")


def test_an_artifact_without_a_checksum_is_read_back(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    artifact = pack()
    registry.publish("3", artifact, description)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}model.tar.gz", Body=artifact.read_bytes())
    assert registry.verify("3").version == "3"
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}model.tar.gz", Body=b"other")
    with pytest.raises(DigestMismatch):
        registry.verify("3")


def test_an_artifact_that_is_gone_is_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    registry.publish("3", pack(), description)
    s3.delete_object(Bucket=BUCKET, Key=f"{KEY}model.tar.gz")
    with pytest.raises(DigestMismatch, match="is gone"):
        registry.verify("3")


def test_a_large_artifact_is_verified_without_reading_it_back(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, in_parts: Path
) -> None:
    registry.publish("3", in_parts, description)
    read: list[str] = []
    s3.meta.events.register("before-call.s3.GetObject", lambda params, **_: read.append(params["url_path"]))
    registry.verify("3")
    assert [path for path in read if path.endswith("model.tar.gz")] == []


def test_a_card_that_changed_is_not_read(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack, tmp_path: Path
) -> None:
    card = tmp_path / "card.md"
    card.write_text("as reviewed")
    registry.publish("3", pack(), description, card=card)
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}card.md", Body=b"as wished")
    with pytest.raises(DigestMismatch):
        registry.read_file("3", "card.md")


@pytest.mark.parametrize("stop_at", ["model.tar.gz", "card.md", "reference.json", "manifest.json"])
@pytest.mark.parametrize("after", [False, True])
def test_a_publish_cut_off_anywhere_shows_no_half_version_and_the_next_one_completes_it(
    s3: S3Client,
    registry: ModelRegistry,
    description: ModelDescription,
    pack: Pack,
    tmp_path: Path,
    stop_at: str,
    after: bool,
) -> None:
    card, reference = tmp_path / "card.md", tmp_path / "reference.json"
    card.write_text("card")
    reference.write_bytes(REFERENCE)

    artifact = pack()
    cut(s3, "PutObject", key=f"{KEY}{stop_at}", after=after)
    with pytest.raises(UploadInterrupted, match="run the same command again to complete it"):
        registry.publish("3", artifact, description, card=card, reference=reference)
    written = stop_at == "manifest.json" and after
    assert registry.list_versions() == (("3",) if written else ())
    if written:
        registry.verify("3")
        return
    registry.publish("3", artifact, description, card=card, reference=reference)
    assert registry.list_versions() == ("3",)
    assert registry.list_unfinished_versions() == ()
    assert registry.read_file("3", "card.md").decode() == "card" + HELD
    registry.verify("3")


def test_other_bytes_than_those_a_cut_off_publish_left_are_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    cut(s3, "PutObject", key="manifest.json")
    with pytest.raises(UploadInterrupted):
        registry.publish("3", pack(), description)
    assert registry.list_unfinished_versions() == ("3",)
    with pytest.raises(PartialUploadConflict, match="Publish the same file again to complete it, or publish this file"):
        registry.publish("3", pack(model=b"tree 2"), description)
    assert registry.list_versions() == ()
    with pytest.raises(VersionNotFound, match="publishing 3 was interrupted"):
        registry.read_manifest("3")


def test_of_two_publishers_at_once_one_wins_and_the_other_is_told(
    registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    artifacts = [pack(name=f"{n}.tar.gz", model=b"tree %d" % n) for n in range(2)]
    start = threading.Barrier(2)

    def publish(artifact: Path) -> object:
        start.wait()
        try:
            return registry.publish("3", artifact, description)
        except (VersionExists, PartialUploadConflict) as told:
            return told

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(publish, artifacts))
    winners = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert winners == [registry.read_manifest("3")]
    registry.verify("3")


def test_the_second_of_two_that_wrote_the_same_artifact_is_told_by_the_manifest(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    artifact = pack()
    other = msgspec.structs.replace(description, owner="somebody-else@example.com")

    def overtake(params: dict[str, Any], **_: Any) -> None:
        if "manifest.json" in params["url_path"] and not overtaken:
            overtaken.append(True)
            registry.publish("3", artifact, other)

    overtaken: list[bool] = []
    s3.meta.events.register("before-call.s3.PutObject", overtake)
    with pytest.raises(VersionExists, match=r"somebody-else@example\.com published it"):
        registry.publish("3", artifact, description)
    assert registry.read_manifest("3").owner == other.owner


@pytest.mark.parametrize("times", [1, 4])
def test_a_conflict_on_a_put_is_tried_again(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack, standing_clock: Any, times: int
) -> None:
    answer(s3, "PutObject", 409, "ConditionalRequestConflict", times)
    registry.publish("3", pack(), description)
    assert standing_clock.slept == [0.2 * 2**attempt for attempt in range(times)]
    registry.verify("3")


def test_conflicts_without_end_are_told(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    answer(s3, "PutObject", 409, "ConditionalRequestConflict", 100)
    with pytest.raises(UploadConflict, match="find out who else publishes this version"):
        registry.publish("3", pack(), description)
    assert registry.list_versions() == ()


def test_a_refused_write_is_a_sentence(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    answer(s3, "PutObject", 403, "AccessDenied")
    with pytest.raises(RegistryError, match="could not publish flights/3: S3 denies it in the bucket registry"):
        registry.publish("3", pack(), description)


def test_bytes_damaged_on_the_way_are_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack
) -> None:
    answer(s3, "PutObject", 400, "BadDigest")
    with pytest.raises(DigestMismatch, match="publish it again"):
        registry.publish("3", pack(), description)


def test_a_large_artifact_goes_up_in_parts_and_is_read_back(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, in_parts: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    published = registry.publish("3", in_parts, description, progress=lambda *told: seen.append(told))
    assert published.artifact.sha256 == hashlib.sha256(in_parts.read_bytes()).hexdigest()
    stored = s3.get_object(Bucket=BUCKET, Key=f"{KEY}model.tar.gz")["Body"].read()
    assert stored == in_parts.read_bytes()
    assert published.artifact.checksum is not None
    size = in_parts.stat().st_size
    assert [done for stage, done, _ in seen if stage == "upload"] == [5 * MIB, 10 * MIB, size]
    assert [told for told in seen if told[0] == "verify"][-1] == ("verify", size, size)
    assert registry.verify("3").artifact == published.artifact.sha256
    assert no_parts_left(s3)


def test_a_conflict_on_completing_restarts_the_multipart_upload(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, in_parts: Path
) -> None:
    begun: list[object] = []
    s3.meta.events.register("before-call.s3.CreateMultipartUpload", lambda **_: begun.append(1))
    answer(s3, "CompleteMultipartUpload", 409, "ConditionalRequestConflict", 2)
    registry.publish("3", in_parts, description)
    assert len(begun) == 3
    assert no_parts_left(s3)
    registry.verify("3")


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
@pytest.mark.parametrize("after", [False, True])
def test_a_multipart_upload_cut_off_leaves_no_parts_and_the_next_publish_completes(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, in_parts: Path, operation: str, after: bool
) -> None:
    cut(s3, operation, key="model.tar.gz", after=after)
    with pytest.raises(UploadInterrupted):
        registry.publish("3", in_parts, description)
    assert registry.list_versions() == ()
    assert no_parts_left(s3)
    published = registry.publish("3", in_parts, description)
    assert registry.verify("3").manifest == published


def test_a_large_artifact_overtaken_by_another_is_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, in_parts: Path
) -> None:
    def overtake(**_: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key=f"{KEY}model.tar.gz", Body=b"another model")

    s3.meta.events.register("before-call.s3.CompleteMultipartUpload", overtake)
    with pytest.raises(PartialUploadConflict):
        registry.publish("3", in_parts, description)
    assert no_parts_left(s3)


def test_a_large_artifact_whose_stored_bytes_differ_is_refused(
    registry: ModelRegistry, description: ModelDescription, in_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "hash_object", lambda *_: ("0" * 64, 1))
    with pytest.raises(DigestMismatch, match="holds different bytes"):
        registry.publish("3", in_parts, description)
    assert registry.list_versions() == ()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"config.pbtxt": b"", "1/model.txt": b""}, "config.pbtxt at its root"),
        ({"flights/1/model.txt": b""}, "lacks flights/config.pbtxt"),
        ({"flights/config.pbtxt": b""}, "lacks flights/1/model.txt"),
        ({"other/config.pbtxt": b"", "other/1/model.txt": b""}, "lacks flights/config.pbtxt and flights/1/model.txt"),
        ({"flights/config.pbtxt": b'name: "x"', "flights/1/model.txt": b""}, 'has name: "x"'),
        ({"../evil": b""}, "lies outside"),
        ({}, "it holds nothing"),
    ],
)
def test_an_archive_that_triton_could_not_load_is_refused(
    s3: S3Client, registry: ModelRegistry, description: ModelDescription, pack: Pack, files: dict[str, bytes], says: str
) -> None:
    with pytest.raises(InvalidArchive, match=says):
        registry.publish("3", pack(files), description)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_another_framework_has_no_layout_but_must_be_an_archive(
    registry: ModelRegistry, description: ModelDescription, pack: Pack, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(description, framework="pytorch")
    registry.publish("3", pack({"weights.pt": b"x"}), other)
    plain = tmp_path / "plain.tar.gz"
    for content in (b"", b"not an archive", pack().read_bytes()[:50]):
        plain.write_bytes(content)
        with pytest.raises(InvalidArchive):
            registry.publish("4", plain, other)


@pytest.mark.parametrize("missing", ["artifact", "card", "reference"])
def test_a_file_that_is_not_there_is_named(
    registry: ModelRegistry, description: ModelDescription, pack: Pack, tmp_path: Path, missing: str
) -> None:
    nothing = tmp_path / "nothing"
    files = {"artifact": pack(), "card": None, "reference": None, missing: nothing}
    with pytest.raises(InvalidArchive, match=r"there is no file .*nothing"):
        registry.publish(
            "3", files["artifact"] or nothing, description, card=files["card"], reference=files["reference"]
        )
