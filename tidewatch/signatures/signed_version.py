"""Verifies the signature of a version in a registry: all files that are there, against what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tidewatch.registry import ARTIFACT, MANIFEST, SIGNATURE, Manifest, ModelRegistry, RegistryError
from tidewatch.registry.manifest import decode_manifest
from tidewatch.registry.s3_objects import (
    Progress,
    compute_content_sha256,
    hash_object,
    ignore_progress,
    read_metadata,
    read_small_object,
    translate_s3_errors,
)
from tidewatch.signatures.errors import InvalidBundle
from tidewatch.signatures.public_keys import PinnedKey
from tidewatch.signatures.verification import SignedStatement, find_file_faults, find_validity_fault, open_signature

ComputeDigest = Callable[[str, str], str]
"""Returns the sha256 of a file's content; its second argument is the expected one, "" if none is."""


@dataclass(frozen=True)
class SignatureReport:
    """What was found out about a version's signature."""

    files: tuple[str, ...]
    """The files that were signed, sorted; empty if the signature says nothing that can be trusted."""
    faults: tuple[str, ...]
    """What is wrong, each a clause; empty if the signature is valid."""
    signed: PinnedKey | None = None
    """The key that signed, if it is trusted."""
    created: datetime | None = None
    """When the version was created, by its signed manifest."""


def read_every_byte(registry: ModelRegistry, version: str, progress: Progress = ignore_progress) -> ComputeDigest:
    """Returns a function that reads a file from S3 and hashes it, one block in memory."""

    def compute(file: str, expected: str) -> str:
        del expected
        return hash_object(
            registry.locate(version, file),
            None,
            lambda _, done, total: progress(f"verify {file} of", done, total),
        )[0]

    return compute


def trust_checksums(registry: ModelRegistry, version: str, verified: Manifest) -> ComputeDigest:
    """Returns a function that reads a file only if S3 has no SHA-256 of it.

    The digest of the artifact is that of the manifest `verified`, with which ModelRegistry.verify has compared it.
    """

    def compute(file: str, expected: str) -> str:
        if file == ARTIFACT:
            return verified.artifact.sha256
        location = registry.locate(version, file)
        stored = read_metadata(location)
        return "" if stored is None else compute_content_sha256(location, stored, expected)

    return compute


def verify_version(
    registry: ModelRegistry, version: str, keys: Sequence[PinnedKey], compute_digest: ComputeDigest | None = None
) -> SignatureReport:
    """Verifies the signature of a version by one of `keys`, and every file under the version's prefix.

    Without `compute_digest` it reads every byte. Raises VersionNotFound if there is nothing of the version, and
    RegistryError for errors of S3.
    """
    files = registry.list_files(version)
    if not files:
        registry.read_manifest(version)  # which names the versions that there are
    if SIGNATURE not in files:
        return SignatureReport((), (f"it has no signature, {SIGNATURE}",))
    with translate_s3_errors(registry.bucket, f"verify the signature of {registry.name}/{version}"):
        try:
            signed = open_signature(read_small_object(registry.locate(version, SIGNATURE)), SIGNATURE, keys)
        except InvalidBundle as error:
            return SignatureReport((), (str(error),))
        return _verify_files(registry, version, signed, files, compute_digest or read_every_byte(registry, version))


def _verify_files(
    registry: ModelRegistry, version: str, signed: SignedStatement, files: Sequence[str], compute_digest: ComputeDigest
) -> SignatureReport:
    expected = signed.statement.digests
    digests = {
        file: compute_digest(file, expected.get(file, "")) for file in files if file not in (SIGNATURE, MANIFEST)
    }
    location = registry.locate(version, MANIFEST)
    manifest = read_small_object(location) if MANIFEST in files else b""
    if manifest:
        digests[MANIFEST] = hashlib.sha256(manifest).hexdigest()
    faults = list(
        find_file_faults(
            signed.statement, f"{registry.name}/{version}", digests, _Origins(registry, version).find_origin
        )
    )
    created = None
    if faults:
        pass
    elif not manifest:
        faults.append(f"{MANIFEST} is missing: its publish was interrupted or is in progress")
    else:
        created = decode_manifest(manifest, location.url).created
        faults += [fault] if (fault := find_validity_fault(signed.pinned, created)) else []
    return SignatureReport(tuple(sorted(expected)), tuple(faults), signed.pinned, created)


class _Origins:
    """The files of the model's other versions by their digests, read only once something is wrong."""

    def __init__(self, registry: ModelRegistry, version: str) -> None:
        self._registry, self._version = registry, version

    def find_origin(self, digest: str) -> str:
        """Returns a file of another version, like "card.md of flights/3"; "" if none has the digest."""
        return self._names.get(digest, "")

    @cached_property
    def _names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for version in self._registry.list_versions():
            if version == self._version:
                continue
            label = f"{self._registry.name}/{version}"
            try:
                manifest = self._registry.read_manifest(version)
            except RegistryError:
                continue
            names |= {stored.sha256: f"{file} of {label}" for file, stored in manifest.files.items()}
            names[hash_object(self._registry.locate(version, MANIFEST), None)[0]] = f"{MANIFEST} of {label}"
        return names
