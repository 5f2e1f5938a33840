"""Model versions: immutable, each with the full account of where it came from."""

from tidewatch.registry.diff import FieldDifference, compare_manifests
from tidewatch.registry.errors import (
    DigestMismatch,
    InvalidArchive,
    InvalidManifest,
    InvalidVersion,
    NewerSchema,
    PartialUploadConflict,
    RegistryError,
    UploadConflict,
    UploadInterrupted,
    VersionExists,
    VersionNotFound,
)
from tidewatch.registry.manifest import (
    ARTIFACT,
    CARD,
    REFERENCE,
    Contacts,
    FeatureSpec,
    Lineage,
    Manifest,
    ModelDescription,
    StoredFile,
    TrainingData,
    manifest_to_json,
    parse_description,
)
from tidewatch.registry.store import ModelRegistry
from tidewatch.registry.verification import ResolvedVersion

__all__ = [
    "ARTIFACT",
    "CARD",
    "REFERENCE",
    "Contacts",
    "DigestMismatch",
    "FeatureSpec",
    "FieldDifference",
    "InvalidArchive",
    "InvalidManifest",
    "InvalidVersion",
    "Lineage",
    "Manifest",
    "ModelDescription",
    "ModelRegistry",
    "NewerSchema",
    "PartialUploadConflict",
    "RegistryError",
    "ResolvedVersion",
    "StoredFile",
    "TrainingData",
    "UploadConflict",
    "UploadInterrupted",
    "VersionExists",
    "VersionNotFound",
    "compare_manifests",
    "manifest_to_json",
    "parse_description",
]
