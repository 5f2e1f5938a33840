"""The functions programs call: who and where we are, policy documents, objects."""

from __future__ import annotations

from collections.abc import Callable

from simulator.provider.objects import get_object
from simulator.provider.policy_document import policy_document
from simulator.provider.settings import Settings
from simulator.provider.values import Props


def _caller(settings: Settings, args: Props) -> Props:
    who = settings.client("sts").get_caller_identity()
    return {**args, "accountId": who["Account"], "arn": who["Arn"], "userId": who["UserId"], "id": who["Account"]}


def _region(settings: Settings, args: Props) -> Props:
    region = args.get("region") or args.get("name") or settings.region
    endpoint = f"ec2.{region}.amazonaws.com"
    return {**args, "region": region, "name": region, "id": region, "description": region, "endpoint": endpoint}


def _partition(settings: Settings, args: Props) -> Props:
    del settings  # the simulator is the commercial partition
    return {
        **args,
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


FUNCTIONS: dict[str, Callable[[Settings, Props], Props]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": policy_document,
    "aws:s3/getObject:getObject": get_object,
}
"""Every function, by its Pulumi token."""
