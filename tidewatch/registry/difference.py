"""What differs between two versions, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from tidewatch.registry.manifest import Manifest, to_json


@dataclass(frozen=True)
class Difference:
    """One field: `before` in the first manifest, `after` in the second, None where it is absent."""

    path: str
    before: Any
    after: Any


def compare(a: Manifest, b: Manifest) -> tuple[Difference, ...]:
    """All fields in which `b` differs from `a`, by path; features by their names, not by their places."""
    before, after = dict(_flat(_named(a))), dict(_flat(_named(b)))
    paths = sorted(before.keys() | after.keys())
    return tuple(
        Difference(path, before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path)
    )


def _named(manifest: Manifest) -> dict[str, Any]:
    plain = to_json(manifest)
    features = plain["lineage"]["features"]
    plain["lineage"]["features"] = {
        feature["name"]: {**feature, "position": position} for position, feature in enumerate(features)
    }
    return plain


def _flat(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in cast("dict[str, object]", value).items():
        yield from _flat(inner, f"{path}.{key}" if path else key)
