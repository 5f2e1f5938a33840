"""The registry of one model: versions in a bucket that never change, each there whole or not at all."""

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

from tidewatch.clock import current
from tidewatch.items import error_code
from tidewatch.registry import manifest as manifests
from tidewatch.registry.archive import check_archive
from tidewatch.registry.errors import (
    DigestMismatch,
    InvalidArchive,
    InvalidManifest,
    LeftoversDiffer,
    TooLarge,
    UploadConflict,
    VersionExists,
    VersionMissing,
)
from tidewatch.registry.manifest import ARTIFACT, CARD, MANIFEST, REFERENCE, Description, Manifest, StoredFile
from tidewatch.registry.objects import (
    MOST_SMALL,
    Progress,
    Target,
    content_sha256,
    explained,
    hash_file,
    head,
    read_small,
    silent,
)
from tidewatch.registry.upload import KeyTaken, put_bytes, put_file
from tidewatch.registry.verify import ResolvedVersion, check_unchanged
from tidewatch.text import one_line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TYPES = {ARTIFACT: "application/gzip", CARD: "text/markdown; charset=utf-8", REFERENCE: "application/json"}


@dataclass(frozen=True)
class Registry:
    """The versions of the model `name` under `models/{name}/` in `bucket`.

    Every method raises a RegistryError whose message says what to do; S3's own refusals become such sentences too.
    """

    s3: S3Client
    bucket: str
    name: str

    def __post_init__(self) -> None:
        manifests.check_name(self.name)

    @property
    def prefix(self) -> str:
        return f"models/{self.name}/"

    def publish(
        self, version: str, artifact: Path, description: Description, *,
        image: str | None = None, card: Path | None = None, reference: Path | None = None,
        created: datetime | None = None, progress: Progress = silent,
    ) -> Manifest:  # fmt: skip
        """Writes artifact, card, reference and last the manifest, which makes the version visible.

        The card gets a section on what the reference holds of the training data.
        What an earlier publish of the same bytes left is taken over. `image` overrides the description's; `created`
        is now by default. Raises VersionExists, LeftoversDiffer, InvalidManifest, InvalidArchive, InvalidVersion,
        DigestMismatch, UploadConflict, UploadInterrupted.
        """
        manifests.check_version(version)
        uri = manifests.check_image(image or description.image or _no_image())
        check_archive(artifact, description.framework, self.name)
        files = {ARTIFACT: artifact, **_given(card, reference)}
        with explained(self.bucket, f"publish {self.name}/{version}", writing=True):
            self._refuse_existing(version)
            draft = Manifest(
                name=self.name, version=version, files={}, image=uri, framework=description.framework,
                lineage=description.lineage, metrics=description.metrics, owner=description.owner,
                contacts=description.contacts, created=created or current().now(),
            )  # fmt: skip
            manifests.encode(draft)  # what no manifest can hold is refused before gigabytes are sent
            with TemporaryDirectory() as folder:
                files |= _completed(card, reference, Path(folder))
                stored = {file: self._store(version, file, path, progress) for file, path in files.items()}
            return self._commit(msgspec.structs.replace(draft, files=stored))

    def manifest(self, version: str) -> Manifest:
        """The manifest of a version. Raises VersionMissing, NewerSchema, InvalidManifest."""
        manifests.check_version(version)
        with explained(self.bucket, f"read {self.name}/{version}"):
            found = self._manifest(version)
            if found is None:
                raise VersionMissing(f"{self._place(version)} is not in the registry: {self._alternatives()}")
        return found

    def versions(self) -> tuple[str, ...]:
        """The published versions, 2 before 10."""
        return self._listed()[0]

    def unfinished(self) -> tuple[str, ...]:
        """Versions whose publish was cut off or is under way: they have files but no manifest."""
        return self._listed()[1]

    def verify(self, version: str, progress: Progress = silent) -> ResolvedVersion:
        """The version, resolved for deployment. Raises DigestMismatch where its artifact is not the published one."""
        manifest = self.manifest(version)
        target = self._target(version, ARTIFACT)
        with explained(self.bucket, f"verify {self.name}/{version}"):
            check_unchanged(target, manifest.artifact, f"{ARTIFACT} of {self.name}/{version}", progress)
        return ResolvedVersion(manifest, target.url)

    def read(self, version: str, file: str) -> bytes:
        """The content of a small file of a version (card.md, reference.json), its digest checked.

        Raises VersionMissing where it was published without one, TooLarge, DigestMismatch.
        """
        published = self.manifest(version).files.get(file)
        if published is None:
            raise VersionMissing(f"{self.name}/{version} has no {file}: it was published without one")
        target = self._target(version, file)
        with explained(self.bucket, f"read {file} of {self.name}/{version}"):
            content = read_small(target)
        if hashlib.sha256(content).hexdigest() != published.sha256:
            raise DigestMismatch(f"{file} of {self.name}/{version} changed after it was published: do not use it")
        return content

    def _store(self, version: str, file: str, path: Path, progress: Progress) -> StoredFile:
        target = self._target(version, file)
        if head(target) is None:
            try:
                return put_file(target, path, _TYPES[file], progress)
            except KeyTaken:
                pass
        return self._take_over(target, version, file, path, progress)

    def _take_over(self, target: Target, version: str, file: str, path: Path, progress: Progress) -> StoredFile:
        """What is under the key already, where it has the same content: an earlier publish was cut off."""
        stored, ours = head(target), hash_file(path)
        if stored is None or content_sha256(target, stored, ours, progress) != ours:
            self._refuse_existing(version)
            raise LeftoversDiffer(
                f"{target.url} holds another {file} than {path}, and no manifest: a publish of {self.name}/{version} "
                "was cut off there, or is under way. Publish the same file again to complete that one, or publish "
                "this one under another version"
            )
        return StoredFile(
            sha256=ours, size=stored.size, checksum=stored.checksum, etag=stored.etag, version_id=stored.version_id
        )

    def _commit(self, manifest: Manifest) -> Manifest:
        try:
            put_bytes(self._target(manifest.version, MANIFEST), manifests.encode(manifest), "application/json")
        except KeyTaken:
            # The answer to our own put may have been lost, and botocore then tries again.
            if self._manifest(manifest.version) != manifest:
                self._refuse_existing(manifest.version)
                raise UploadConflict(
                    f"the manifest of {self._place(manifest.version)} was written and is gone again: "
                    "see who deletes in the registry, then publish again"
                ) from None
        return manifest

    def _refuse_existing(self, version: str) -> None:
        there = self._manifest(version)
        if there is not None:
            when = there.created.astimezone(UTC)
            raise VersionExists(
                f"{self._place(version)} exists: {one_line(there.owner)} published it at {when:%Y-%m-%d %H:%M:%S} UTC. "
                "A version never changes: publish under another one"
            )

    def _manifest(self, version: str) -> Manifest | None:
        target = self._target(version, MANIFEST)
        try:
            raw = read_small(target)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        found = manifests.decode(raw, target.url)
        if (found.name, found.version) != (self.name, version):
            raise InvalidManifest(
                f"{target.url} is the manifest of {found.name}/{found.version}: it was copied here; "
                "publish the model instead"
            )
        return found

    def _listed(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        with explained(self.bucket, f"list the versions of {self.name}"):
            keys = set(self._keys())
        there = {version for version, _ in keys}
        whole = {version for version, file in keys if file == MANIFEST}
        return tuple(sorted(whole, key=_natural)), tuple(sorted(there - whole, key=_natural))

    def _keys(self) -> Iterator[tuple[str, str]]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
            for entry in page.get("Contents", ()):
                version, _, file = entry.get("Key", "").removeprefix(self.prefix).partition("/")
                if file:
                    yield version, file

    def _alternatives(self) -> str:
        whole, unfinished = self._listed()
        cut = f"; publishing {', '.join(unfinished)} was cut off or is under way" if unfinished else ""
        if not whole:
            return f"it has no version of {self.name} yet{cut}. Publish one with `tidewatch publish`"
        return f"it has {', '.join(whole)}{cut}. Name one of these, or publish it first with `tidewatch publish`"

    def _place(self, version: str) -> str:
        return f"{self.name}/{version}"

    def _target(self, version: str, file: str) -> Target:
        return Target(self.s3, self.bucket, f"{self.prefix}{version}/{file}")


def _given(card: Path | None, reference: Path | None) -> dict[str, Path]:
    given = {file: path for file, path in ((CARD, card), (REFERENCE, reference)) if path is not None}
    for path in given.values():
        if not path.is_file():
            raise InvalidArchive(f"there is no file {path}")
        if (size := path.stat().st_size) > MOST_SMALL:
            raise TooLarge(f"{path} has {size} bytes, more than the {MOST_SMALL} that a registry's reader takes")
    if reference is not None:
        # It reads numpy, which nothing else here needs: the command line starts faster without.
        from tidewatch.drift.errors import InvalidReference
        from tidewatch.drift.reference import decode

        try:
            decode(reference.read_bytes(), str(reference))
        except InvalidReference as error:
            raise InvalidArchive(str(error)) from error
    return given


def _completed(card: Path | None, reference: Path | None, folder: Path) -> dict[str, Path]:
    """The card with what the reference holds at its end, as a file in `folder`; nothing where either is not given."""
    if card is None or reference is None:
        return {}
    from tidewatch.drift.holdings import card_section
    from tidewatch.drift.reference import decode

    written = folder / CARD
    written.write_bytes(card.read_bytes() + card_section(decode(reference.read_bytes(), str(reference))).encode())
    return {CARD: written}


def _no_image() -> str:
    raise InvalidManifest("no container image is named: give one pinned by its digest, REPOSITORY@sha256:DIGEST")


def _natural(version: str) -> list[tuple[int, int, str]]:
    """Sorts digits as numbers and before letters."""
    return [(0, int(run), "") if run.isdecimal() else (1, 0, run) for run in re.findall(r"[0-9]+|[^0-9]+", version)]
