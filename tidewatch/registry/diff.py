"""Compares two versions field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from tidewatch.registry.manifest import Manifest, manifest_to_json


@dataclass(frozen=True)
class FieldDifference:
    """A field that differs between two manifests."""

    path: str
    before: Any
    """In the first manifest; None if absent."""
    after: Any
    """In the second manifest; None if absent."""


def compare_manifests(a: Manifest, b: Manifest) -> tuple[FieldDifference, ...]:
    """Returns all fields in which `b` differs from `a`, by path. Features are matched by name, not by position."""
    before, after = dict(_flatten(_key_features_by_name(a))), dict(_flatten(_key_features_by_name(b)))
    paths = sorted(before.keys() | after.keys())
    return tuple(
        FieldDifference(path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    )


def _key_features_by_name(manifest: Manifest) -> dict[str, Any]:
    document = manifest_to_json(manifest)
    features = document["lineage"]["features"]
    document["lineage"]["features"] = {
        feature["name"]: {**feature, "position": position} for position, feature in enumerate(features)
    }
    return document


def _flatten(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in cast("dict[str, object]", value).items():
        yield from _flatten(inner, f"{path}.{key}" if path else key)
