"""Evaluates a caller's policies together with the policies of the resource.

Source: IAM user guide, "Policy evaluation logic" and "Troubleshoot access denied error messages"; for keys, KMS
developer guide, "Key policies": an identity's policy counts only if the key's policy allows the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity import policies, resource_lookup
from rehearsal.aws.identity.permission import RequiredPermission

Statements = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Caller:
    """The caller of a request."""

    role: str
    session: str
    """The session name in error messages."""

    @property
    def session_arn(self) -> str:
        """The ARN in a denial."""
        name = self.role.rsplit("/", 1)[-1]
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{self.session}"


def is_role_allowed(function: Any, *permissions: RequiredPermission) -> bool:
    """Whether a function's role allows Lambda's own actions with that role: logging, destinations."""
    caller = Caller(function.role, function.function_name)
    return all(explain_denial(caller, need) is None for need in permissions)


def explain_denial(caller: Caller, permission: RequiredPermission) -> str | None:
    """Why the caller may not, in AWS's words; None if it may."""
    message = (
        f"User: {caller.session_arn} is not authorized to perform: {permission.action} "
        f"on resource: {permission.resource}"
    )
    keys = {"aws:principalarn": caller.role, "aws:securetransport": "true", **permission.keys}
    request = policies.PolicyRequest(caller.role, permission.action, permission.resource, keys)
    identity_statements, boundary = _read_role_policies(caller.role)
    resource = read_resource_policy(permission)
    statements_by_kind = {"an identity-based policy": identity_statements, "a permissions boundary": boundary or ()}
    for kind, statements in {**statements_by_kind, "a resource-based policy": resource}.items():
        if policies.has_match(statements, request, "Deny"):
            return f"{message} with an explicit deny in {kind}"
    if boundary is not None and not policies.has_match(boundary, request, "Allow"):
        return f"{message} because no permissions boundary allows the {permission.action} action"
    allowed = policies.has_match(identity_statements, request, "Allow")
    if ":key/" in permission.resource and permission.resource.startswith("arn:aws:kms:"):
        return _explain_key_denial(permission, message, allowed, resource, request)
    if allowed or policies.has_match(resource, request, "Allow", names_caller=True):
        return None
    return f"{message} because no identity-based policy allows the {permission.action} action"


def _explain_key_denial(
    permission: RequiredPermission, message: str, allowed: bool, policy: Statements, request: policies.PolicyRequest
) -> str | None:
    if policies.has_match(policy, request, "Allow", names_caller=True):
        return None
    if not policies.has_match(policy, request, "Allow"):
        return f"{message} because no resource-based policy allows the {permission.action} action"
    return None if allowed else f"{message} because no identity-based policy allows the {permission.action} action"


def _read_role_policies(role: str) -> tuple[list[Mapping[str, Any]], Statements | None]:
    """The statements of a role's own policies, and those of its permissions boundary if it has one."""
    backend = iam_backends[ACCOUNT]["aws"]
    found = next((candidate for candidate in backend.roles.values() if candidate.arn == role), None)
    if found is None:
        return [], None
    texts = [*found.policies.values(), *(_read_default_version(policy) for policy in found.managed_policies.values())]
    boundary_policy = backend.managed_policies.get(found.permissions_boundary_arn or "")
    boundary = (
        policies.parse_statements(_read_default_version(boundary_policy)) if boundary_policy is not None else None
    )
    return [statement for text in texts for statement in policies.parse_statements(text)], boundary


def _read_default_version(managed: Any) -> str:
    """The default version of a managed policy."""
    return next(version.document for version in managed.versions if version.version_id == managed.default_version_id)


def read_resource_policy(permission: RequiredPermission) -> Statements:
    """The statements of the policy of the permission's resource."""
    parts = permission.resource.split(":")
    find = _POLICY_READERS.get(parts[2]) if len(parts) > 4 else None
    return find(parts[3], permission.resource) if find else ()


def _read_bucket_policy(region: str, resource: str) -> Statements:
    del region
    found = resource_lookup.find_bucket(resource.split(":::")[1].partition("/")[0])
    statements = policies.parse_statements(found.policy) if found is not None else ()
    # A bucket policy's denials apply to everybody: `bucket_policy` has evaluated them, with all keys of S3.
    return [statement for statement in statements if statement.get("Effect") == "Allow"]


def _read_table_policy(region: str, resource: str) -> Statements:
    found = dynamodb_backends[ACCOUNT][region].resource_policies.get(resource)
    return policies.parse_statements(found.policy_doc) if found is not None else ()


def _read_topic_policy(region: str, resource: str) -> Statements:
    found = sns_backends[ACCOUNT][region].topics.get(resource)
    return policies.parse_statements(found.policy) if found is not None else ()


def _read_queue_policy(region: str, resource: str) -> Statements:
    found = sqs_backends[ACCOUNT][region].queues.get(resource.rsplit(":", 1)[-1])
    return policies.parse_statements(found.policy) if found is not None else ()


def _read_function_policy(region: str, resource: str) -> Statements:
    if ":function:" not in resource:
        return ()
    functions: Any = lambda_backends[ACCOUNT][region]._lambdas
    function_versions = functions._functions.get(resource.split(":function:")[1].partition(":")[0])
    return (
        function_versions["latest"].policy.statements
        if function_versions and function_versions["latest"].policy
        else ()
    )


def _read_key_policy(region: str, resource: str) -> Statements:
    found = kms_backends[ACCOUNT][region].keys.get(resource.rsplit("/", 1)[-1])
    return policies.parse_statements(found.policy) if found is not None else ()


_POLICY_READERS = {
    "dynamodb": _read_table_policy,
    "kms": _read_key_policy,
    "lambda": _read_function_policy,
    "s3": _read_bucket_policy,
    "sns": _read_topic_policy,
    "sqs": _read_queue_policy,
}
"""Service -> the reader of a resource's own policy."""
