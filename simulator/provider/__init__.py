"""AWS resource types and functions over boto3, one file a service: what Pulumi's bridged aws provider would do.

`aws_type` gives a type as a `pulumi.dynamic.ResourceProvider`, `call` runs a function (an "invoke"). Both are
used by simulator.engine in this process and by simulator.plugin behind Pulumi's provider protocol.
"""

from __future__ import annotations

from simulator.provider import (
    autoscaling,
    bucket_settings,
    chatbot,
    cloudwatch,
    dynamodb,
    events,
    function_settings,
    iam,
    kms,
    lambdas,
    logs,
    objects,
    s3,
    sagemaker,
    sns,
    sqs,
    ssm,
)
from simulator.provider.base import Autonaming, AwsType, Naming, Settings, Spec
from simulator.provider.functions import FUNCTIONS
from simulator.provider.values import Props, Unsupported, known, whole

_SERVICES = (
    autoscaling,
    bucket_settings,
    chatbot,
    cloudwatch,
    dynamodb,
    events,
    function_settings,
    iam,
    kms,
    lambdas,
    logs,
    objects,
    s3,
    sagemaker,
    sns,
    sqs,
    ssm,
)
SPECS: dict[str, Spec] = {token: spec for service in _SERVICES for token, spec in service.SPECS.items()}
"""Every type, by its Pulumi token."""


def aws_type(token: str, settings: Settings, name: str = "") -> AwsType:
    """The type behind a token for the resource of this logical name. Raises Unsupported."""
    if token not in SPECS:
        raise Unsupported(f"the simulator has no {token}")
    return AwsType(token, SPECS[token], settings, name)


def call(token: str, settings: Settings, args: Props) -> Props:
    """Runs a function (`aws:index/getRegion:getRegion`, ...). Raises Unsupported."""
    if token not in FUNCTIONS:
        raise Unsupported(f"the simulator has no {token}")
    return FUNCTIONS[token](settings, args)


__all__ = [
    "SPECS",
    "Autonaming",
    "AwsType",
    "Naming",
    "Props",
    "Settings",
    "Spec",
    "Unsupported",
    "aws_type",
    "call",
    "known",
    "whole",
]
