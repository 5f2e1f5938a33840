"""What a call needs: IAM actions on resources, with the condition keys that the request carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.constants import ACCOUNT

ALL_RESOURCES = "*"
"""The resource of an action that takes none."""


@dataclass(frozen=True)
class ApiCall:
    """A request to an AWS API: boto3's name of the service, the operation, and its parameters as boto3 spells them."""

    service: str
    operation: str
    params: Mapping[str, Any]
    region: str

    def build_arn(self, resource: str, service: str = "") -> str:
        """The ARN of a resource of the account and of the call's region."""
        return f"arn:aws:{service or self.service}:{self.region}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class RequiredPermission:
    """One action on one resource. `keys` are condition keys in lower case, those of the action alone."""

    action: str
    resource: str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])


class UnknownOperation(LookupError):
    """An operation that no table tells the IAM actions of; the text names it."""
