"""The manifest: what a model version is made of and where it came from. Written last, read first, never changed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from tidewatch.naming import is_name, is_version, moves
from tidewatch.registry.errors import InvalidManifest, InvalidVersion, NewerSchema

SCHEMA = 1
ARTIFACT = "model.tar.gz"
CARD = "card.md"
REFERENCE = "reference.json"
MANIFEST = "manifest.json"

Scalar: TypeAlias = str | int | float | bool | None
Text = Annotated[str, msgspec.Meta(min_length=1)]
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


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The training data: where it is, and the digest that tells whether it still is the same."""

    reference: Text
    digest: Text


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of the request tensor, in its order. A categorical one is sent as its index in `categories`."""

    name: Text
    kind: Literal["numeric", "categorical"]
    definition: Text
    categories: tuple[str, ...] = ()
    used: bool = True


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is needed to train the same model again."""

    commit: Text
    data: Data
    preprocessing: Text
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1)]
    hyperparameters: dict[str, Scalar]
    seeds: dict[str, int]
    environment: dict[str, str]
    training_run: Text


class Contacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answered for the version when it was published; who answers today stands in the stack's config."""

    oncall: str = ""
    escalation: str = ""
    approvers: tuple[str, ...] = ()


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a training run says of its model: the part of the manifest that a publisher brings along.

    `image` is the container that serves it, pinned by its digest; metrics are by name, of the validation set.
    """

    framework: Text
    owner: Text
    lineage: Lineage
    metrics: dict[str, float]
    image: ImageUri | None = None
    contacts: Contacts = Contacts()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one model, whole."""

    schema: Literal[1] = SCHEMA
    name: Text
    version: Text
    files: dict[str, StoredFile]
    image: ImageUri
    framework: Text
    lineage: Lineage
    metrics: dict[str, float]
    owner: Text
    contacts: Contacts = Contacts()
    created: Instant

    @property
    def artifact(self) -> StoredFile:
        return self.files[ARTIFACT]

    @property
    def image_digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return self.image.partition("@")[2]


class _Schema(msgspec.Struct):
    schema: int


def check_version(version: str) -> str:
    """The version itself; raises InvalidVersion where it cannot be one."""
    if moves(version):
        raise InvalidVersion('"latest" is not a version: it would change what is served without an edit; name one')
    if not is_version(version):
        raise InvalidVersion(
            f"{version!r} is not a version: use 1 to 32 letters, digits, dots, dashes or underscores, "
            "a letter or a digit first"
        )
    return version


def check_name(name: str) -> str:
    """The model's name itself; raises InvalidVersion where SageMaker would not take it for an endpoint."""
    if not is_name(name):
        raise InvalidVersion(f"{name!r} is not a model's name: use up to 63 letters, digits and single dashes within")
    return name


def check_image(image: str) -> str:
    """The image's URI itself; raises InvalidManifest where it is not pinned by a digest."""
    if not _IMAGE.fullmatch(image):
        raise InvalidManifest(
            f"the image {image!r} is not pinned: write REPOSITORY@sha256:DIGEST, since a tag may move to other content"
        )
    return image


def encode(manifest: Manifest) -> bytes:
    """Readable JSON with sorted keys: equal manifests are equal bytes.

    Raises InvalidManifest where the result could not be read again (a metric that is not a number, say).
    """
    raw = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
    _parse(raw, f"the manifest of {manifest.name}/{manifest.version}")
    return raw


def decode(raw: bytes, source: str) -> Manifest:
    """The manifest in `raw`; `source` names it in messages.

    Raises NewerSchema for a later tidewatch's, InvalidManifest for anything that is not a manifest.
    """
    manifest = _parse(raw, source)
    if ARTIFACT not in manifest.files:
        raise InvalidManifest(f"{source} names no {ARTIFACT}: publish the model under another version")
    return manifest


def _parse(raw: bytes, source: str) -> Manifest:
    try:
        schema = msgspec.json.decode(raw, type=_Schema).schema
        if schema > SCHEMA:
            raise NewerSchema(
                f"{source} has schema {schema}, and this tidewatch reads up to {SCHEMA}: upgrade tidewatch"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{source} is not a manifest of this registry: {_plain(error)}") from error


def describe(value: object, source: str) -> Description:
    """A description from parsed JSON or YAML. Raises InvalidManifest with the path of what is wrong."""
    try:
        return msgspec.convert(value, Description)
    except msgspec.ValidationError as error:
        raise InvalidManifest(f"{source} does not describe a model: {_plain(error)}") from error


def to_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON's own types."""
    return msgspec.to_builtins(manifest)


def _plain(error: Exception) -> str:
    """msgspec writes paths as `$.lineage.data`; a reader of YAML knows no `$`."""
    return str(error).replace("`$.", "`")
