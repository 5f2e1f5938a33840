"""The IAM policies of people's roles: what was recorded of their work, for one stack, as documents ready to attach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tidewatch.naming import build_stack_key, hash_stack_key

MAX_POLICY_LENGTH = 6144
"""Characters of a managed policy, white space not counted. Source: IAM user guide, "IAM and AWS STS quotas"."""
RECORDED_POLICIES_FILE = Path(__file__).with_name("recorded.json")
"""Written by `python -m rehearsal.permissions`."""


@dataclass(frozen=True)
class PersonRole:
    """purpose: what somebody with the role does, a sentence. statements: with a stack's names in braces."""

    name: str
    purpose: str
    statements: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class PolicyVariables:
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

    def substitute(self, text: str) -> str:
        """A text with the names in their places."""
        for name in ("partition", "account", "region", "project", "stack", "model", "stem"):
            text = text.replace(f"{{{name}}}", str(getattr(self, name)))
        stack_hash = hash_stack_key(build_stack_key(self.project, self.stack, self.model))
        return text.replace("{bucket}", self.stem.lower()).replace("{own}", stack_hash)


@cache
def load_roles() -> Mapping[str, PersonRole]:
    """Every role, by its name."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(RECORDED_POLICIES_FILE.read_text(encoding="utf-8"))
    return {name: PersonRole(name, entry["purpose"], entry["statements"]) for name, entry in found.items()}


def build_policy_documents(role: PersonRole, variables: PolicyVariables) -> list[str]:
    """The role's policy for a stack as JSON, in as many documents as IAM's size asks for; attach all of them."""
    statements = [json.loads(variables.substitute(json.dumps(statement))) for statement in role.statements]
    if role.name == "deployer" and variables.volume_key:
        statements += _build_volume_key_statements(variables.volume_key)
    return [
        json.dumps({"Version": "2012-10-17", "Statement": chunk}, indent=2) for chunk in _split_statements(statements)
    ]


def _build_volume_key_statements(key: str) -> list[dict[str, Any]]:
    """Source: SageMaker developer guide, "Amazon SageMaker AI API Permissions": CreateEndpoint takes a grant."""
    grant = {"Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
    return [
        {"Sid": "DescribeVolumeKey", "Effect": "Allow", "Action": ["kms:DescribeKey"], "Resource": [key]},
        {"Sid": "GrantVolumeKey", "Effect": "Allow", "Action": ["kms:CreateGrant"], "Resource": [key], **grant},
    ]


def _split_statements(statements: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    chunk: list[Mapping[str, Any]] = []
    for statement in statements:
        if chunk and count_policy_characters([*chunk, statement]) > MAX_POLICY_LENGTH:
            yield chunk
            chunk = []
        chunk.append(statement)
    yield chunk


def count_policy_characters(statements: Sequence[Mapping[str, Any]]) -> int:
    """Characters of a document of these statements, as IAM counts them."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
    return len("".join(text.split()))
