"""The functions that programs call: identity and region, policy documents, objects."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.engine.providers.policy_document import build_policy_document
from rehearsal.engine.providers.properties import Props
from rehearsal.engine.providers.provider_settings import ProviderSettings
from rehearsal.engine.providers.s3_objects import get_object


def _get_caller_identity(settings: ProviderSettings, args: Props) -> Props:
    identity = settings.get_client("sts").get_caller_identity()
    return {
        **args,
        "accountId": identity["Account"],
        "arn": identity["Arn"],
        "userId": identity["UserId"],
        "id": identity["Account"],
    }


def _get_region(settings: ProviderSettings, args: Props) -> Props:
    region = args.get("region") or args.get("name") or settings.region
    endpoint = f"ec2.{region}.amazonaws.com"
    return {**args, "region": region, "name": region, "id": region, "description": region, "endpoint": endpoint}


def _get_partition(settings: ProviderSettings, args: Props) -> Props:
    del settings  # the simulator is in the commercial partition
    return {
        **args,
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


INVOKES: dict[str, Callable[[ProviderSettings, Props], Props]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _get_caller_identity,
    "aws:index/getRegion:getRegion": _get_region,
    "aws:index/getPartition:getPartition": _get_partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": build_policy_document,
    "aws:s3/getObject:getObject": get_object,
}
"""Every function, by its Pulumi token."""
