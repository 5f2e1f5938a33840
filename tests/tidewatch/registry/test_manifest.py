from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewatch.registry import (
    ARTIFACT,
    FeatureSpec,
    InvalidManifest,
    InvalidVersion,
    Lineage,
    Manifest,
    ModelDescription,
    NewerSchema,
    StoredFile,
    TrainingData,
    compare_manifests,
    manifest_to_json,
    parse_description,
)
from tidewatch.registry.manifest import (
    decode_manifest,
    encode_manifest,
    require_pinned_image,
    require_valid_name,
    require_valid_version,
)

IMAGE = "example.com/triton@sha256:" + "ab" * 32
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), text
)
features = st.builds(
    FeatureSpec,
    name=text,
    kind=st.sampled_from(["numeric", "categorical"]),
    definition=text,
    categories=st.lists(text, max_size=3).map(tuple),
    used=st.booleans(),
)
lineages = st.builds(
    Lineage,
    commit=text,
    data=st.builds(TrainingData, reference=text, digest=text),
    preprocessing=text,
    features=st.lists(features, min_size=1, max_size=4).map(tuple),
    hyperparameters=st.dictionaries(text, scalars, max_size=4),
    seeds=st.dictionaries(text, st.integers(0, 2**63 - 1), max_size=2),
    environment=st.dictionaries(text, text, max_size=3),
    training_run=text,
)
stored = st.builds(
    StoredFile,
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    size=st.integers(0, 2**45),
    checksum=st.none() | text,
    etag=st.none() | text,
    version_id=st.none() | text,
)
manifests = st.builds(
    Manifest,
    name=st.just("flights"),
    version=st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}", fullmatch=True).filter(lambda v: v.lower() != "latest"),
    files=st.dictionaries(text, stored, max_size=2).flatmap(
        lambda others: stored.map(lambda artifact: {**others, ARTIFACT: artifact})
    ),
    image=st.just(IMAGE),
    framework=text,
    lineage=lineages,
    metrics=st.dictionaries(text, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    owner=text,
    created=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)


def a_manifest(**changes: object) -> Manifest:
    plain = Manifest(
        name="flights",
        version="1",
        files={ARTIFACT: StoredFile(sha256="0" * 64, size=1)},
        image=IMAGE,
        framework="lightgbm",
        lineage=Lineage(
            commit="abc",
            data=TrainingData(reference="here", digest="sha256:1"),
            preprocessing="none",
            features=(
                FeatureSpec(name="hour", kind="numeric", definition="hour"),
                FeatureSpec(name="visib", kind="numeric", definition="visibility", used=False),
            ),
            hyperparameters={"leaves": 31},
            seeds={"lightgbm": 1},
            environment={"python": "3.11"},
            training_run="run",
        ),
        metrics={"auc": 0.66},
        owner="a@example.com",
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return msgspec.structs.replace(plain, **changes)


@given(manifests)
def test_a_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    raw = encode_manifest(manifest)
    assert decode_manifest(raw, "it") == manifest
    assert encode_manifest(decode_manifest(raw, "it")) == raw


@given(manifests)
def test_a_manifest_does_not_differ_from_itself(manifest: Manifest) -> None:
    assert compare_manifests(manifest, decode_manifest(encode_manifest(manifest), "it")) == ()


@given(manifests, manifests)
def test_differences_read_backwards_from_the_other_side(a: Manifest, b: Manifest) -> None:
    forth, back = compare_manifests(a, b), compare_manifests(b, a)
    assert [(each.path, each.before, each.after) for each in forth] == [
        (each.path, each.after, each.before) for each in back
    ]


def test_differences_name_the_fields_that_changed() -> None:
    a = a_manifest()
    used = tuple(msgspec.structs.replace(feature, used=True) for feature in a.lineage.features)
    b = a_manifest(version="2", metrics={"auc": 0.67}, lineage=msgspec.structs.replace(a.lineage, features=used))
    assert {each.path: (each.before, each.after) for each in compare_manifests(a, b)} == {
        "lineage.features.visib.used": (False, True),
        "metrics.auc": (0.66, 0.67),
        "version": ("1", "2"),
    }


def test_a_manifest_of_a_newer_schema_asks_for_an_upgrade() -> None:
    newer = json.dumps({"schema": 2, "what": "nobody knows yet"}).encode()
    with pytest.raises(NewerSchema, match=r"has schema 2, but this tidewatch reads up to 1: upgrade tidewatch"):
        decode_manifest(newer, "s3://b/models/flights/1/manifest.json")


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b"\xff\xfe", b"{}", b'{"schema": "1"}', b'{"schema": 0}', b'{"schema": 1, "name": "flights"}'],
)
def test_what_is_no_manifest_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(InvalidManifest, match=r"^here is not a manifest"):
        decode_manifest(raw, "here")


def test_a_field_that_the_schema_does_not_know_is_refused() -> None:
    raw = json.dumps({**manifest_to_json(a_manifest()), "stage": "prod"}).encode()
    with pytest.raises(InvalidManifest, match="stage"):
        decode_manifest(raw, "here")


def test_a_manifest_without_an_artifact_is_refused() -> None:
    with pytest.raises(InvalidManifest, match=r"names no model\.tar\.gz"):
        decode_manifest(encode_manifest(a_manifest(files={})), "here")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_json_cannot_hold_is_refused_when_written(value: float) -> None:
    with pytest.raises(InvalidManifest):
        encode_manifest(a_manifest(metrics={"auc": value}))


def test_a_manifest_keeps_the_instant_whatever_the_offset() -> None:
    east = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    assert decode_manifest(encode_manifest(a_manifest(created=east)), "it").created == east


@pytest.mark.parametrize("version", ["1", "2024-06-01", "v1.2.3_a", "0", "A" * 32])
def test_a_version_may_be(version: str) -> None:
    assert require_valid_version(version) == version


@pytest.mark.parametrize("version", ["", "latest", "Latest", "-1", ".1", "a/b", "A" * 33, "1 ", "1\n", "é"])
def test_a_version_may_not_be(version: str) -> None:
    with pytest.raises(InvalidVersion):
        require_valid_version(version)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a/b", "a" * 64, f"a{'-' * 62}a", "../x"])
def test_a_name_may_not_be(name: str) -> None:
    with pytest.raises(InvalidVersion):
        require_valid_name(name)


@pytest.mark.parametrize("image", ["triton:24.05", "triton@sha256:abc", "triton", "@sha256:" + "a" * 64])
def test_an_image_that_is_not_pinned_is_refused(image: str) -> None:
    with pytest.raises(InvalidManifest, match="REPOSITORY@sha256:DIGEST"):
        require_pinned_image(image)


def test_a_description_names_the_path_of_a_mistake() -> None:
    plain = manifest_to_json(a_manifest())
    given_ = {key: plain[key] for key in ("framework", "owner", "metrics", "lineage")}
    assert isinstance(parse_description(given_, "lineage.yaml"), ModelDescription)
    given_["lineage"]["data"].pop("digest")
    with pytest.raises(InvalidManifest, match=r"lineage\.yaml does not describe a model.*`digest`.*`lineage\.data`"):
        parse_description(given_, "lineage.yaml")


@pytest.mark.parametrize("value", [None, [], "text", {}])
def test_a_description_must_be_a_whole_one(value: object) -> None:
    with pytest.raises(InvalidManifest, match=r"lineage\.yaml does not describe a model"):
        parse_description(value, "lineage.yaml")
