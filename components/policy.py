"""Policy documents as values: a statement is written once and rendered when its ARNs are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.stack_context import StackContext
from tidewatch.permissions.trust_policy import build_trust_policy as build_trust_document

Condition = Mapping[str, Mapping[str, Any]]

ANYONE = {"AWS": "*"}
"""Every principal of every account."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]
    principal: Mapping[str, Any] | None = None
    """Whom the statement is about; None in a role's own policy."""
    condition: Condition | None = None
    effect: str = "Allow"
    """Allow or Deny."""

    def render(self) -> dict[str, Any]:
        """Returns the statement in IAM's JSON form."""
        statement: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Action": list(self.actions),
            "Resource": self.resources[0] if len(self.resources) == 1 else list(self.resources),
        }
        if self.principal is not None:
            statement["Principal"] = self.principal
        if self.condition is not None:
            statement["Condition"] = self.condition
        return statement


def render_policy(*statements: Statement) -> pulumi.Output[str]:
    """Returns the policy of these statements as JSON."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [s.render() for s in statements]})


def restrict_to_partition_keys(*keys: str) -> Condition:
    """Returns a condition that restricts access to a table to the items under these partition keys."""
    return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(keys)}}


def build_service_trust_policy(service: str, account: pulumi.Input[str] | None = None) -> pulumi.Output[str]:
    """Lets a service assume the role; with `account`, only if its request acts for that account."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    if account is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})


def build_people_trust_policy(context: StackContext, people: Sequence[str]) -> pulumi.Output[str]:
    """Lets these people assume the role; if nobody is named, anyone in the account whom IAM allows, with MFA."""
    return pulumi.Output.all(context.partition, context.account).apply(
        lambda partition_and_account: json.dumps(
            build_trust_document(people, partition_and_account[0], partition_and_account[1])
        )
    )
