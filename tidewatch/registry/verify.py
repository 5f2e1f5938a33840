"""Whether what is stored still is what the manifest says, as far as S3 can tell without reading it all back."""

from __future__ import annotations

from dataclasses import dataclass

from tidewatch.registry.errors import DigestMismatch
from tidewatch.registry.manifest import Manifest, StoredFile
from tidewatch.registry.objects import Progress, Stored, Target, content_sha256, head, silent


@dataclass(frozen=True)
class ResolvedVersion:
    """A version that may be deployed: found, whole and unchanged."""

    manifest: Manifest
    artifact_url: str

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def artifact(self) -> str:
        """The sha256 of model.tar.gz, in hex."""
        return self.manifest.artifact.sha256

    @property
    def image(self) -> str:
        """REPOSITORY@sha256:DIGEST."""
        return self.manifest.image

    @property
    def image_digest(self) -> str:
        return self.manifest.image_digest


def check_unchanged(target: Target, published: StoredFile, named: str, progress: Progress = silent) -> None:
    """Raises DigestMismatch unless the object still has the content that was published.

    One HeadObject is enough where S3 has the SHA-256 of the whole content, and where checksum, ETag and object version
    all are those recorded (an upload in parts has only a checksum of checksums). Else the object is read back.
    `named` says in messages which file it is.
    """
    stored = head(target)
    if stored is None:
        raise DigestMismatch(
            f"{named} is gone from {target.url}: restore that object's version, or publish the model anew "
            "under another version"
        )
    if stored.size == published.size and _recorded(stored, published):
        return
    found = content_sha256(target, stored, published.sha256, progress)
    if (found, stored.size) != (published.sha256, published.size):
        raise DigestMismatch(
            f"{named} changed after it was published: {target.url} has sha256 {found}, its manifest says "
            f"{published.sha256}. Do not deploy it; find out who wrote it, and publish the model under another version"
        )


def _recorded(stored: Stored, published: StoredFile) -> bool:
    now = (stored.checksum, stored.etag, stored.version_id)
    return None not in now and now == (published.checksum, published.etag, published.version_id)
