"""What of the config must agree with the stack's place, its hosts, and with what AWS counts together."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from stacks import hosting, places, schema
from stacks.aws_types import environment_faults
from tidewatch import tags
from tidewatch.people import LONGEST_TRUST, principal_patterns, trust

OWN_TAGS = 7
"""Tags that this program puts on one resource at most; a test counts them."""
OWN_VARIABLES = ("SAGEMAKER_TRITON_DEFAULT_MODEL_NAME", "SAGEMAKER_TRITON_LOG_VERBOSE")
"""The container's variables that are set where the config does not; a test compares them with what is deployed."""
LONGEST_POLICY = 20 * 1024
"""Characters of a bucket's policy. Source: S3 user guide, "Bucket policies"."""
LONGEST_LIST = LONGEST_POLICY // 2
"""Of them, what those who deploy may take up; the rest of the registry's policy is far shorter than the other half."""
DEFAULT_TAGS = "aws:defaultTags"
LONGEST_DEPLOYMENT = 14_400
"""Seconds after which SageMaker gives a deployment up, where the request says nothing else, and we stop waiting for it.
Source: AutoRollbackConfig and BlueGreenUpdatePolicy, "MaximumExecutionTimeoutInSeconds"."""

_KEY = re.compile(r"key/[a-zA-Z0-9-]+|alias/[a-zA-Z0-9/_-]+")


def disagreements(config: Mapping[str, object], found: Mapping[str, Any], namespace: str) -> Iterator[str]:
    """Mistakes that show only between values, where all of them could be read, each with its path."""
    region: str = found.get("region", "")
    yield from _tagged(config, found.get("tags", {}), namespace)
    if endpoint := cast("schema.Endpoint | None", found.get("endpoint")):
        yield from _hosted(endpoint, region, f"{namespace}:endpoint")
        yield from _contained(endpoint, found.get("variants", {}), namespace)
    if vpc := cast("schema.Vpc | None", found.get("vpc")):
        yield from _placed(vpc.subnets, region, f"{namespace}:vpc.subnets")
        yield from _placed(vpc.security_groups, region, f"{namespace}:vpc.securityGroups")
    if access := cast("schema.Access | None", found.get("access")):
        yield from _trusted(access.break_glass, region, f"{namespace}:access.breakGlass")
        yield from _trusted(access.capture_readers, region, f"{namespace}:access.captureReaders")
        yield from _listed(access.deployers, region, f"{namespace}:access.deployers")


def _placed(named: tuple[str, ...], region: str, path: str) -> Iterator[str]:
    for number, text in enumerate(named):
        place = places.arn(text)
        where = places.elsewhere(place, region) if place and region else None
        if where:
            yield f"{path}.{number}: {text} {where}; name one that is there"


def _trusted(people: tuple[str, ...], region: str, path: str) -> Iterator[str]:
    yield from _placed(people, region, path)
    document = json.dumps(trust(people, places.partitions().get(region, "aws"), "1" * 12), separators=(",", ":"))
    if len(document) > LONGEST_TRUST:
        yield (
            f"{path}: {len(people)} make a trust policy of {len(document)} characters, and IAM takes {LONGEST_TRUST}; "
            f"name a role that they share"
        )


def _listed(people: tuple[str, ...], region: str, path: str) -> Iterator[str]:
    yield from _placed(people, region, path)
    patterns = principal_patterns(people, places.partitions().get(region, "aws"), "1" * 12)
    if (length := sum(len(one) + 3 for one in patterns)) > LONGEST_LIST:
        yield (
            f"{path}: {len(people)} make {length} characters of a bucket's policy, of which S3 takes {LONGEST_POLICY}; "
            f"name a role that they share"
        )


def _hosted(endpoint: schema.Endpoint, region: str, path: str) -> Iterator[str]:
    if endpoint.volume_key:
        yield from _sealed(endpoint, region, path)
    yield from _in_time(endpoint, path)
    ami = endpoint.inference_ami_version
    if ami and not hosting.drives(ami, endpoint.instance_type):
        yield (
            f"{path}.inferenceAmiVersion: {ami} has no drivers for {endpoint.instance_type}; leave it out, or use one "
            f"that its name says is for such hosts"
        )


