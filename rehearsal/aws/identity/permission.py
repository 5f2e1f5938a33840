"""The permissions that a call needs: IAM actions on resources, with the request's condition keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.constants import ACCOUNT

ALL_RESOURCES = "*"
"""The resource of an action that takes none."""


@dataclass(frozen=True)
class ApiCall:
    """A request to an AWS API, with boto3's names of the service, the operation and the parameters."""

    service: str
    operation: str
    params: Mapping[str, Any]
    region: str

    def build_arn(self, resource: str, service: str = "") -> str:
        """The ARN of a resource of the account and of the call's region."""
        return f"arn:aws:{service or self.service}:{self.region}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class RequiredPermission:
    """One action on one resource."""

    action: str
    resource: str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """The condition keys of this action, in lower case."""


class UnknownOperation(LookupError):
    """No table has the IAM actions of an operation; the message names it."""
