"""Trust policies of roles for people: who may assume them, and who needs a second factor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

MAX_TRUST_POLICY_LENGTH = 2048
"""In characters without white space. Source: IAM user guide, "IAM and AWS STS quotas"."""
PERMISSION_SET_ROLE_PATTERN = "role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{}_????????????????"
"""The role that IAM Identity Center creates for a permission set in an account. Its path has Identity Center's region,
except in us-east-1. Its name ends with 16 characters that change when it is created again. Source: IAM Identity Center
user guide, "Referencing permission sets in resource policies"."""

_MFA_PRESENT = {"aws:MultiFactorAuthPresent": "true"}
_IDENTITY_CENTER_ROLE = re.compile(r"arn:[^:]+:iam::\d+:role/aws-reserved/")


def build_trust_policy(people: Sequence[str], partition: str, account: str) -> dict[str, Any]:
    """Returns the trust policy of a role that these people may assume. Without people, IAM in the account decides.

    `people` are ARNs of IAM users, roles and accounts, and names of permission sets of IAM Identity Center. Users and
    accounts always need a second factor; the session of a role needs one if it records whether there was one. Sessions
    of Identity Center never record it; there the identity provider requires it. Source: IAM user guide, "AWS global
    condition context keys", aws:MultiFactorAuthPresent.
    """
    return {"Version": "2012-10-17", "Statement": list(_build_statements(people, f"arn:{partition}:iam::{account}:"))}


def build_principal_patterns(people: Sequence[str], partition: str, account: str) -> list[str]:
    """Returns the aws:PrincipalArn of these people for ArnLike: users, roles and permission sets."""
    return [
        person
        if person.startswith("arn:")
        else _build_permission_set_pattern(person, f"arn:{partition}:iam::{account}:")
        for person in people
    ]


def is_trusted_caller(people: Sequence[str], caller: str) -> bool:
    """Whether STS's ARN of a caller is one of these people. The ARN of a role's session has no path."""
    parts = caller.split(":", 5)
    if len(parts) != 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):
        return caller in people
    name = parts[5].split("/")[1]
    return any(_is_role_of(person, parts[4], name) for person in people)


def _is_role_of(person: str, account: str, name: str) -> bool:
    if not person.startswith("arn:"):
        return fnmatchcase(name, PERMISSION_SET_ROLE_PATTERN.rsplit("/*", 1)[1].format(person))
    return f"::{account}:role/" in person and person.rsplit("/", 1)[1] == name


def _build_permission_set_pattern(name: str, arn_prefix: str) -> str:
    return arn_prefix + PERMISSION_SET_ROLE_PATTERN.format(name)


def _build_statements(people: Sequence[str], arn_prefix: str) -> Iterator[dict[str, Any]]:
    root = f"{arn_prefix}root"
    federated = [person for person in people if _IDENTITY_CENTER_ROLE.match(person)]
    roles = [person for person in people if ":role/" in person and person not in federated]
    users = [person for person in people if person.startswith("arn:") and ":role/" not in person]
    permission_sets = [person for person in people if not person.startswith("arn:")]
    if users or not people:
        yield _build_statement(users or [root], {"Bool": _MFA_PRESENT})
    if roles:
        yield _build_statement(roles, {"BoolIfExists": _MFA_PRESENT})
    if federated:
        yield _build_statement(federated)
    if permission_sets:
        patterns = [_build_permission_set_pattern(name, arn_prefix) for name in permission_sets]
        yield _build_statement([root], {"ArnLike": {"aws:PrincipalArn": patterns}})


def _build_statement(principals: Sequence[str], condition: dict[str, Any] | None = None) -> dict[str, Any]:
    principal = {"AWS": principals[0] if len(principals) == 1 else list(principals)}
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {**statement, "Condition": condition} if condition else statement
