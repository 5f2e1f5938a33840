"""From what was needed in one account to what a role is granted in any: a stack's names for the concrete ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.aws.identity.need import EVERYTHING, Need
from simulator.aws.world import ACCOUNT, REGION

Condition = Mapping[str, Mapping[str, str]]
STACK_TAG: Condition = {"StringEquals": {"aws:ResourceTag/tidewatch:stack": "{project}/{stack}"}}
"""What has no name of its own is told by the stack's tag."""
MADE_FOR_STACK: Condition = {"StringEquals": {"aws:RequestTag/tidewatch:stack": "{project}/{stack}"}}
TRACKING = "alarm:TargetTracking-"
"""How the alarms begin that Application Auto Scaling makes. It asks with names that are not documented whether a caller
may make them, so that they are granted whatever endpoint they are of."""
_USES = ("kms:Decrypt", "kms:GenerateDataKey")
_SUFFIX = re.compile(r"-[0-9a-f]{7}(?=$|/)")
_OWN_NAME = re.compile(r"^flights-[0-9a-f]{6}(?=-|$)")
_CONTENT = re.compile(r"-[0-9a-f]{10}(?=$|-)")


@dataclass(frozen=True)
class Grant:
    """An action on a resource under a condition; `why` is the activity, or the provider's source, that needs it."""

    action: str
    resource: str
    condition: Condition | None
    why: str


def grant(need: Need, why: str, project: str, stack: str) -> Grant:
    """The need of one account as a grant for any."""
    return Grant(need.action, _resource(need.resource, project, stack), _condition(need), why)


def _condition(need: Need) -> Condition | None:
    if need.action in _USES:
        # Not every key of the stack: whoever reads reports is not to open what was captured.
        purpose = need.keys["aws:resourcetag/tidewatch:purpose"]
        return {"StringEquals": {**STACK_TAG["StringEquals"], "aws:ResourceTag/tidewatch:purpose": purpose}}
    if need.resource.startswith("arn:aws:kms:"):
        return STACK_TAG
    if need.action in ("kms:CreateKey", "kms:TagResource"):
        return MADE_FOR_STACK
    if via := need.keys.get("aws:calledvialast"):
        # Not by hand: alarms of these names are not the stack's alone.
        return {"StringEquals": {"aws:CalledViaLast": via}}
    if need.action == "iam:PassRole":
        return {"StringEquals": {"iam:PassedToService": need.keys["iam:passedtoservice"]}}
    return None


def _resource(arn: str, project: str, stack: str) -> str:
    if arn == EVERYTHING:
        return arn
    _, _, service, region, account, rest = arn.split(":", 5)
    place = ":".join(
        (
            "arn:{partition}",
            service,
            region.replace(REGION, "{region}"),
            account.replace(ACCOUNT, "{account}"),
        )
    )
    return f"{place}:{_named(service, rest, project, stack)}"


def _named(service: str, rest: str, project: str, stack: str) -> str:
    if service == "s3":
        return _object(rest)
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
    if rest.startswith(TRACKING):
        return f"{TRACKING}*"
    if service == "chatbot":
        return "chat-configuration/slack-channel/{stem}-*"
    if service in ("sns", "sqs"):
        return _stemmed(rest)
    kind = re.match(r"[a-z-]+[:/]", rest)
    if kind is None:
        raise ValueError(f"no name of the stack is in {rest}")
    return f"{kind[0]}{_stemmed(rest.removeprefix(kind[0]))}"


def _stemmed(name: str) -> str:
    """flights-rollback-1a2b3c4 -> {stem}-rollback-*, below whatever folder it is in."""
    folder, slash, last = name.partition(":")[0].rpartition("/")
    bare = _CONTENT.sub("", _SUFFIX.sub("", last))
    own = _OWN_NAME.match(bare)
    word = bare[own.end() :] if own else "-".join(bare.split("-")[:2]).removeprefix("flights")
    end = "*" if own and word else "-*"
    return f"{folder}{slash}{{stem}}{'-{own}' if own else ''}{word}{end}"


def _object(rest: str) -> str:
    bucket, _, key = rest.partition("/")
    part = _SUFFIX.sub("", bucket).removeprefix("flights-")
    place = f"{{bucket}}-{part}-*"
    if not key:
        return place
    first = key.split("/")[0]
    return f"{place}/models/{{model}}/*" if first == "models" else f"{place}/{first}/*"
