"""The CloudTrail events in EventBridge: assumed roles, also from the console, and changes of buckets.

EventBridge receives them only in the region of the called endpoint.

A rule here needs only these management calls; no event is sent for others. Source: EventBridge user guide, "AWS service
events delivered via AWS CloudTrail", "Receiving read-only management events from AWS services" (AssumeRole is delivered
although it is read-only); CloudTrail user guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from moto.s3.exceptions import S3ClientError

from rehearsal.aws.account import current_account, is_simulating
from rehearsal.aws.events.platform_event import PlatformEvent
from rehearsal.aws.identity.policy_evaluation import Caller

DETAIL_TYPE = "AWS API Call via CloudTrail"
SIGN_IN = "AWS Console Sign In via CloudTrail"
READ_PREFIXES = ("Get", "List", "Head")
"""Prefixes of the actions that CloudTrail does not deliver to EventBridge."""


def record_call(
    service: str, event: str, parameters: Mapping[str, object], caller: Caller | None, region: str, error: str = ""
) -> None:
    """Queues the event of a call if a simulator runs; it is delivered when no lock is held.

    A `caller` of None is an administrator.
    """
    if not is_simulating():
        return
    detail: dict[str, object] = {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": event,
        "awsRegion": region,
        "requestParameters": dict(parameters),
        "userIdentity": _describe_identity(caller),
    }
    if error:
        detail["errorCode"] = error
    _queue_event(region, service, DETAIL_TYPE, detail)


def record_role_switch(caller: Caller, origin: str, region: str) -> None:
    """Records a switch of role in the console, whose sign-in is in this region; no API call represents it.

    Source: CloudTrail user guide, "AWS Management Console sign-in events": the event has the session and no issuer.
    """
    detail = {
        "eventSource": "signin.amazonaws.com",
        "eventName": "SwitchRole",
        "awsRegion": region,
        "requestParameters": None,
        "responseElements": {"SwitchRole": "Success"},
        "additionalEventData": {"SwitchFrom": origin},
        "eventType": "AwsConsoleSignIn",
        "userIdentity": {"type": "AssumedRole", "arn": caller.session_arn},
    }
    _queue_event(region, "signin", SIGN_IN, detail)


def _queue_event(region: str, service: str, kind: str, detail: Mapping[str, object]) -> None:
    account = current_account()
    account.events.append(PlatformEvent(region, f"aws.{service}", kind, detail, (), account.now()))


@contextmanager
def record_bucket_call(action: str | None, bucket: str, caller: Caller | None, region: str) -> Iterator[None]:
    """Records a call to a bucket after it was made or refused.

    `action` is IAM's; None for a call that CloudTrail does not deliver.
    """
    if not is_simulating() or action is None or action.startswith(READ_PREFIXES):
        yield
        return
    try:
        yield
    except S3ClientError as error:
        record_call("s3", action, {"bucketName": bucket}, caller, region, error.code)
        raise
    record_call("s3", action, {"bucketName": bucket}, caller, region)


def _describe_identity(caller: Caller | None) -> dict[str, object]:
    if caller is None:
        return {"type": "IAMUser"}
    issuer = {"type": "Role", "arn": caller.role}
    return {"type": "AssumedRole", "arn": caller.session_arn, "sessionContext": {"sessionIssuer": issuer}}
