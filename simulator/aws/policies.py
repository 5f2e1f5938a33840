"""Statements of policies: who, what action, which resource, under which conditions.

Source: IAM user guide, "Policy evaluation logic" (an explicit deny wins), "JSON policy elements: Condition operators",
"AWS global condition context keys".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Any

from simulator.aws.world import ACCOUNT


@dataclass(frozen=True)
class Request:
    """What a policy is asked about. `keys` are condition keys, in lower case; one that is absent is not there."""

    principal: str
    action: str
    resource: str
    keys: Mapping[str, str]


def denied(policy: str | bytes | None, request: Request) -> bool:
    """Whether a statement of the policy denies the request."""
    return matches(statements(policy), request, "Deny")


def statements(policy: str | bytes | None) -> tuple[Mapping[str, Any], ...]:
    """The statements of a policy's JSON text; none where there is no policy."""
    if not policy:
        return ()
    return _parsed(policy.decode() if isinstance(policy, bytes) else policy)


def text(policy: Mapping[str, Any]) -> str:
    """The JSON text of a policy that is kept as a document."""
    return json.dumps(policy)


def matches(found: Iterable[Mapping[str, Any]], request: Request, effect: str, *, named: bool = False) -> bool:
    """Whether one of the statements has that effect on the request.

    named: only where it names the caller itself, or everybody: what allows the account leaves it to the caller's own
    policies.
    """
    return any(_applies(one, request, named) for one in found if one.get("Effect") == effect)


@lru_cache(maxsize=512)
def _parsed(policy: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(_list(json.loads(policy).get("Statement")))


def unsupported(policy: str) -> list[str]:
    """The condition operators of a policy that are not evaluated here: whoever takes a policy refuses it then."""
    used = {name for statement in _parsed(policy) for name in statement.get("Condition") or {}}
    return sorted(name for name in used if _operator(name)[0] not in _OPERATORS and _operator(name)[0] != "Null")


def _applies(statement: Mapping[str, Any], request: Request, named: bool) -> bool:
    return (
        _concerns_principal(statement, request.principal, named)
        and _concerns(statement, "Action", request.action, fold=True)
        and _concerns(statement, "Resource", request.resource, fold=False)
        and all(
            _holds(operator, key, _list(wanted), request.keys)
            for operator, conditions in (statement.get("Condition") or {}).items()
            for key, wanted in conditions.items()
        )
    )


def _concerns_principal(statement: Mapping[str, Any], principal: str, itself: bool) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], principal, itself=False)
    return _names(statement.get("Principal", "*"), principal, itself)


def _names(named: Any, principal: str, itself: bool) -> bool:
    if isinstance(named, str):
        return named in ("*", principal)
    account = () if itself else (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    listed = any(one in ("*", principal, *account) for one in _list(named.get("AWS")))
    return listed or principal in _list(named.get("Service"))


def _concerns(statement: Mapping[str, Any], element: str, value: str, fold: bool) -> bool:
    if f"Not{element}" in statement:
        return not _like_any(_list(statement[f"Not{element}"]), value, fold)
    return _like_any(_list(statement.get(element, "*")), value, fold)


def _like_any(patterns: Iterable[str], value: str, fold: bool) -> bool:
    return any(_like(pattern.lower(), value.lower()) if fold else _like(pattern, value) for pattern in patterns)


def _like(pattern: str, value: str) -> bool:
    return re.fullmatch(_glob(pattern), value) is not None


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> str:
    # IAM's wildcards are * and ? only; fnmatch also has [...].
    return translate(pattern.replace("[", "[[]"))


def _equal(value: str, wanted: str) -> bool:
    return value == wanted


def _folded(value: str, wanted: str) -> bool:
    return value.lower() == wanted.lower()


def _matches(value: str, wanted: str) -> bool:
    return _like(wanted, value)


def _below(value: str, wanted: str) -> bool:
    return float(value) < float(wanted)


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equal, True),
    "StringNotEquals": (_equal, False),
    "StringEqualsIgnoreCase": (_folded, True),
    "StringNotEqualsIgnoreCase": (_folded, False),
    "StringLike": (_matches, True),
    "StringNotLike": (_matches, False),
    "ArnEquals": (_matches, True),
    "ArnLike": (_matches, True),
    "ArnNotEquals": (_matches, False),
    "ArnNotLike": (_matches, False),
    "Bool": (_folded, True),
    "NumericLessThan": (_below, True),
}
"""Operator -> how one value compares, and whether a match makes the condition true."""


def _operator(name: str) -> tuple[str, bool]:
    """The operator, and whether it holds where the key is absent, which `ForAllValues` does like `...IfExists`.

    Source: IAM user guide, "Set operators for multivalued context keys": no value is one that does not match.
    """
    bare = name.partition(":")[2] or name
    return bare.removesuffix("IfExists"), bare.endswith("IfExists") or name.startswith("ForAllValues:")


def _holds(name: str, key: str, wanted: list[Any], keys: Mapping[str, str]) -> bool:
    operator, optional = _operator(name)
    value = keys.get(key.lower())
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in wanted]
    if operator == "Null":
        return any(_folded(str(value is None), text) for text in texts)
    compare, positive = _OPERATORS[operator]
    if value is None:
        return optional or not positive
    found = any(compare(value, text) for text in texts)
    return found if positive else not found


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
