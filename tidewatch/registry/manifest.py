"""The manifest: what a model version consists of and where it came from. Written last, read first, never changed."""

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
SIGNATURE = "model.sig"

Scalar: TypeAlias = str | int | float | bool | None
NonEmptyText = Annotated[str, msgspec.Meta(min_length=1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
ImageUri = Annotated[str, msgspec.Meta(pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


class StoredFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a version as it was published."""

    sha256: Sha256
    """Over the whole content."""
    size: Annotated[int, msgspec.Meta(ge=0)]
    """In bytes."""
    checksum: str | None = None
    """S3's checksum. For an upload in parts it is over the parts' checksums and ends in `-N`."""
    etag: str | None = None
    """The object's ETag."""
    version_id: str | None = None
    """The object's version."""


class TrainingData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The training data: its location, and a digest that shows whether it is still the same."""

    reference: NonEmptyText
    digest: NonEmptyText


class FeatureSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of the request tensor, in its order."""

    name: NonEmptyText
    kind: Literal["numeric", "categorical"]
    definition: NonEmptyText
    categories: tuple[str, ...] = ()
    """A categorical column is sent as its index in these."""
    used: bool = True


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything needed to train the same model again."""

    commit: NonEmptyText
    data: TrainingData
    preprocessing: NonEmptyText
    features: Annotated[tuple[FeatureSpec, ...], msgspec.Meta(min_length=1)]
    hyperparameters: dict[str, Scalar]
    seeds: dict[str, int]
    environment: dict[str, str]
    training_run: NonEmptyText


class Contacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who was responsible for the version when it was published. The stack's config has who is today."""

    oncall: str = ""
    escalation: str = ""
    approvers: tuple[str, ...] = ()


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of the manifest that a publisher provides, from a training run."""

    framework: NonEmptyText
    owner: NonEmptyText
    lineage: Lineage
    metrics: dict[str, float]
    """By name, of the validation set."""
    image: ImageUri | None = None
    """The container that serves it, pinned by its digest."""
    contacts: Contacts = Contacts()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one model."""

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
    """Returns the version. Raises InvalidVersion if it is not valid."""
    if is_mutable_version(version):
        raise InvalidVersion(
            '"latest" is not a version: it would change the served model without an edit; name a version'
        )
    if not is_valid_version(version):
        raise InvalidVersion(
            f"{version!r} is not a version: use 1 to 32 letters, digits, dots, dashes or underscores, "
            "a letter or a digit first"
        )
    return version


def require_valid_name(name: str) -> str:
    """Returns the model's name. Raises InvalidVersion if SageMaker would not accept it for an endpoint."""
    if not is_valid_model_name(name):
        raise InvalidVersion(
            f"{name!r} is not a valid model name: use up to 63 letters, digits and inner single dashes"
        )
    return name


def require_pinned_image(image: str) -> str:
    """Returns the image's URI. Raises InvalidManifest if it is not pinned by a digest."""
    if not _IMAGE.fullmatch(image):
        raise InvalidManifest(
            f"the image {image!r} is not pinned: write REPOSITORY@sha256:DIGEST, since a tag may move to other content"
        )
    return image


def encode_manifest(manifest: Manifest) -> bytes:
    """Encodes a manifest as readable JSON with sorted keys. Equal manifests give equal bytes.

    Raises InvalidManifest if the result could not be read again, for example a metric that is no number.
    """
    raw = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
    _parse_manifest(raw, f"the manifest of {manifest.name}/{manifest.version}")
    return raw


def decode_manifest(raw: bytes, source: str) -> Manifest:
    """Decodes a manifest; `source` names it in messages.

    Raises NewerSchema if a later tidewatch wrote it, and InvalidManifest for anything that is not a manifest.
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
                f"{source} has schema {schema}, but this tidewatch reads up to {SCHEMA_VERSION}: upgrade tidewatch"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{source} is not a manifest of this registry: {_format_decode_error(error)}") from error


def parse_description(value: object, source: str) -> ModelDescription:
    """Returns a description from parsed JSON or YAML. Raises InvalidManifest with the path of the mistake."""
    try:
        return msgspec.convert(value, ModelDescription)
    except msgspec.ValidationError as error:
        raise InvalidManifest(f"{source} does not describe a model: {_format_decode_error(error)}") from error


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """Returns the manifest in JSON's types."""
    return msgspec.to_builtins(manifest)


def _format_decode_error(error: Exception) -> str:
    """Removes the `$` with which msgspec begins paths like `$.lineage.data`, because YAML has none."""
    return str(error).replace("`$.", "`")
