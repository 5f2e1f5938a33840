"""Who may take a role that is for people, and who of them has to show a second factor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

LONGEST_TRUST = 2048
"""Characters of a role's trust policy, white space aside. Source: IAM user guide, "IAM and AWS STS quotas"."""
PERMISSION_SET_ROLES = "role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{}_????????????????"
"""The role that IAM Identity Center makes of a permission set in an account: its path has the region of Identity
Center, except in us-east-1, and 16 characters of its own end the name, which differ when it is made again.
Source: IAM Identity Center user guide, "Referencing permission sets in resource policies"."""

_FACTOR = {"aws:MultiFactorAuthPresent": "true"}
_FEDERATED = re.compile(r"arn:[^:]+:iam::\d+:role/aws-reserved/")


def trust(people: Sequence[str], partition: str, account: str) -> dict[str, Any]:
    """The trust policy of a role that these people may take; of nobody named, whoever IAM lets in the account.

    people: ARNs of IAM users, roles and accounts, and names of permission sets of IAM Identity Center. A second factor
    is asked of those who can carry it: of users and accounts always; of a role's session where it says whether there
    was one. Sessions of Identity Center never say: there the identity provider asks for it.
    Source: IAM user guide, "AWS global condition context keys", aws:MultiFactorAuthPresent.
    """
    return {"Version": "2012-10-17", "Statement": list(_statements(people, f"arn:{partition}:iam::{account}:"))}


def principal_patterns(people: Sequence[str], partition: str, account: str) -> list[str]:
    """What aws:PrincipalArn is for these people, as ArnLike takes it: users, roles and permission sets."""
    return [
        one if one.startswith("arn:") else _permission_set(one, f"arn:{partition}:iam::{account}:") for one in people
    ]


def is_one_of(people: Sequence[str], caller: str) -> bool:
    """Whether whoever STS calls by this ARN is one of these people: of a role's session it names no path."""
    parts = caller.split(":", 5)
    if len(parts) != 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):
        return caller in people
    name = parts[5].split("/")[1]
    return any(_is_role(one, parts[4], name) for one in people)


def _is_role(person: str, account: str, name: str) -> bool:
    if not person.startswith("arn:"):
        return fnmatchcase(name, PERMISSION_SET_ROLES.rsplit("/*", 1)[1].format(person))
    return f"::{account}:role/" in person and person.rsplit("/", 1)[1] == name


def _permission_set(name: str, here: str) -> str:
    return here + PERMISSION_SET_ROLES.format(name)


def _statements(people: Sequence[str], here: str) -> Iterator[dict[str, Any]]:
    root = f"{here}root"
    federated = [one for one in people if _FEDERATED.match(one)]
    roles = [one for one in people if ":role/" in one and one not in federated]
    users = [one for one in people if one.startswith("arn:") and ":role/" not in one]
    sets = [one for one in people if not one.startswith("arn:")]
    if users or not people:
        yield _statement(users or [root], {"Bool": _FACTOR})
    if roles:
        yield _statement(roles, {"BoolIfExists": _FACTOR})
    if federated:
        yield _statement(federated)
    if sets:
        named = [_permission_set(one, here) for one in sets]
        yield _statement([root], {"ArnLike": {"aws:PrincipalArn": named}})


def _statement(who: Sequence[str], condition: dict[str, Any] | None = None) -> dict[str, Any]:
    principal = {"AWS": who[0] if len(who) == 1 else list(who)}
    allowed: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {**allowed, "Condition": condition} if condition else allowed
