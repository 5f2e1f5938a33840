"""Actions of AWS services: with a role that trusts them, or by a resource's own policy.

Source: IAM user guide, "How permissions and policies provide access management" (a service is a principal only of
resource policies), "The confused deputy problem" (aws:SourceArn and aws:SourceAccount).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.iam.models import iam_backends

from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity import policies, policy_evaluation, resource_lookup
from rehearsal.aws.identity.permission import RequiredPermission

LAMBDA, SAGEMAKER, CHATBOT = "lambda.amazonaws.com", "sagemaker.amazonaws.com", "chatbot.amazonaws.com"
EVENTS, ALARMS = "events.amazonaws.com", "cloudwatch.amazonaws.com"


def find_role(arn: str) -> Any:
    """moto's role with an ARN, or None."""
    return next(
        (candidate for candidate in list(iam_backends[ACCOUNT]["aws"].roles.values()) if candidate.arn == arn), None
    )


def can_assume_role(service: str, arn: str) -> bool:
    """Whether a role trusts a service that acts for this account; True for an unknown role."""
    found = find_role(arn)
    if found is None:
        return True
    text = found.assume_role_policy_document
    statements = policies.parse_statements(text if isinstance(text, str) else policies.to_text(text))
    request = policies.PolicyRequest(service, "sts:AssumeRole", arn, {"aws:sourceaccount": ACCOUNT})
    is_denied = policies.has_match(statements, request, "Deny")
    return not is_denied and policies.has_match(statements, request, "Allow", names_caller=True)


def is_allowed(service: str, permission: RequiredPermission, source: str) -> bool:
    """Whether the policies of a resource and of its encryption key let a service act for `source`."""
    keys = {
        "aws:sourcearn": source,
        "aws:sourceaccount": ACCOUNT,
        "aws:sourceowner": ACCOUNT,
        "aws:securetransport": "true",
    }
    if service == EVENTS and permission.action == "lambda:InvokeFunction":
        # EventBridge sends only the rule's ARN: a condition on the account fails. Source: Lambda developer guide,
        # "Using resource-based policies for AWS Lambda": SourceAccount is for services whose ARNs do not contain it.
        del keys["aws:sourceaccount"]
    return all(
        _is_allowed_by_resource(service, requirement, keys)
        for requirement in (permission, *_list_key_permissions(permission))
    )


def _is_allowed_by_resource(service: str, permission: RequiredPermission, keys: Mapping[str, str]) -> bool:
    statements = policy_evaluation.read_resource_policy(permission)
    request = policies.PolicyRequest(service, permission.action, permission.resource, {**keys, **permission.keys})
    is_denied = policies.has_match(statements, request, "Deny")
    return not is_denied and policies.has_match(statements, request, "Allow", names_caller=True)


def _list_key_permissions(permission: RequiredPermission) -> list[RequiredPermission]:
    """The key permissions of a service that publishes to an encrypted topic.

    Source: SNS developer guide, "Key management".
    """
    key = resource_lookup.find_topic_key(permission.resource) if permission.action == "sns:Publish" else ""
    return [RequiredPermission(action, key) for action in ("kms:Decrypt", "kms:GenerateDataKey")] if key else []
