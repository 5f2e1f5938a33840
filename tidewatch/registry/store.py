"""The registry of one model: its versions in a bucket, which never change and exist completely or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from tidewatch.aws.errors import get_error_code
from tidewatch.clock import get_clock
from tidewatch.registry import manifest as manifests
from tidewatch.registry.archive import require_valid_archive
from tidewatch.registry.errors import (
    DigestMismatch,
    FileTooLarge,
    InvalidArchive,
    InvalidManifest,
    PartialUploadConflict,
    UploadConflict,
    VersionExists,
    VersionNotFound,
)
from tidewatch.registry.manifest import (
    ARTIFACT,
    CARD,
    MANIFEST,
    REFERENCE,
    SIGNATURE,
    Manifest,
    ModelDescription,
    StoredFile,
)
from tidewatch.registry.s3_objects import (
    MAX_SMALL_FILE,
    ObjectLocation,
    Progress,
    compute_content_sha256,
    hash_file,
    ignore_progress,
    read_metadata,
    read_small_object,
    translate_s3_errors,
)
from tidewatch.registry.signing import Signer, require_unsigned, sign_version
from tidewatch.registry.upload import ObjectExists, put_bytes, put_file
from tidewatch.registry.verification import ResolvedVersion, require_unchanged
from tidewatch.text import collapse_whitespace

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONTENT_TYPES = {ARTIFACT: "application/gzip", CARD: "text/markdown; charset=utf-8", REFERENCE: "application/json"}


@dataclass(frozen=True)
class ModelRegistry:
    """The versions of the model `name` under `models/{name}/` in `bucket`.

    Every method raises a RegistryError whose message says what to do, also for S3's errors.
    """

    s3: S3Client
    bucket: str
    name: str

    def __post_init__(self) -> None:
        manifests.require_valid_name(self.name)

    @property
    def prefix(self) -> str:
        return f"models/{self.name}/"

    def publish(
        self, version: str, artifact: Path, description: ModelDescription, *,
        image: str | None = None, card: Path | None = None, reference: Path | None = None,
        created: datetime | None = None, signer: Signer | None = None, progress: Progress = ignore_progress,
    ) -> Manifest:  # fmt: skip
        """Writes artifact, card, reference and signature, and last the manifest, which makes the version visible.

        The card gets a section about what the reference contains of the training data. Files that an earlier publish of
        the same bytes left are reused. `image` overrides the description's; `created` defaults to now; without a
        `signer` the version has no signature. Raises VersionExists, PartialUploadConflict, InvalidManifest,
        InvalidArchive, InvalidVersion, DigestMismatch, UploadConflict, UploadInterrupted, and the signer's errors.
        """
        manifests.require_valid_version(version)
        uri = manifests.require_pinned_image(image or description.image or _raise_missing_image())
        require_valid_archive(artifact, description.framework, self.name)
        files = {ARTIFACT: artifact, **_collect_files(card, reference)}
        with translate_s3_errors(self.bucket, f"publish {self.name}/{version}", writing=True):
            self._require_new_version(version)
            draft = Manifest(
                name=self.name, version=version, files={}, image=uri, framework=description.framework,
                lineage=description.lineage, metrics=description.metrics, owner=description.owner,
                contacts=description.contacts, created=created or get_clock().now(),
            )  # fmt: skip
            manifests.encode_manifest(draft)  # fails before gigabytes are sent
            with TemporaryDirectory() as folder:
                files |= _complete_card(card, reference, Path(folder))
                stored = {file: self._store(version, file, path, progress) for file, path in files.items()}
            return self._commit(self._sign(msgspec.structs.replace(draft, files=stored), signer))

    def read_manifest(self, version: str) -> Manifest:
        """Returns the manifest of a version. Raises VersionNotFound, NewerSchema, InvalidManifest."""
        manifests.require_valid_version(version)
        with translate_s3_errors(self.bucket, f"read {self.name}/{version}"):
            found = self._load_manifest(version)
            if found is None:
                raise VersionNotFound(
                    f"{self._format_version(version)} is not in the registry: {self._format_alternatives()}"
                )
        return found

    def list_versions(self) -> tuple[str, ...]:
        """Returns the published versions, 2 before 10."""
        return self._scan_versions()[0]

    def list_unfinished_versions(self) -> tuple[str, ...]:
        """Returns versions whose publish was interrupted or is running: they have files but no manifest."""
        return self._scan_versions()[1]

    def verify(self, version: str, progress: Progress = ignore_progress) -> ResolvedVersion:
        """Resolves the version for deployment. Raises DigestMismatch if its artifact differs from the published one."""
        manifest = self.read_manifest(version)
        location = self.locate(version, ARTIFACT)
        with translate_s3_errors(self.bucket, f"verify {self.name}/{version}"):
            require_unchanged(location, manifest.artifact, f"{ARTIFACT} of {self.name}/{version}", progress)
        return ResolvedVersion(manifest, location.url)

    def locate(self, version: str, file: str) -> ObjectLocation:
        """Returns where a file of a version is, whether it exists or not."""
        return ObjectLocation(self.s3, self.bucket, f"{self.prefix}{version}/{file}")

    def list_files(self, version: str) -> tuple[str, ...]:
        """Returns the names of everything under a version's prefix, published or not."""
        manifests.require_valid_version(version)
        with translate_s3_errors(self.bucket, f"list the files of {self.name}/{version}"):
            return tuple(sorted(file for _, file in self._list_keys(f"{version}/")))

    def read_file(self, version: str, file: str) -> bytes:
        """Returns the content of a small file of a version (card.md, reference.json), with its digest checked.

        Raises VersionNotFound if the version was published without it, FileTooLarge, DigestMismatch.
        """
        published = self.read_manifest(version).files.get(file)
        if published is None:
            raise VersionNotFound(f"{self.name}/{version} has no {file}: it was published without one")
        location = self.locate(version, file)
        with translate_s3_errors(self.bucket, f"read {file} of {self.name}/{version}"):
            content = read_small_object(location)
        if hashlib.sha256(content).hexdigest() != published.sha256:
            raise DigestMismatch(f"{file} of {self.name}/{version} changed after it was published: do not use it")
        return content

    def _store(self, version: str, file: str, path: Path, progress: Progress) -> StoredFile:
        location = self.locate(version, file)
        if read_metadata(location) is None:
            try:
                return put_file(location, path, _CONTENT_TYPES[file], progress)
            except ObjectExists:
                pass
        return self._adopt_existing(location, version, file, path, progress)

    def _adopt_existing(
        self, location: ObjectLocation, version: str, file: str, path: Path, progress: Progress
    ) -> StoredFile:
        """Returns the file that exists under the key already, if it has the same content: a publish was interrupted."""
        stored, own_digest = read_metadata(location), hash_file(path)
        if stored is None or compute_content_sha256(location, stored, own_digest, progress) != own_digest:
            self._require_new_version(version)
            raise PartialUploadConflict(
                f"{location.url} holds another {file} than {path}, and no manifest: a publish of "
                f"{self.name}/{version} was interrupted or is in progress. Publish the same file again to complete "
                "it, or publish this file under another version"
            )
        return StoredFile(
            sha256=own_digest,
            size=stored.size,
            checksum=stored.checksum,
            etag=stored.etag,
            version_id=stored.version_id,
        )

    def _sign(self, manifest: Manifest, signer: Signer | None) -> Manifest:
        location = self.locate(manifest.version, SIGNATURE)
        try:
            if signer is not None:
                return sign_version(location, manifest, signer)
            require_unsigned(location, self._format_version(manifest.version))
        except PartialUploadConflict:
            self._require_new_version(manifest.version)
            raise
        return manifest

    def _commit(self, manifest: Manifest) -> Manifest:
        try:
            put_bytes(self.locate(manifest.version, MANIFEST), manifests.encode_manifest(manifest), "application/json")
        except ObjectExists:
            # The response to our own put may have been lost, and botocore then retried it.
            if self._load_manifest(manifest.version) != manifest:
                self._require_new_version(manifest.version)
                raise UploadConflict(
                    f"the manifest of {self._format_version(manifest.version)} was written but is gone again: find "
                    "out who deletes from the registry, then publish again"
                ) from None
        return manifest

    def _require_new_version(self, version: str) -> None:
        existing = self._load_manifest(version)
        if existing is not None:
            created = existing.created.astimezone(UTC)
            raise VersionExists(
                f"{self._format_version(version)} already exists: {collapse_whitespace(existing.owner)} published it "
                f"at {created:%Y-%m-%d %H:%M:%S} UTC. A version never changes: publish under another version"
            )

    def _load_manifest(self, version: str) -> Manifest | None:
        location = self.locate(version, MANIFEST)
        try:
            raw = read_small_object(location)
        except ClientError as error:
            if get_error_code(error) == "NoSuchKey":
                return None
            raise
        found = manifests.decode_manifest(raw, location.url)
        if (found.name, found.version) != (self.name, version):
            raise InvalidManifest(
                f"{location.url} is the manifest of {found.name}/{found.version}: it was copied here; "
                "publish the model instead"
            )
        return found

    def _scan_versions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        with translate_s3_errors(self.bucket, f"list the versions of {self.name}"):
            keys = set(self._list_keys())
        present = {version for version, _ in keys}
        published = {version for version, file in keys if file == MANIFEST}
        return tuple(sorted(published, key=_natural_sort_key)), tuple(
            sorted(present - published, key=_natural_sort_key)
        )

    def _list_keys(self, folder: str = "") -> Iterator[tuple[str, str]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{folder}")
        for page in pages:
            for entry in page.get("Contents", ()):
                version, _, file = entry.get("Key", "").removeprefix(self.prefix).partition("/")
                if file:
                    yield version, file

    def _format_alternatives(self) -> str:
        published, unfinished = self._scan_versions()
        unfinished_hint = (
            f"; publishing {', '.join(unfinished)} was interrupted or is in progress" if unfinished else ""
        )
        if not published:
            return f"it has no version of {self.name} yet{unfinished_hint}. Publish one with `tidewatch publish`"
        return (
            f"it has {', '.join(published)}{unfinished_hint}. Name one of these, or publish it first with "
            "`tidewatch publish`"
        )

    def _format_version(self, version: str) -> str:
        return f"{self.name}/{version}"


def _collect_files(card: Path | None, reference: Path | None) -> dict[str, Path]:
    files = {file: path for file, path in ((CARD, card), (REFERENCE, reference)) if path is not None}
    for path in files.values():
        if not path.is_file():
            raise InvalidArchive(f"there is no file {path}")
        if (size := path.stat().st_size) > MAX_SMALL_FILE:
            raise FileTooLarge(f"{path} has {size} bytes, more than the {MAX_SMALL_FILE} that the registry allows")
    if reference is not None:
        # Imported only here, because it loads numpy: the command line starts faster without it.
        from tidewatch.drift.errors import InvalidReference
        from tidewatch.drift.reference import decode_reference

        try:
            decode_reference(reference.read_bytes(), str(reference))
        except InvalidReference as error:
            raise InvalidArchive(str(error)) from error
    return files


def _complete_card(card: Path | None, reference: Path | None, folder: Path) -> dict[str, Path]:
    """Returns the card with a section on the reference, as a file in `folder`; empty if either is missing."""
    if card is None or reference is None:
        return {}
    from tidewatch.drift.reference import decode_reference
    from tidewatch.drift.training.disclosure import render_card_section

    card_path = folder / CARD
    card_path.write_bytes(
        card.read_bytes() + render_card_section(decode_reference(reference.read_bytes(), str(reference))).encode()
    )
    return {CARD: card_path}


def _raise_missing_image() -> str:
    raise InvalidManifest("no container image is named: give one pinned by its digest, REPOSITORY@sha256:DIGEST")


def _natural_sort_key(version: str) -> list[tuple[int, int, str]]:
    """Returns a key that sorts digits as numbers and before letters."""
    return [(0, int(run), "") if run.isdecimal() else (1, 0, run) for run in re.findall(r"[0-9]+|[^0-9]+", version)]
