"""Property paths: differences between property maps, and patterns of `ignore_changes` and `replace_on_changes`."""

from __future__ import annotations

import copy
import re
from typing import Any

from rehearsal.engine.serialization import is_secret, make_secret

PropertyPath = tuple[str, ...]

_SEGMENT = re.compile(r"""\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)""")


def parse_path(path: str) -> PropertyPath:
    """Parses `tags["a.b"]`, `variants[*].weight` or `root.nested` into keys; `*` matches any key."""
    return tuple(quoted or index or unquoted for quoted, index, unquoted in _SEGMENT.findall(path))


def find_changes(old: Any, new: Any, prefix: PropertyPath = ()) -> list[PropertyPath]:
    """The paths at which two values differ, as deep as both sides have the same shape."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [p for k in sorted({*old, *new}) for p in _find_member_changes(k, old, new, prefix)]
    if isinstance(old, list) and isinstance(new, list):
        both = min(len(old), len(new))
        nested = [p for i in range(both) for p in find_changes(old[i], new[i], (*prefix, str(i)))]
        return nested + [(*prefix, str(i)) for i in range(both, max(len(old), len(new)))]
    return [] if old == new and isinstance(old, bool) == isinstance(new, bool) else [prefix]


def covers(pattern: PropertyPath, path: PropertyPath) -> bool:
    """Whether the pattern names the path or an ancestor of it."""
    return len(pattern) <= len(path) and all(p in ("*", k) for p, k in zip(pattern, path, strict=False))


def reset(path: PropertyPath, old: Any, new: Any) -> bool:
    """Sets `new` at the path to the value that `old` has there, in place, like the engine's `PropertyPath.Reset`.

    Returns False if an element was added or removed on the path; the remaining elements are reset. It looks into
    secrets, and a value from a secret becomes a secret.
    """
    return _reset(path, old, new, hidden=False)


def _reset(path: PropertyPath, old: Any, new: Any, *, hidden: bool) -> bool:
    hidden = (hidden or is_secret(old)) and not is_secret(new)
    old, new = _unwrap_secret(old), _unwrap_secret(new)
    key, rest = path[0], path[1:]
    if key == "*":
        return _reset_all(rest, old, new, hidden)
    if key.isdigit() and (isinstance(old, list) or isinstance(new, list)):
        both = isinstance(old, list) and isinstance(new, list)
        return both and _reset_item(int(key), rest, old, new, hidden)
    if not rest:
        return _reset_leaf(key, old, new, hidden)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return not isinstance(old, dict) and not isinstance(new, dict)
    if key in old and key in new:
        return _reset(rest, old[key], new[key], hidden=hidden)
    return key not in old and key not in new


def _reset_all(rest: PropertyPath, old: Any, new: Any, hidden: bool) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        if rest:
            return all(key in new and _reset(rest, old[key], new[key], hidden=hidden) for key in old)
        new.clear()
        new.update({key: _copy_value(value, hidden) for key, value in old.items()})
        return True
    if isinstance(old, list) and isinstance(new, list):
        both = range(min(len(old), len(new)))
        return all(_reset_item(i, rest, old, new, hidden) for i in both) and len(old) == len(new)
    return not rest and isinstance(new, dict | list)


def _reset_item(index: int, rest: PropertyPath, old: list[Any], new: list[Any], hidden: bool) -> bool:
    if index >= len(old) or index >= len(new):
        return not rest and index >= len(old) and index >= len(new)
    if rest:
        return _reset(rest, old[index], new[index], hidden=hidden)
    new[index] = _copy_value(old[index], hidden)
    return True


def _reset_leaf(key: str, old: Any, new: Any, hidden: bool) -> bool:
    if isinstance(old, dict) and key in old:
        if not isinstance(new, dict):
            return False
        new[key] = _copy_value(old[key], hidden)
    elif isinstance(new, dict):
        new.pop(key, None)
    return True


def _unwrap_secret(value: Any) -> Any:
    return value["value"] if is_secret(value) else value


def _copy_value(value: Any, hidden: bool) -> Any:
    return make_secret(value) if hidden else copy.deepcopy(value)


def _find_member_changes(
    key: str, old: dict[str, Any], new: dict[str, Any], prefix: PropertyPath
) -> list[PropertyPath]:
    return find_changes(old[key], new[key], (*prefix, key)) if key in old and key in new else [(*prefix, key)]