def _contained(endpoint: schema.Endpoint, variants: Mapping[str, schema.Variant], namespace: str) -> Iterator[str]:
    """All the variables of a container: the program's, the endpoint's and its variant's own."""
    shared = {**dict.fromkeys(OWN_VARIABLES, ""), **endpoint.environment}
    for fault in environment_faults(shared):
        yield f"{namespace}:endpoint.environment: {fault}"
    for slot, variant in variants.items():
        if variant.environment:
            for fault in environment_faults({**shared, **variant.environment}):
                yield f"{namespace}:variants.{slot}.environment: with endpoint.environment, {fault}"


def _in_time(endpoint: schema.Endpoint, path: str) -> Iterator[str]:
    """A rollout whose own waits, and the start of its hosts, take longer than a deployment may."""
    rollout = endpoint.rollout
    steps = {"allAtOnce": 0, "canary": 2, "linear": math.ceil(100 / rollout.step_percent)}[rollout.strategy]
    starting = endpoint.startup_seconds + endpoint.download_seconds
    whole = steps * rollout.wait_seconds + rollout.termination_wait_seconds + starting
    if whole > LONGEST_DEPLOYMENT:
        yield (
            f"{path}.rollout: {steps} steps of {rollout.wait_seconds} s, {rollout.termination_wait_seconds} s before "
            f"the old fleet goes and {starting} s to start are {whole} s, and SageMaker gives up after "
            f"{LONGEST_DEPLOYMENT}; wait less, or take larger steps"
        )


def _sealed(endpoint: schema.Endpoint, region: str, path: str) -> Iterator[str]:
    key, host = endpoint.volume_key, endpoint.instance_type
    place = places.arn(key)
    if place is None or place.service != "kms" or not _KEY.fullmatch(place.resource):
        yield (
            f'{path}.volumeKey: "{key}" is no ARN of a key; use one like arn:aws:kms:us-east-1:111122223333:key/KEY-ID '
            f"(the AWS provider takes neither an id nor an alias alone)"
        )
    elif where := places.elsewhere(place, region) if region else None:
        yield f"{path}.volumeKey: {key} {where}; use a key that is there"
    if hosting.keeps_local_storage(host):
        yield (
            f"{path}.volumeKey: {host} keeps its data on local disks that this key does not encrypt (they have their "
            f"own encryption); leave it out"
        )


def _tagged(config: Mapping[str, object], own: Mapping[str, str], namespace: str) -> Iterator[str]:
    """The user's tags with those that the AWS provider adds to everything: AWS counts them together."""
    try:
        added = _default_tags(config.get(DEFAULT_TAGS))
    except ValueError as wrong:
        yield f"{DEFAULT_TAGS}: {wrong}"
        return
    for fault in tags.faults(added, tags.TAGS_AN_OBJECT):
        objects = "; objects in S3 get them too" if fault.startswith("there are") else ""
        yield f"{DEFAULT_TAGS}.tags: {fault}{objects}"
    many = len({**added, **own}) + OWN_TAGS
    if many > tags.TAGS_A_RESOURCE:
        yield (
            f"{namespace}:tags: {len(own)} here, {len(added)} in {DEFAULT_TAGS} and up to {OWN_TAGS} of this program "
            f"are {many} on one resource; AWS takes {tags.TAGS_A_RESOURCE}"
        )
    if twice := tags.doubles({**added, **own}):
        yield f"{namespace}:tags: {', '.join(twice)} differ in capitals only, which IAM takes for one; use one spelling"


def _default_tags(raw: object) -> dict[str, str]:
    """The tags of the provider's config, {tags: {key: value}}, which arrives as an object or as its JSON text."""
    if raw in (None, "", {}):
        return {}
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
        declared = cast("Mapping[str, Mapping[str, Any]]", value).get("tags") or dict[str, Any]()
        return {str(key): str(text) for key, text in declared.items()}
    except (json.JSONDecodeError, AttributeError):
        raise ValueError(f"{raw!r} is no object of tags; use one like {{tags: {{team: ml}}}}") from None
