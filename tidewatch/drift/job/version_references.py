"""The references that a run of the drift job needs, each fetched from the registry once."""

from __future__ import annotations

from tidewatch.aws.errors import summarize_error
from tidewatch.drift.reference import Reference, decode_reference
from tidewatch.registry import REFERENCE, ModelRegistry, VersionNotFound


class VersionReferences:
    """The references of a model's versions.

    A version whose reference cannot be used adds one sentence to `problems`, however many of its hours are read.
    """

    def __init__(self, registry: ModelRegistry, model: str, problems: list[str]) -> None:
        self._registry, self._model, self._problems = registry, model, problems
        self._found: dict[str, Reference | Exception | None] = {}

    def is_known_missing(self, version: str) -> bool:
        """Whether the registry was asked before and has no reference of this version."""
        return version in self._found and self._found[version] is None

    def get(self, version: str) -> Reference | None:
        """Returns a version's reference, or None if it has none. Raises the error that it failed with."""
        if version not in self._found:
            self._found[version] = self._fetch(version)
        found = self._found[version]
        if isinstance(found, Exception):
            raise found
        return found

    def _fetch(self, version: str) -> Reference | Exception | None:
        message_prefix = f"The records of version {version} are not monitored:"
        try:
            raw = self._registry.read_file(version, REFERENCE)
            return decode_reference(raw, f"{REFERENCE} of {self._model}/{version}")
        except VersionNotFound as error:
            self._problems.append(f"{message_prefix} {error}.")
            return None
        except Exception as error:
            self._problems.append(f"{message_prefix} {summarize_error(error)}.")
            return error
