"""The IAM policies of people's roles: what was recorded of their work, for one stack, as documents ready to attach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tidewatch.naming import stack_key, stack_mark

LARGEST = 6144
"""Characters of a managed policy, white space not counted. Source: IAM user guide, "IAM and AWS STS quotas"."""
RECORDED = Path(__file__).with_name("recorded.json")
"""Written by `python -m simulator.permissions`."""


@dataclass(frozen=True)
class Role:
    """purpose: what somebody with the role does, a sentence. statements: with a stack's names in braces."""

    name: str
    purpose: str
    statements: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Names:
    """What stands in the place of the names in braces: of a stack, its account and its region.

    stem: the beginning of its resources' names. volume_key: the ARN of `endpoint.volumeKey`, or "". In braces there are
    also {bucket}, the beginning of its buckets' names, and {own}, what no other stack's names have.
    """

    partition: str
    account: str
    region: str
    project: str
    stack: str
    model: str
    stem: str
    volume_key: str = ""

    def filled(self, text: str) -> str:
        """A text with the names in their places."""
        for name in ("partition", "account", "region", "project", "stack", "model", "stem"):
            text = text.replace(f"{{{name}}}", str(getattr(self, name)))
        own = stack_mark(stack_key(self.project, self.stack, self.model))
        return text.replace("{bucket}", self.stem.lower()).replace("{own}", own)


@cache
def roles() -> Mapping[str, Role]:
    """Every role, by its name."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return {name: Role(name, one["purpose"], one["statements"]) for name, one in found.items()}


def documents(role: Role, names: Names) -> list[str]:
    """The role's policy for a stack as JSON, in as many documents as IAM's size asks for; attach all of them."""
    statements = [json.loads(names.filled(json.dumps(one))) for one in role.statements]
    if role.name == "deployer" and names.volume_key:
        statements += _volume(names.volume_key)
    return [json.dumps({"Version": "2012-10-17", "Statement": part}, indent=2) for part in _parts(statements)]


def _volume(key: str) -> list[dict[str, Any]]:
    """Source: SageMaker developer guide, "Amazon SageMaker AI API Permissions": CreateEndpoint takes a grant."""
    grant = {"Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
    return [
        {"Sid": "SeeVolumeKey", "Effect": "Allow", "Action": ["kms:DescribeKey"], "Resource": [key]},
        {"Sid": "GrantVolumeKey", "Effect": "Allow", "Action": ["kms:CreateGrant"], "Resource": [key], **grant},
    ]


def _parts(statements: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    part: list[Mapping[str, Any]] = []
    for one in statements:
        if part and size([*part, one]) > LARGEST:
            yield part
            part = []
        part.append(one)
    yield part


def size(statements: Sequence[Mapping[str, Any]]) -> int:
    """Characters of a document of these statements, as IAM counts them."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
    return len("".join(text.split()))
