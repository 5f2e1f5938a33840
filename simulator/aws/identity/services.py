"""What AWS's services do by themselves: with a role that trusts them, or where a resource's own policy lets them.

Source: IAM user guide, "How permissions and policies provide access management" (a service is a principal of resource
policies alone), "The confused deputy problem" (aws:SourceArn and aws:SourceAccount).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.iam.models import iam_backends

from simulator.aws import policies
from simulator.aws.identity import decision, facts
from simulator.aws.identity.need import Need
from simulator.aws.world import ACCOUNT

LAMBDA, SAGEMAKER, CHATBOT = "lambda.amazonaws.com", "sagemaker.amazonaws.com", "chatbot.amazonaws.com"
EVENTS, ALARMS = "events.amazonaws.com", "cloudwatch.amazonaws.com"


def role(arn: str) -> Any:
    """moto's role of an ARN, or None."""
    return next((one for one in list(iam_backends[ACCOUNT]["aws"].roles.values()) if one.arn == arn), None)


def takes(service: str, arn: str) -> bool:
    """Whether a role trusts a service that acts for this account; True where there is no such role to ask."""
    found = role(arn)
    if found is None:
        return True
    text = found.assume_role_policy_document
    trusted = policies.statements(text if isinstance(text, str) else policies.text(text))
    asked = policies.Request(service, "sts:AssumeRole", arn, {"aws:sourceaccount": ACCOUNT})
    denied = policies.matches(trusted, asked, "Deny")
    return not denied and policies.matches(trusted, asked, "Allow", named=True)


def lets(service: str, need: Need, source: str) -> bool:
    """Whether the policy of a resource, and that of the key it is sealed with, let a service act for `source`."""
    keys = {
        "aws:sourcearn": source,
        "aws:sourceaccount": ACCOUNT,
        "aws:sourceowner": ACCOUNT,
        "aws:securetransport": "true",
    }
    if service == EVENTS and need.action == "lambda:InvokeFunction":
        # It sends the rule's ARN alone: a condition on the account fails. Source: Lambda developer guide, "Using
        # resource-based policies for AWS Lambda": SourceAccount is for services whose ARNs do not hold it.
        del keys["aws:sourceaccount"]
    return all(_allowed(service, one, keys) for one in (need, *_sealed(need)))


def _allowed(service: str, need: Need, keys: Mapping[str, str]) -> bool:
    statements = decision.resource_policy(need)
    asked = policies.Request(service, need.action, need.resource, {**keys, **need.keys})
    denied = policies.matches(statements, asked, "Deny")
    return not denied and policies.matches(statements, asked, "Allow", named=True)


def _sealed(need: Need) -> list[Need]:
    """Source: SNS developer guide, "Key management": what a service that publishes to an encrypted topic needs."""
    key = facts.topic_key(need.resource) if need.action == "sns:Publish" else ""
    return [Need(action, key) for action in ("kms:Decrypt", "kms:GenerateDataKey")] if key else []
