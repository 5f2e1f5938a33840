"""IAM's policy documents as values. Source: IAM user guide, "IAM JSON policy elements reference"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class PolicyStatement:
    """One statement; a single value counts as a list of one."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    """`*`, ARNs and services, without their kind."""
    condition: Mapping[str, Any]
    is_inverted: bool
    """Whether it has NotAction or NotResource: it is about all others."""

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return f"statement {self.sid}" if self.sid else "a statement"

    def covers(self, *actions: str) -> bool:
        """Whether each of the actions matches one of the statement's."""
        return all(any(_matches(pattern, action) for pattern in self.actions) for action in actions)


def parse_statements(document: Any) -> Iterator[PolicyStatement]:
    """Yields the statements of a document, given as JSON text or parsed; none of one that is no document."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    for each in [statements] if isinstance(statements, Mapping) else statements or ():
        yield PolicyStatement(
            sid=str(each.get("Sid") or ""),
            effect=str(each.get("Effect") or ""),
            actions=_to_tuple(each.get("Action")) + _to_tuple(each.get("NotAction")),
            resources=_to_tuple(each.get("Resource")) + _to_tuple(each.get("NotResource")),
            principals=_list_principals(each.get("Principal")),
            condition=each.get("Condition") or {},
            is_inverted="NotAction" in each or "NotResource" in each,
        )


def _to_tuple(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


def _list_principals(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        return tuple(name for each in value.values() for name in _to_tuple(each))
    return _to_tuple(value)


def _matches(pattern: str, action: str) -> bool:
    """Whether a pattern with `*` and `?` covers an action; IAM ignores their capitals."""
    return fnmatchcase(action.lower(), pattern.lower())
