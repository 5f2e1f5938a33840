"""What in the config must agree with the stack's region, its hosts, and the limits that AWS counts together."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from stacks.config import regions, schema
from stacks.config.aws_types import find_environment_faults
from tidewatch.aws import instance_types, tags
from tidewatch.permissions.trust_policy import MAX_TRUST_POLICY_LENGTH, build_principal_patterns, build_trust_policy

OWN_TAG_COUNT = 7
"""The most tags that this program puts on one resource; a test counts them."""
OWN_VARIABLES = ("SAGEMAKER_TRITON_DEFAULT_MODEL_NAME", "SAGEMAKER_TRITON_LOG_VERBOSE")
"""The container's variables that the program sets if the config does not; a test compares them with what is
deployed."""
MAX_BUCKET_POLICY_LENGTH = 20 * 1024
"""The most characters of a bucket's policy. Source: S3 user guide, "Bucket policies"."""
MAX_DEPLOYER_LIST_LENGTH = MAX_BUCKET_POLICY_LENGTH // 2
"""The share of it that the deployers may take up; the rest of the registry's policy is much shorter than the other
half."""
DEFAULT_TAGS = "aws:defaultTags"
MAX_DEPLOYMENT_SECONDS = 14_400
"""Seconds after which SageMaker gives up a deployment by default, and the program stops waiting for it.

Source: AutoRollbackConfig and BlueGreenUpdatePolicy, "MaximumExecutionTimeoutInSeconds".
"""

_KMS_KEY_PATTERN = re.compile(r"key/[a-zA-Z0-9-]+|alias/[a-zA-Z0-9/_-]+")


def find_conflicts(config: Mapping[str, object], settings: Mapping[str, Any], namespace: str) -> Iterator[str]:
    """Yields mistakes that show only between values, each with its path, if all of these values could be read."""
    region: str = settings.get("region", "")
    yield from _find_tag_conflicts(config, settings.get("tags", {}), namespace)
    if endpoint := cast("schema.EndpointSettings | None", settings.get("endpoint")):
        yield from _find_host_conflicts(endpoint, region, f"{namespace}:endpoint")
        yield from _find_environment_conflicts(endpoint, settings.get("variants", {}), namespace)
    if vpc := cast("schema.VpcSettings | None", settings.get("vpc")):
        yield from _find_foreign_arns(vpc.subnets, region, f"{namespace}:vpc.subnets")
        yield from _find_foreign_arns(vpc.security_groups, region, f"{namespace}:vpc.securityGroups")
    if registry := cast("schema.RegistrySettings | None", settings.get("registry")):
        yield from _find_signing_conflicts(registry, f"{namespace}:registry")
    if access := cast("schema.AccessSettings | None", settings.get("access")):
        yield from _find_trust_policy_conflicts(access.break_glass, region, f"{namespace}:access.breakGlass")
        yield from _find_trust_policy_conflicts(access.capture_readers, region, f"{namespace}:access.captureReaders")
        yield from _find_deployer_list_conflicts(access.deployers, region, f"{namespace}:access.deployers")


def _find_foreign_arns(identifiers: tuple[str, ...], region: str, path: str) -> Iterator[str]:
    for index, text in enumerate(identifiers):
        arn = regions.parse_arn(text)
        mismatch = regions.describe_mismatch(arn, region) if arn and region else None
        if mismatch:
            yield f"{path}.{index}: {text} {mismatch}; name one that matches"


def _find_trust_policy_conflicts(people: tuple[str, ...], region: str, path: str) -> Iterator[str]:
    yield from _find_foreign_arns(people, region, path)
    document = json.dumps(
        build_trust_policy(people, regions.partitions().get(region, "aws"), "1" * 12), separators=(",", ":")
    )
    if len(document) > MAX_TRUST_POLICY_LENGTH:
        yield (
            f"{path}: {len(people)} make a trust policy of {len(document)} characters, and IAM allows "
            f"{MAX_TRUST_POLICY_LENGTH}; name a role that they share"
        )


def _find_deployer_list_conflicts(people: tuple[str, ...], region: str, path: str) -> Iterator[str]:
    yield from _find_foreign_arns(people, region, path)
    patterns = build_principal_patterns(people, regions.partitions().get(region, "aws"), "1" * 12)
    if (length := sum(len(pattern) + 3 for pattern in patterns)) > MAX_DEPLOYER_LIST_LENGTH:
        yield (
            f"{path}: {len(people)} make {length} characters of a bucket policy, and S3 allows "
            f"{MAX_BUCKET_POLICY_LENGTH}; name a role that they share"
        )


def _find_host_conflicts(endpoint: schema.EndpointSettings, region: str, path: str) -> Iterator[str]:
    if endpoint.volume_key:
        yield from _find_volume_key_conflicts(endpoint, region, path)
    yield from _find_rollout_conflicts(endpoint, path)
    ami = endpoint.inference_ami_version
    if ami and not instance_types.has_drivers(ami, endpoint.instance_type):
        yield (
            f"{path}.inferenceAmiVersion: {ami} has no drivers for {endpoint.instance_type}; remove it, or use an "
            "image whose name fits such hosts"
        )


