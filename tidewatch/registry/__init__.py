"""Model versions: immutable, each with the full account of where it came from."""

from tidewatch.registry.difference import Difference, compare
from tidewatch.registry.errors import (
    DigestMismatch,
    InvalidArchive,
    InvalidManifest,
    InvalidVersion,
    LeftoversDiffer,
    NewerSchema,
    RegistryError,
    UploadConflict,
    UploadInterrupted,
    VersionExists,
    VersionMissing,
)
from tidewatch.registry.manifest import (
    ARTIFACT,
    CARD,
    REFERENCE,
    Contacts,
    Data,
    Description,
    Feature,
    Lineage,
    Manifest,
    StoredFile,
    describe,
    to_json,
)
from tidewatch.registry.store import Registry
from tidewatch.registry.verify import ResolvedVersion

__all__ = [
    "ARTIFACT",
    "CARD",
    "REFERENCE",
    "Contacts",
    "Data",
    "Description",
    "Difference",
    "DigestMismatch",
    "Feature",
    "InvalidArchive",
    "InvalidManifest",
    "InvalidVersion",
    "LeftoversDiffer",
    "Lineage",
    "Manifest",
    "NewerSchema",
    "Registry",
    "RegistryError",
    "ResolvedVersion",
    "StoredFile",
    "UploadConflict",
    "UploadInterrupted",
    "VersionExists",
    "VersionMissing",
    "compare",
    "describe",
    "to_json",
]
