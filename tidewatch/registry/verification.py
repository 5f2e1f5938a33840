"""Verifies that stored files equal the manifest, by S3's metadata if that is enough."""

from __future__ import annotations

from dataclasses import dataclass

from tidewatch.registry.errors import DigestMismatch
from tidewatch.registry.manifest import Manifest, StoredFile
from tidewatch.registry.s3_objects import (
    ObjectLocation,
    ObjectMetadata,
    Progress,
    compute_content_sha256,
    ignore_progress,
    read_metadata,
)


@dataclass(frozen=True)
class ResolvedVersion:
    """A version that may be deployed: it exists, is complete and is unchanged."""

    manifest: Manifest
    artifact_url: str

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def artifact(self) -> str:
        """The sha256 of model.tar.gz in hex."""
        return self.manifest.artifact.sha256

    @property
    def image(self) -> str:
        """REPOSITORY@sha256:DIGEST."""
        return self.manifest.image

    @property
    def image_digest(self) -> str:
        return self.manifest.image_digest


def require_unchanged(
    location: ObjectLocation, published: StoredFile, label: str, progress: Progress = ignore_progress
) -> None:
    """Raises DigestMismatch unless the object still has the content that was published.

    One HeadObject is enough if S3 has the SHA-256 of the whole content, or if checksum, ETag and object version all
    equal the recorded ones (an upload in parts has only a checksum of checksums). Otherwise the object is read. `label`
    names the file in messages.
    """
    stored = read_metadata(location)
    if stored is None:
        raise DigestMismatch(
            f"{label} is gone from {location.url}: restore that object's version, or publish the model again under "
            "another version"
        )
    if stored.size == published.size and _is_recorded(stored, published):
        return
    found = compute_content_sha256(location, stored, published.sha256, progress)
    if (found, stored.size) != (published.sha256, published.size):
        raise DigestMismatch(
            f"{label} changed after it was published: {location.url} has sha256 {found}, its manifest says "
            f"{published.sha256}. Do not deploy it; find out who wrote it, and publish the model under another version"
        )


def _is_recorded(stored: ObjectMetadata, published: StoredFile) -> bool:
    current = (stored.checksum, stored.etag, stored.version_id)
    return None not in current and current == (published.checksum, published.etag, published.version_id)
