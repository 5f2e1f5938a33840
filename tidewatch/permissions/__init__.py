"""The IAM policies of people's roles: the recorded permissions of their work, as documents for one stack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tidewatch.naming import build_stack_key, hash_stack_key

MAX_POLICY_LENGTH = 6144
"""In characters without white space, for a managed policy. Source: IAM user guide, "IAM and AWS STS quotas"."""
RECORDED_POLICIES_FILE = Path(__file__).with_name("recorded.json")
"""`python -m rehearsal.permissions` writes it."""


@dataclass(frozen=True)
class PersonRole:
    """A role for people."""

    name: str
    purpose: str
    """What somebody with the role does, as a sentence."""
    statements: Sequence[Mapping[str, Any]]
    """The statements, with a stack's names in braces."""


@dataclass(frozen=True)
class PolicyVariables:
    """The values of the names in braces, for a stack, its account and its region.

    Two more names follow from these: {bucket}, the prefix of the stack's buckets, and {own}, a hash that no other
    stack's names have.
    """

    partition: str
    account: str
    region: str
    project: str
    stack: str
    model: str
    stem: str
    """The prefix of its resources' names."""
    volume_key: str = ""
    """The ARN of `endpoint.volumeKey`, or ""."""

    def substitute(self, text: str) -> str:
        """Returns a text with the names in braces replaced."""
        for name in ("partition", "account", "region", "project", "stack", "model", "stem"):
            text = text.replace(f"{{{name}}}", str(getattr(self, name)))
        stack_hash = hash_stack_key(build_stack_key(self.project, self.stack, self.model))
        return text.replace("{bucket}", self.stem.lower()).replace("{own}", stack_hash)


@cache
def load_roles() -> Mapping[str, PersonRole]:
    """Returns every role by its name."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(RECORDED_POLICIES_FILE.read_text(encoding="utf-8"))
    return {name: PersonRole(name, entry["purpose"], entry["statements"]) for name, entry in found.items()}


def build_policy_documents(role: PersonRole, variables: PolicyVariables) -> list[str]:
    """Returns the role's policy for a stack as JSON documents, split by IAM's size limit. All must be attached."""
    statements = [json.loads(variables.substitute(json.dumps(statement))) for statement in role.statements]
    if role.name == "deployer" and variables.volume_key:
        statements += _build_volume_key_statements(variables.volume_key)
    return [
        json.dumps({"Version": "2012-10-17", "Statement": chunk}, indent=2) for chunk in _split_statements(statements)
    ]


def _build_volume_key_statements(key: str) -> list[dict[str, Any]]:
    """Returns the statements for a volume key, on which CreateEndpoint creates a grant.

    Source: SageMaker developer guide, "Amazon SageMaker AI API Permissions".
    """
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
    """Returns the number of characters in a document of these statements, as IAM counts them."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
    return len("".join(text.split()))
