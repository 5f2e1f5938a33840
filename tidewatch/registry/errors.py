"""The errors of model versions. Each message is a sentence that says what to do."""

from __future__ import annotations


class RegistryError(Exception):
    """The base class of this package's errors."""


class InvalidVersion(RegistryError):
    """An invalid name or version."""


class InvalidManifest(RegistryError):
    """A manifest or a lineage that lacks something or has unknown fields."""


class NewerSchema(RegistryError):
    """A manifest that a later tidewatch wrote."""


class InvalidArchive(RegistryError):
    """An artifact that the model server could not load."""


class VersionExists(RegistryError):
    """The version is in the registry already. Versions never change."""


class VersionNotFound(RegistryError):
    """The version is not in the registry."""


class PartialUploadConflict(RegistryError):
    """An interrupted publish left different bytes under the version's keys."""


class FileTooLarge(RegistryError):
    """A file other than the artifact is larger than the limit."""


class DigestMismatch(RegistryError):
    """A stored file differs from the manifest."""


class UploadConflict(RegistryError):
    """S3 repeatedly reported that another request writes the same key."""


class UploadInterrupted(RegistryError):
    """The connection to S3 broke. No version is visible."""
