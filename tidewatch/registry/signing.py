"""Puts a version's signature beside its files, before the manifest that makes the version visible.

The signature covers the manifest too, whose bytes are known before it is written. What signs is passed in: the registry
knows no keys and no format, since functions that read versions load neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from tidewatch.registry.errors import PartialUploadConflict
from tidewatch.registry.manifest import MANIFEST, Manifest, encode_manifest
from tidewatch.registry.s3_objects import ObjectLocation, read_metadata, read_small_object
from tidewatch.registry.upload import ObjectExists, put_bytes

_CREATED = "created"
"""The metadata of a signature's object that holds when the version was created.

A publish that was interrupted between the signature and the manifest is completed with it: another moment would be
another manifest, which the signature does not cover.
"""


class Signer(Protocol):
    """Signs the files of a version, and recognizes its own signatures."""

    def sign(self, subject: str, digests: Mapping[str, str]) -> bytes:
        """Returns the content of model.sig for the version `subject` with these files."""
        ...

    def is_own(self, signature: bytes, subject: str, digests: Mapping[str, str]) -> bool:
        """Whether it made this signature, of this version with these files."""
        ...


def compute_digests(manifest: Manifest) -> dict[str, str]:
    """Returns the sha256 of every file of a version, the manifest's included."""
    own = hashlib.sha256(encode_manifest(manifest)).hexdigest()
    return {**{name: stored.sha256 for name, stored in manifest.files.items()}, MANIFEST: own}


def sign_version(location: ObjectLocation, manifest: Manifest, signer: Signer) -> Manifest:
    """Writes the signature of a version, and returns the manifest that it covers.

    That is `manifest`, or the same with the moment of an earlier publish that was interrupted. Raises
    PartialUploadConflict if a signature of anything else is there.
    """
    if read_metadata(location) is None:
        content = signer.sign(_name(manifest), compute_digests(manifest))
        try:
            put_bytes(location, content, "application/json", {_CREATED: manifest.created.isoformat()})
        except ObjectExists:
            pass
        else:
            return manifest
    return _adopt_existing(location, manifest, signer)


def require_unsigned(location: ObjectLocation, label: str) -> None:
    """Raises PartialUploadConflict if a version that is published without a signature has one already."""
    if read_metadata(location) is not None:
        raise PartialUploadConflict(
            f"{location.url} holds a signature and {label} has no manifest: a publish that signs was interrupted. "
            "Publish the same files with the same signing key to complete it, or publish under another version"
        )


def _adopt_existing(location: ObjectLocation, manifest: Manifest, signer: Signer) -> Manifest:
    answer = location.s3.head_object(Bucket=location.bucket, Key=location.key)
    signature = read_small_object(location)
    try:
        created = datetime.fromisoformat(answer["Metadata"].get(_CREATED, ""))
    except ValueError:
        created = manifest.created
    if created.tzinfo is not None:
        resumed = msgspec.structs.replace(manifest, created=created)
        if signer.is_own(signature, _name(resumed), compute_digests(resumed)):
            return resumed
    raise PartialUploadConflict(
        f"{location.url} holds a signature of other files, and no manifest: a publish of {_name(manifest)} was "
        "interrupted or is in progress. Publish the same files with the same lineage and signing key to complete it, "
        "or publish under another version"
    )


def _name(manifest: Manifest) -> str:
    return f"{manifest.name}/{manifest.version}"
