"""Property paths: what changed between two bags, and the patterns of `ignore_changes` and `replace_on_changes`."""

from __future__ import annotations

import copy
import re
from typing import Any

from simulator.engine.wire import is_secret, seal

Path = tuple[str, ...]

_PART = re.compile(r"""\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)""")


def parse(path: str) -> Path:
    """`tags["a.b"]`, `variants[*].weight` or `root.nested` as their keys; `*` matches any."""
    return tuple(quoted or index or plain for quoted, index, plain in _PART.findall(path))


def changes(old: Any, new: Any, at: Path = ()) -> list[Path]:
    """The paths at which two values differ, as deep as both sides have the same shape."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [p for k in sorted({*old, *new}) for p in _member_changes(k, old, new, at)]
    if isinstance(old, list) and isinstance(new, list):
        both = min(len(old), len(new))
        inside = [p for i in range(both) for p in changes(old[i], new[i], (*at, str(i)))]
        return inside + [(*at, str(i)) for i in range(both, max(len(old), len(new)))]
    return [] if old == new and isinstance(old, bool) == isinstance(new, bool) else [at]


def covers(pattern: Path, path: Path) -> bool:
    """Whether the pattern names the path or something around it."""
    return len(pattern) <= len(path) and all(p in ("*", k) for p, k in zip(pattern, path, strict=False))


def reset(path: Path, old: Any, new: Any) -> bool:
    """Gives `new` in place the value that `old` has at the path, as the engine's own `PropertyPath.Reset`.

    False where an element was added or removed on the way; what could be reset beside it is. Secrets are looked
    into, and what came out of one goes in as one.
    """
    return _reset(path, old, new, hidden=False)


def _reset(path: Path, old: Any, new: Any, *, hidden: bool) -> bool:
    hidden = (hidden or is_secret(old)) and not is_secret(new)
    old, new = _opened(old), _opened(new)
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


def _reset_all(rest: Path, old: Any, new: Any, hidden: bool) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        if rest:
            return all(key in new and _reset(rest, old[key], new[key], hidden=hidden) for key in old)
        new.clear()
        new.update({key: _taken(value, hidden) for key, value in old.items()})
        return True
    if isinstance(old, list) and isinstance(new, list):
        both = range(min(len(old), len(new)))
        return all(_reset_item(i, rest, old, new, hidden) for i in both) and len(old) == len(new)
    return not rest and isinstance(new, dict | list)


def _reset_item(index: int, rest: Path, old: list[Any], new: list[Any], hidden: bool) -> bool:
    if index >= len(old) or index >= len(new):
        return not rest and index >= len(old) and index >= len(new)
    if rest:
        return _reset(rest, old[index], new[index], hidden=hidden)
    new[index] = _taken(old[index], hidden)
    return True


def _reset_leaf(key: str, old: Any, new: Any, hidden: bool) -> bool:
    if isinstance(old, dict) and key in old:
        if not isinstance(new, dict):
            return False
        new[key] = _taken(old[key], hidden)
    elif isinstance(new, dict):
        new.pop(key, None)
    return True


def _opened(value: Any) -> Any:
    return value["value"] if is_secret(value) else value


def _taken(value: Any, hidden: bool) -> Any:
    return seal(value) if hidden else copy.deepcopy(value)


def _member_changes(key: str, old: dict[str, Any], new: dict[str, Any], at: Path) -> list[Path]:
    return changes(old[key], new[key], (*at, key)) if key in old and key in new else [(*at, key)]
