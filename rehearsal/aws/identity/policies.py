"""Evaluates statements of policies: principals, actions, resources and conditions.

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

from rehearsal.aws.constants import ACCOUNT


@dataclass(frozen=True)
class PolicyRequest:
    """The request that a policy is evaluated for."""

    principal: str
    action: str
    resource: str
    keys: Mapping[str, str]
    """The condition keys of the request, in lower case."""


def is_denied(policy: str | bytes | None, request: PolicyRequest) -> bool:
    """Whether a statement of the policy denies the request."""
    return has_match(parse_statements(policy), request, "Deny")


def parse_statements(policy: str | bytes | None) -> tuple[Mapping[str, Any], ...]:
    """The statements of a policy's JSON text; none without a policy."""
    if not policy:
        return ()
    return _parse_policy(policy.decode() if isinstance(policy, bytes) else policy)


def to_text(policy: Mapping[str, Any]) -> str:
    """The JSON text of a policy document."""
    return json.dumps(policy)


def has_match(
    statements: Iterable[Mapping[str, Any]], request: PolicyRequest, effect: str, *, names_caller: bool = False
) -> bool:
    """Whether one of the statements has that effect on the request.

    With `names_caller` a statement must name the caller itself, or everybody: one that names the account delegates to
    the caller's own policies.
    """
    return any(
        _is_applicable(statement, request, names_caller)
        for statement in statements
        if statement.get("Effect") == effect
    )


@lru_cache(maxsize=512)
def _parse_policy(policy: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(_to_list(json.loads(policy).get("Statement")))


def list_unsupported_operators(policy: str) -> list[str]:
    """The condition operators of a policy that are not supported here; such a policy must be refused."""
    used = {name for statement in _parse_policy(policy) for name in statement.get("Condition") or {}}
    return sorted(
        name for name in used if _parse_operator(name)[0] not in _OPERATORS and _parse_operator(name)[0] != "Null"
    )


def _is_applicable(statement: Mapping[str, Any], request: PolicyRequest, names_caller: bool) -> bool:
    return (
        _has_principal(statement, request.principal, names_caller)
        and _has_matching_element(statement, "Action", request.action, ignore_case=True)
        and _has_matching_element(statement, "Resource", request.resource, ignore_case=False)
        and all(
            _is_satisfied(operator_name, key, _to_list(expected), request.keys)
            for operator_name, conditions in (statement.get("Condition") or {}).items()
            for key, expected in conditions.items()
        )
    )


def _has_principal(statement: Mapping[str, Any], principal: str, names_caller: bool) -> bool:
    if "NotPrincipal" in statement:
        return not _is_named(statement["NotPrincipal"], principal, names_caller=False)
    return _is_named(statement.get("Principal", "*"), principal, names_caller)


def _is_named(principals: Any, principal: str, names_caller: bool) -> bool:
    if isinstance(principals, str):
        return principals in ("*", principal)
    account = () if names_caller else (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    listed = any(name in ("*", principal, *account) for name in _to_list(principals.get("AWS")))
    return listed or principal in _to_list(principals.get("Service"))


def _has_matching_element(statement: Mapping[str, Any], element: str, value: str, ignore_case: bool) -> bool:
    if f"Not{element}" in statement:
        return not _is_like_any(_to_list(statement[f"Not{element}"]), value, ignore_case)
    return _is_like_any(_to_list(statement.get(element, "*")), value, ignore_case)


def _is_like_any(patterns: Iterable[str], value: str, ignore_case: bool) -> bool:
    return any(
        _is_like(pattern.lower(), value.lower()) if ignore_case else _is_like(pattern, value) for pattern in patterns
    )


def _is_like(pattern: str, value: str) -> bool:
    return re.fullmatch(_translate_glob(pattern), value) is not None


@lru_cache(maxsize=4096)
def _translate_glob(pattern: str) -> str:
    # IAM's wildcards are only * and ?; fnmatch also has [...].
    return translate(pattern.replace("[", "[[]"))


def _is_equal(value: str, expected: str) -> bool:
    return value == expected


def _is_equal_ignoring_case(value: str, expected: str) -> bool:
    return value.lower() == expected.lower()


def _is_wildcard_match(value: str, expected: str) -> bool:
    return _is_like(expected, value)


def _is_below(value: str, expected: str) -> bool:
    return float(value) < float(expected)


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_is_equal, True),
    "StringNotEquals": (_is_equal, False),
    "StringEqualsIgnoreCase": (_is_equal_ignoring_case, True),
    "StringNotEqualsIgnoreCase": (_is_equal_ignoring_case, False),
    "StringLike": (_is_wildcard_match, True),
    "StringNotLike": (_is_wildcard_match, False),
    "ArnEquals": (_is_wildcard_match, True),
    "ArnLike": (_is_wildcard_match, True),
    "ArnNotEquals": (_is_wildcard_match, False),
    "ArnNotLike": (_is_wildcard_match, False),
    "Bool": (_is_equal_ignoring_case, True),
    "NumericLessThan": (_is_below, True),
}
"""Operator -> its comparison, and whether a match makes the condition true."""


def _parse_operator(name: str) -> tuple[str, bool]:
    """The operator, and whether it holds for an absent key, as `ForAllValues` and `...IfExists` do.

    Source: IAM user guide, "Set operators for multivalued context keys": an absent key has no value that fails to
    match.
    """
    bare = name.partition(":")[2] or name
    return bare.removesuffix("IfExists"), bare.endswith("IfExists") or name.startswith("ForAllValues:")


def _is_satisfied(name: str, key: str, expected: list[Any], keys: Mapping[str, str]) -> bool:
    operator, optional = _parse_operator(name)
    value = keys.get(key.lower())
    texts = [
        str(expected_value).lower() if isinstance(expected_value, bool) else str(expected_value)
        for expected_value in expected
    ]
    if operator == "Null":
        return any(_is_equal_ignoring_case(str(value is None), text) for text in texts)
    compare, positive = _OPERATORS[operator]
    if value is None:
        return optional or not positive
    found = any(compare(value, text) for text in texts)
    return found if positive else not found


def _to_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
