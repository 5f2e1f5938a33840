"""AWS resource types and functions over boto3, a file for each service: replaces Pulumi's bridged provider.

`resolve_type` returns a type as a `pulumi.dynamic.ResourceProvider`; `invoke` runs a function. rehearsal.engine uses
both in this process, and rehearsal.engine.plugin uses them behind Pulumi's provider protocol.
"""

from __future__ import annotations

from rehearsal.engine.providers import (
    autoscaling,
    chatbot,
    cloudwatch,
    dynamodb,
    eventbridge,
    iam,
    kms,
    lambda_functions,
    lambda_settings,
    logs,
    s3_bucket_settings,
    s3_buckets,
    s3_objects,
    sagemaker,
    sns,
    sqs,
    ssm,
)
from rehearsal.engine.providers.autonaming import Autonaming, Naming
from rehearsal.engine.providers.invokes import INVOKES
from rehearsal.engine.providers.properties import Props, Unsupported, is_known, restore_integers
from rehearsal.engine.providers.provider_settings import ProviderSettings
from rehearsal.engine.providers.resource_spec import ResourceSpec
from rehearsal.engine.providers.resource_type import AwsResourceType

_SERVICES = (
    autoscaling,
    s3_bucket_settings,
    chatbot,
    cloudwatch,
    dynamodb,
    eventbridge,
    lambda_settings,
    iam,
    kms,
    lambda_functions,
    logs,
    s3_objects,
    s3_buckets,
    sagemaker,
    sns,
    sqs,
    ssm,
)
SPECS: dict[str, ResourceSpec] = {token: spec for service in _SERVICES for token, spec in service.SPECS.items()}
"""Every type, by its Pulumi token."""


def resolve_type(token: str, settings: ProviderSettings, name: str = "") -> AwsResourceType:
    """The type of a token, for the resource with this logical name. Raises Unsupported."""
    if token not in SPECS:
        raise Unsupported(f"the simulator has no {token}")
    return AwsResourceType(token, SPECS[token], settings, name)


def invoke(token: str, settings: ProviderSettings, args: Props) -> Props:
    """Runs a function (`aws:index/getRegion:getRegion`, ...). Raises Unsupported."""
    if token not in INVOKES:
        raise Unsupported(f"the simulator has no {token}")
    return INVOKES[token](settings, args)


__all__ = [
    "SPECS",
    "Autonaming",
    "AwsResourceType",
    "Naming",
    "Props",
    "ProviderSettings",
    "ResourceSpec",
    "Unsupported",
    "invoke",
    "is_known",
    "resolve_type",
    "restore_integers",
]
