"""What can go wrong with a model version. Each message is a sentence that says what to do."""

from __future__ import annotations


class RegistryError(Exception):
    """The base of this domain's errors."""


class InvalidVersion(RegistryError):
    """A name or a version that cannot be one."""


class InvalidManifest(RegistryError):
    """A manifest or a lineage that lacks something, or holds what does not belong there."""


class NewerSchema(RegistryError):
    """A manifest written by a later tidewatch."""


class InvalidArchive(RegistryError):
    """An artifact that the model server could not load."""


class VersionExists(RegistryError):
    """The version is in the registry; versions never change."""


class VersionNotFound(RegistryError):
    """The version is not in the registry."""


class PartialUploadConflict(RegistryError):
    """A publish that was cut off left other bytes under the version's keys."""


class FileTooLarge(RegistryError):
    """A file beside the artifact that is larger than anyone's can be."""


class DigestMismatch(RegistryError):
    """A stored file is not the one that the manifest names."""


class UploadConflict(RegistryError):
    """S3 kept answering that another request writes the same key."""


class UploadInterrupted(RegistryError):
    """The connection to S3 broke; no version is visible."""
