"""What CloudTrail tells EventBridge of: roles that are taken, and changes of buckets.

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
    here = world()
    here.events.append(PlatformEvent(region, f"aws.{service}", DETAIL_TYPE, detail, (), here.now()))


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
