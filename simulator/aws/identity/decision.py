"""Whether a caller's policies allow what a call needs, together with the policies of the resource.

Source: IAM user guide, "Policy evaluation logic" and "Troubleshoot access denied error messages"; for keys, KMS
developer guide, "Key policies": an identity's policy counts only where the key's policy lets the account.
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

from simulator.aws import policies
from simulator.aws.identity import facts
from simulator.aws.identity.need import Need
from simulator.aws.world import ACCOUNT

Statements = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Caller:
    """Who calls: a role, and the session under which messages name it."""

    role: str
    session: str

    @property
    def shown(self) -> str:
        """The ARN that a refusal names."""
        name = self.role.rsplit("/", 1)[-1]
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{self.session}"


def may(function: Any, *needs: Need) -> bool:
    """Whether a function's role allows what Lambda does for it with that role: logging, destinations."""
    caller = Caller(function.role, function.function_name)
    return all(refusal(caller, need) is None for need in needs)


def refusal(caller: Caller, need: Need) -> str | None:
    """Why the caller may not, as AWS says it; None where it may."""
    told = f"User: {caller.shown} is not authorized to perform: {need.action} on resource: {need.resource}"
    keys = {"aws:principalarn": caller.role, "aws:securetransport": "true", **need.keys}
    request = policies.Request(caller.role, need.action, need.resource, keys)
    own, boundary = _identity(caller.role)
    resource = resource_policy(need)
    held = {"an identity-based policy": own, "a permissions boundary": boundary or ()}
    for kind, statements in {**held, "a resource-based policy": resource}.items():
        if policies.matches(statements, request, "Deny"):
            return f"{told} with an explicit deny in {kind}"
    if boundary is not None and not policies.matches(boundary, request, "Allow"):
        return f"{told} because no permissions boundary allows the {need.action} action"
    allowed = policies.matches(own, request, "Allow")
    if ":key/" in need.resource and need.resource.startswith("arn:aws:kms:"):
        return _by_key(need, told, allowed, resource, request)
    if allowed or policies.matches(resource, request, "Allow", named=True):
        return None
    return f"{told} because no identity-based policy allows the {need.action} action"


def _by_key(need: Need, told: str, allowed: bool, policy: Statements, request: policies.Request) -> str | None:
    if policies.matches(policy, request, "Allow", named=True):
        return None
    if not policies.matches(policy, request, "Allow"):
        return f"{told} because no resource-based policy allows the {need.action} action"
    return None if allowed else f"{told} because no identity-based policy allows the {need.action} action"


def _identity(role: str) -> tuple[list[Mapping[str, Any]], Statements | None]:
    """The statements of a role's own policies, and those of its boundary where it has one."""
    backend = iam_backends[ACCOUNT]["aws"]
    found = next((one for one in backend.roles.values() if one.arn == role), None)
    if found is None:
        return [], None
    texts = [*found.policies.values(), *(_document(one) for one in found.managed_policies.values())]
    bounded = backend.managed_policies.get(found.permissions_boundary_arn or "")
    boundary = policies.statements(_document(bounded)) if bounded is not None else None
    return [statement for text in texts for statement in policies.statements(text)], boundary


def _document(managed: Any) -> str:
    """The version of a managed policy that counts."""
    return next(one.document for one in managed.versions if one.version_id == managed.default_version_id)


def resource_policy(need: Need) -> Statements:
    """The statements of the policy that the need's resource itself has."""
    parts = need.resource.split(":")
    find = _POLICIES.get(parts[2]) if len(parts) > 4 else None
    return find(parts[3], need.resource) if find else ()


def _of_bucket(region: str, resource: str) -> Statements:
    del region
    found = facts.bucket(resource.split(":::")[1].partition("/")[0])
    statements = policies.statements(found.policy) if found is not None else ()
    # What a bucket's policy denies, it denies to everybody: `bucket_policy` has decided that, with all of S3's keys.
    return [one for one in statements if one.get("Effect") == "Allow"]


def _of_table(region: str, resource: str) -> Statements:
    found = dynamodb_backends[ACCOUNT][region].resource_policies.get(resource)
    return policies.statements(found.policy_doc) if found is not None else ()


def _of_topic(region: str, resource: str) -> Statements:
    found = sns_backends[ACCOUNT][region].topics.get(resource)
    return policies.statements(found.policy) if found is not None else ()


def _of_queue(region: str, resource: str) -> Statements:
    found = sqs_backends[ACCOUNT][region].queues.get(resource.rsplit(":", 1)[-1])
    return policies.statements(found.policy) if found is not None else ()


def _of_function(region: str, resource: str) -> Statements:
    if ":function:" not in resource:
        return ()
    functions: Any = lambda_backends[ACCOUNT][region]._lambdas
    held = functions._functions.get(resource.split(":function:")[1].partition(":")[0])
    return held["latest"].policy.statements if held and held["latest"].policy else ()


def _of_key(region: str, resource: str) -> Statements:
    found = kms_backends[ACCOUNT][region].keys.get(resource.rsplit("/", 1)[-1])
    return policies.statements(found.policy) if found is not None else ()


_POLICIES = {
    "dynamodb": _of_table,
    "kms": _of_key,
    "lambda": _of_function,
    "s3": _of_bucket,
    "sns": _of_topic,
    "sqs": _of_queue,
}
"""Service -> the statements of a resource's own policy."""
