"""Generalizes the permissions needed in one account to grants for any account, with placeholders for names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rehearsal.aws.constants import ACCOUNT, REGION
from rehearsal.aws.identity.permission import ALL_RESOURCES, RequiredPermission

Condition = Mapping[str, Mapping[str, str]]
STACK_TAG: Condition = {"StringEquals": {"aws:ResourceTag/tidewatch:stack": "{project}/{stack}"}}
"""Identifies resources that have no name by the stack's tag."""
STACK_REQUEST_TAG: Condition = {"StringEquals": {"aws:RequestTag/tidewatch:stack": "{project}/{stack}"}}
TARGET_TRACKING_PREFIX = "alarm:TargetTracking-"
"""The prefix of alarms that Application Auto Scaling creates.

It checks whether the caller may create them, under names that are not documented, so they are granted for every
endpoint.
"""
_KEY_USE_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey", "kms:GetPublicKey", "kms:Sign")
_SUFFIX = re.compile(r"-[0-9a-f]{7}(?=$|/)")
_OWN_NAME = re.compile(r"^flights-[0-9a-f]{6}(?=-|$)")
_CONTENT_HASH = re.compile(r"-[0-9a-f]{10}(?=$|-)")


@dataclass(frozen=True)
class Grant:
    """An action on a resource under a condition."""

    action: str
    resource: str
    condition: Condition | None
    reason: str
    """The activity, or the provider's source file, that needs it."""


def to_grant(need: RequiredPermission, reason: str, project: str, stack: str) -> Grant:
    """Generalizes a permission needed in one account to a grant for any account."""
    return Grant(need.action, _generalize_arn(need.resource, project, stack), _build_condition(need), reason)


def _build_condition(need: RequiredPermission) -> Condition | None:
    if need.action in _KEY_USE_ACTIONS:
        # Limited to keys of one purpose: a reader of reports must not decrypt captured data, and who signs versions
        # must sign nothing else.
        purpose = need.keys["aws:resourcetag/tidewatch:purpose"]
        return {"StringEquals": {**STACK_TAG["StringEquals"], "aws:ResourceTag/tidewatch:purpose": purpose}}
    if need.resource.startswith("arn:aws:kms:"):
        return STACK_TAG
    if need.action in ("kms:CreateKey", "kms:TagResource"):
        return STACK_REQUEST_TAG
    if via := need.keys.get("aws:calledvialast"):
        # Limited to calls via the service: alarms with these names can belong to others.
        return {"StringEquals": {"aws:CalledViaLast": via}}
    if need.action == "iam:PassRole":
        return {"StringEquals": {"iam:PassedToService": need.keys["iam:passedtoservice"]}}
    return None


def _generalize_arn(arn: str, project: str, stack: str) -> str:
    if arn == ALL_RESOURCES:
        return arn
    _, _, service, region, account, rest = arn.split(":", 5)
    prefix = ":".join(
        (
            "arn:{partition}",
            service,
            region.replace(REGION, "{region}"),
            account.replace(ACCOUNT, "{account}"),
        )
    )
    return f"{prefix}:{_generalize_name(service, rest, project, stack)}"


def _generalize_name(service: str, rest: str, project: str, stack: str) -> str:
    if service == "s3":
        return _generalize_object(rest)
    if service == "kms":
        return "key/*"
    if service == "ssm":
        return (
            f"parameter/tidewatch/{{project}}/{{stack}}/{rest.removeprefix(f'parameter/tidewatch/{project}/{stack}/')}"
        )
    if service == "application-autoscaling":
        return "scalable-target/*"
    if service == "events" and rest.startswith("event-bus/"):
        return rest
    if rest.startswith(TARGET_TRACKING_PREFIX):
        return f"{TARGET_TRACKING_PREFIX}*"
    if service == "chatbot":
        return "chat-configuration/slack-channel/{stem}-*"
    if service in ("sns", "sqs"):
        return _replace_name_prefix(rest)
    kind = re.match(r"[a-z-]+[:/]", rest)
    if kind is None:
        raise ValueError(f"no name of the stack is in {rest}")
    return f"{kind[0]}{_replace_name_prefix(rest.removeprefix(kind[0]))}"


def _replace_name_prefix(name: str) -> str:
    """flights-rollback-1a2b3c4 -> {stem}-rollback-*, within any folder."""
    folder, slash, last = name.partition(":")[0].rpartition("/")
    base_name = _CONTENT_HASH.sub("", _SUFFIX.sub("", last))
    own_name = _OWN_NAME.match(base_name)
    suffix = base_name[own_name.end() :] if own_name else "-".join(base_name.split("-")[:2]).removeprefix("flights")
    end = "*" if own_name and suffix else "-*"
    return f"{folder}{slash}{{stem}}{'-{own}' if own_name else ''}{suffix}{end}"


def _generalize_object(rest: str) -> str:
    bucket, _, key = rest.partition("/")
    bucket_kind = _SUFFIX.sub("", bucket).removeprefix("flights-")
    bucket_pattern = f"{{bucket}}-{bucket_kind}-*"
    if not key:
        return bucket_pattern
    first = key.split("/")[0]
    return f"{bucket_pattern}/models/{{model}}/*" if first == "models" else f"{bucket_pattern}/{first}/*"
