"""The manifest: what a model version is made of and where it came from. Written last, read first, never changed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from tidewatch.naming import is_mutable_version, is_valid_model_name, is_valid_version
from tidewatch.registry.errors import InvalidManifest, InvalidVersion, NewerSchema

SCHEMA_VERSION = 1
ARTIFACT = "model.tar.gz"
CARD = "card.md"
REFERENCE = "reference.json"
MANIFEST = "manifest.json"

Scalar: TypeAlias = str | int | float | bool | None
NonEmptyText = Annotated[str, msgspec.Meta(min_length=1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
ImageUri = Annotated[str, msgspec.Meta(pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


class StoredFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a version as it was published.

    `sha256` is over the whole content, `size` in bytes. The rest is what S3 answered: the checksum it keeps (of the
    parts' checksums when the upload had parts, then ending in `-N`), and the object's ETag and version.
    """

    sha256: Sha256
    size: Annotated[int, msgspec.Meta(ge=0)]
    checksum: str | None = None
    etag: str | None = None
    version_id: str | None = None


class TrainingData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The training data: where it is, and the digest that tells whether it still is the same."""

    reference: NonEmptyText
    digest: NonEmptyText


class FeatureSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of the request tensor, in its order. A categorical one is sent as its index in `categories`."""

    name: NonEmptyText
    kind: Literal["numeric", "categorical"]
    definition: NonEmptyText
    categories: tuple[str, ...] = ()
    used: bool = True


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is needed to train the same model again."""

    commit: NonEmptyText
    data: TrainingData
    preprocessing: NonEmptyText
    features: Annotated[tuple[FeatureSpec, ...], msgspec.Meta(min_length=1)]
    hyperparameters: dict[str, Scalar]
    seeds: dict[str, int]
    environment: dict[str, str]
    training_run: NonEmptyText


class Contacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answered for the version when it was published; who answers today stands in the stack's config."""

    oncall: str = ""
    escalation: str = ""
    approvers: tuple[str, ...] = ()


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a training run says of its model: the part of the manifest that a publisher brings along.

    `image` is the container that serves it, pinned by its digest; metrics are by name, of the validation set.
    """

    framework: NonEmptyText
    owner: NonEmptyText
    lineage: Lineage
    metrics: dict[str, float]
    image: ImageUri | None = None
    contacts: Contacts = Contacts()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one model, whole."""

    schema: Literal[1] = SCHEMA_VERSION
    name: NonEmptyText
    version: NonEmptyText
    files: dict[str, StoredFile]
    image: ImageUri
    framework: NonEmptyText
    lineage: Lineage
    metrics: dict[str, float]
    owner: NonEmptyText
    contacts: Contacts = Contacts()
    created: Instant

    @property
    def artifact(self) -> StoredFile:
        return self.files[ARTIFACT]

    @property
    def image_digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return self.image.partition("@")[2]


class _SchemaOnly(msgspec.Struct):
    schema: int


def require_valid_version(version: str) -> str:
    """The version itself; raises InvalidVersion where it cannot be one."""
    if is_mutable_version(version):
        raise InvalidVersion('"latest" is not a version: it would change what is served without an edit; name one')
    if not is_valid_version(version):
        raise InvalidVersion(
            f"{version!r} is not a version: use 1 to 32 letters, digits, dots, dashes or underscores, "
            "a letter or a digit first"
        )
    return version


def require_valid_name(name: str) -> str:
    """The model's name itself; raises InvalidVersion where SageMaker would not take it for an endpoint."""
    if not is_valid_model_name(name):
        raise InvalidVersion(f"{name!r} is not a model's name: use up to 63 letters, digits and single dashes within")
    return name


def require_pinned_image(image: str) -> str:
    """The image's URI itself; raises InvalidManifest where it is not pinned by a digest."""
    if not _IMAGE.fullmatch(image):
        raise InvalidManifest(
            f"the image {image!r} is not pinned: write REPOSITORY@sha256:DIGEST, since a tag may move to other content"
        )
    return image


def encode_manifest(manifest: Manifest) -> bytes:
    """Readable JSON with sorted keys: equal manifests are equal bytes.

    Raises InvalidManifest where the result could not be read again (a metric that is not a number, say).
    """
    raw = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
    _parse_manifest(raw, f"the manifest of {manifest.name}/{manifest.version}")
    return raw


def decode_manifest(raw: bytes, source: str) -> Manifest:
    """The manifest in `raw`; `source` names it in messages.

    Raises NewerSchema for a later tidewatch's, InvalidManifest for anything that is not a manifest.
    """
    manifest = _parse_manifest(raw, source)
    if ARTIFACT not in manifest.files:
        raise InvalidManifest(f"{source} names no {ARTIFACT}: publish the model under another version")
    return manifest


def _parse_manifest(raw: bytes, source: str) -> Manifest:
    try:
        schema = msgspec.json.decode(raw, type=_SchemaOnly).schema
        if schema > SCHEMA_VERSION:
            raise NewerSchema(
                f"{source} has schema {schema}, and this tidewatch reads up to {SCHEMA_VERSION}: upgrade tidewatch"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{source} is not a manifest of this registry: {_format_decode_error(error)}") from error


def parse_description(value: object, source: str) -> ModelDescription:
    """A description from parsed JSON or YAML. Raises InvalidManifest with the path of what is wrong."""
    try:
        return msgspec.convert(value, ModelDescription)
    except msgspec.ValidationError as error:
        raise InvalidManifest(f"{source} does not describe a model: {_format_decode_error(error)}") from error


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON's own types."""
    return msgspec.to_builtins(manifest)


def _format_decode_error(error: Exception) -> str:
    """msgspec writes paths as `$.lineage.data`; a reader of YAML knows no `$`."""
    return str(error).replace("`$.", "`")
