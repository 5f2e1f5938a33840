"""What CloudTrail tells EventBridge of: roles that are taken, also in the console, and changes of buckets.

EventBridge has it in the region whose endpoint was called, and in no other.

Of all management calls these are what a rule here looks at; of the others no event is sent. Source: EventBridge user
guide, "AWS service events delivered via AWS CloudTrail", "Receiving read-only management events from AWS services"
(AssumeRole comes though it is read-only); CloudTrail user guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from moto.s3.exceptions import S3ClientError

from simulator.aws.identity.decision import Caller
from simulator.aws.world import PlatformEvent, running, world

DETAIL_TYPE = "AWS API Call via CloudTrail"
SIGN_IN = "AWS Console Sign In via CloudTrail"
READS = ("Get", "List", "Head")
"""How the actions begin of which EventBridge hears nothing."""


def called(
    service: str, event: str, parameters: Mapping[str, object], who: Caller | None, region: str, error: str = ""
) -> None:
    """Queues the event of a call, where a simulator runs; it is delivered once nothing is locked.

    who: None of an administrator's.
    """
    if not running():
        return
    detail: dict[str, object] = {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": event,
        "awsRegion": region,
        "requestParameters": dict(parameters),
        "userIdentity": _identity(who),
    }
    if error:
        detail["errorCode"] = error
    _tell(region, service, DETAIL_TYPE, detail)


def switched(who: Caller, origin: str, region: str) -> None:
    """Somebody switches to a role in the console, whose sign-in is served in this region; nobody calls that here.

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
        "userIdentity": {"type": "AssumedRole", "arn": who.shown},
    }
    _tell(region, "signin", SIGN_IN, detail)


def _tell(region: str, service: str, kind: str, detail: Mapping[str, object]) -> None:
    here = world()
    here.events.append(PlatformEvent(region, f"aws.{service}", kind, detail, (), here.now()))


@contextmanager
def of_bucket(action: str | None, bucket: str, who: Caller | None, region: str) -> Iterator[None]:
    """Tells of a call to a bucket once it was made, or refused. action: IAM's, None of a call that is not told of."""
    if not running() or action is None or action.startswith(READS):
        yield
        return
    try:
        yield
    except S3ClientError as refused:
        called("s3", action, {"bucketName": bucket}, who, region, refused.code)
        raise
    called("s3", action, {"bucketName": bucket}, who, region)


def _identity(who: Caller | None) -> dict[str, object]:
    if who is None:
        return {"type": "IAMUser"}
    issuer = {"type": "Role", "arn": who.role}
    return {"type": "AssumedRole", "arn": who.shown, "sessionContext": {"sessionIssuer": issuer}}