def _find_environment_conflicts(
    endpoint: schema.EndpointSettings, variants: Mapping[str, schema.VariantSettings], namespace: str
) -> Iterator[str]:
    """Checks all variables of a container together: the program's, the endpoint's and its variant's own."""
    shared = {**dict.fromkeys(OWN_VARIABLES, ""), **endpoint.environment}
    for fault in find_environment_faults(shared):
        yield f"{namespace}:endpoint.environment: {fault}"
    for name, variant in variants.items():
        if variant.environment:
            for fault in find_environment_faults({**shared, **variant.environment}):
                yield f"{namespace}:variants.{name}.environment: with endpoint.environment, {fault}"


def _find_rollout_conflicts(endpoint: schema.EndpointSettings, path: str) -> Iterator[str]:
    """Yields a mistake if a rollout's waits and the start of its hosts take longer than a deployment may."""
    rollout = endpoint.rollout
    step_count = {"allAtOnce": 0, "canary": 2, "linear": math.ceil(100 / rollout.step_percent)}[rollout.strategy]
    startup_seconds = endpoint.startup_seconds + endpoint.download_seconds
    total_seconds = step_count * rollout.wait_seconds + rollout.termination_wait_seconds + startup_seconds
    if total_seconds > MAX_DEPLOYMENT_SECONDS:
        yield (
            f"{path}.rollout: {step_count} steps of {rollout.wait_seconds} s, {rollout.termination_wait_seconds} s "
            f"before the old fleet is removed and {startup_seconds} s to start are {total_seconds} s, and SageMaker "
            f"gives up after {MAX_DEPLOYMENT_SECONDS}; wait less, or take larger steps"
        )


def _find_volume_key_conflicts(endpoint: schema.EndpointSettings, region: str, path: str) -> Iterator[str]:
    key, host = endpoint.volume_key, endpoint.instance_type
    arn = regions.parse_arn(key)
    if arn is None or arn.service != "kms" or not _KMS_KEY_PATTERN.fullmatch(arn.resource):
        yield (
            f'{path}.volumeKey: "{key}" is not the ARN of a key; use one like '
            "arn:aws:kms:us-east-1:111122223333:key/KEY-ID (the AWS provider accepts neither a bare id nor an alias)"
        )
    elif mismatch := regions.describe_mismatch(arn, region) if region else None:
        yield f"{path}.volumeKey: {key} {mismatch}; use a key in the stack's region"
    if instance_types.has_local_nvme(host):
        yield (
            f"{path}.volumeKey: {host} keeps its data on local disks that this key does not encrypt (they have their "
            "own encryption); remove it"
        )


def _find_signing_conflicts(registry: schema.RegistrySettings, path: str) -> Iterator[str]:
    key = registry.signing_key
    if not key:
        return
    if not registry.signing:
        yield f"{path}.signingKey: is named, but nothing is signed with it; set signing to true, or remove signingKey"
    arn = regions.parse_arn(key)
    if arn is None or arn.service != "kms" or not arn.region or not arn.resource.startswith("key/"):
        yield (
            f'{path}.signingKey: "{key}" is not the ARN of a key; use one like '
            "arn:aws:kms:us-east-1:111122223333:key/KEY-ID (an alias may lead to another key tomorrow)"
        )


def _find_tag_conflicts(config: Mapping[str, object], own_tags: Mapping[str, str], namespace: str) -> Iterator[str]:
    """Checks the user's tags together with the AWS provider's default tags, because AWS counts them together."""
    try:
        provider_tags = _parse_default_tags(config.get(DEFAULT_TAGS))
    except ValueError as error:
        yield f"{DEFAULT_TAGS}: {error}"
        return
    for fault in tags.find_tag_faults(provider_tags, tags.MAX_OBJECT_TAGS):
        objects = "; S3 objects get them too" if fault.startswith("there are") else ""
        yield f"{DEFAULT_TAGS}.tags: {fault}{objects}"
    count = len({**provider_tags, **own_tags}) + OWN_TAG_COUNT
    if count > tags.MAX_RESOURCE_TAGS:
        yield (
            f"{namespace}:tags: {len(own_tags)} here, {len(provider_tags)} in {DEFAULT_TAGS} and up to "
            f"{OWN_TAG_COUNT} of this program are {count} on one resource; AWS allows {tags.MAX_RESOURCE_TAGS}"
        )
    if duplicates := tags.find_case_duplicates({**provider_tags, **own_tags}):
        yield (
            f"{namespace}:tags: {', '.join(duplicates)} differ only in capitals, and IAM treats them as one; use one "
            "spelling"
        )


def _parse_default_tags(raw: object) -> dict[str, str]:
    """Returns the tags of the provider's config, {tags: {key: value}}, given as an object or as its JSON text."""
    if raw in (None, "", {}):
        return {}
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
        declared = cast("Mapping[str, Mapping[str, Any]]", value).get("tags") or dict[str, Any]()
        return {str(key): str(text) for key, text in declared.items()}
    except (json.JSONDecodeError, AttributeError):
        raise ValueError(f"{raw!r} is not an object of tags; use one like {{tags: {{team: ml}}}}") from None
