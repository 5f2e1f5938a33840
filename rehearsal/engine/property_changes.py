"""What a step changes, as values: for whoever reads a preview."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rehearsal.engine.serialization import SIGNATURE, UNKNOWN, PropertyMap

MAX_VALUE_LENGTH = 100
"""Characters of a value that is shown; of a longer one, a policy or a dashboard say, only the name is."""


def describe_changes(old: PropertyMap, new: PropertyMap, keys: Iterable[str]) -> tuple[str, ...]:
    """Each key, with its old and its new value where both can be shown: nothing secret, unknown or long."""
    return tuple(_describe_change(key, old.get(key), new.get(key)) for key in keys)


def find_changed_keys(old: PropertyMap, new: PropertyMap) -> tuple[str, ...]:
    """The keys of `old` whose value is another one in `new`. What is only in `new` was not known, and is no change."""
    return tuple(key for key, value in old.items() if new.get(key) != value)


def _describe_change(key: str, before: Any, after: Any) -> str:
    if before == after or _is_hidden(before) or _is_hidden(after):
        return key
    texts = [json.dumps(value, sort_keys=True) for value in (before, after)]
    return key if max(map(len, texts)) > MAX_VALUE_LENGTH else f"{key} {texts[0]} -> {texts[1]}"


def _is_hidden(value: Any) -> bool:
    """Whether a secret, an asset or an unknown lies in it."""
    if isinstance(value, dict):
        return SIGNATURE in value or any(map(_is_hidden, value.values()))
    return any(map(_is_hidden, value)) if isinstance(value, list) else value == UNKNOWN
