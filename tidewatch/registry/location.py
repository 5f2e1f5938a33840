"""Finds a stack's registry: the bucket with the stack's tags that its parameter names.

Anybody who may write parameters can edit the parameter, so it counts only if the bucket has the tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import ClientError

from tidewatch.aws.errors import get_error_code
from tidewatch.registry.errors import RegistryError
from tidewatch.registry.recovery_commands import format_put_parameter_command

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

LEFT_BEHIND_TAG = "tidewatch:left"
"""The tag of a bucket that outlived its stack. Without it, a new stack of the same name would use it as its own."""

NOT_FOUND_CODES = ("NoSuchBucket", "404")
"""S3's codes for a bucket that does not exist."""
FORBIDDEN_CODES = ("AccessDenied", "403")
"""S3's codes for a bucket of another account, or one that the caller may not read."""
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Source: S3 user guide, "General purpose bucket naming rules"."""


class TaggingClient(Protocol):
    """The methods of the client `resourcegroupstaggingapi` that are used."""

    def get_resources(self, **kwargs: Any) -> Mapping[str, Any]:
        """Returns a page of the resources with these tags."""
        ...


class AmbiguousRegistry(RegistryError):
    """Several buckets could be the registry, and nothing shows which one is."""


@dataclass(frozen=True)
class RegistryLocation:
    """The bucket of a registry and its model."""

    bucket: str
    model: str


def build_parameter_name(project: str, stack: str) -> str:
    """Returns the name of the parameter with the registry's location."""
    return f"/tidewatch/{project}/{stack}/registry"


def find_registry(
    ssm: SSMClient, s3: S3Client, tagging: TaggingClient, project: str, stack: str
) -> RegistryLocation | None:
    """Returns the registry of a stack, or None if it has none yet. Raises AmbiguousRegistry, ClientError."""
    required_tags = _build_stack_tags(f"{project}/{stack}")
    if location := _find_parameter_registry(s3, read_parameter_bucket(ssm, project, stack), required_tags):
        return location
    locations = tuple(location for location, left in _find_tagged_registries(tagging, required_tags) if not left)
    if len(locations) > 1:
        buckets = " and ".join(sorted(location.bucket for location in locations))
        name = build_parameter_name(project, stack)
        raise AmbiguousRegistry(
            f"The parameter {name}, which names the registry of this stack, is missing or names no bucket with the "
            f"stack's tags, but several buckets have them: {buckets}. Set it to the right one: "
            + format_put_parameter_command(name, "BUCKET", locations[0].model, ssm.meta.region_name)
        )
    return locations[0] if locations else None


def list_left_behind_buckets(tagging: TaggingClient, project: str, stack: str) -> list[str]:
    """Returns the buckets with the tags of this stack's registry that are marked as left behind."""
    return sorted(
        location.bucket
        for location, left in _find_tagged_registries(tagging, _build_stack_tags(f"{project}/{stack}"))
        if left
    )


def build_registry_tags(stack: str, model: str) -> dict[str, str]:
    """Returns the tags that identify a registry's bucket. `stack` is PROJECT/STACK."""
    return {**_build_stack_tags(stack), "tidewatch:model": model}


def _build_stack_tags(stack: str) -> dict[str, str]:
    return {"tidewatch:stack": stack, "tidewatch:purpose": "registry"}


def read_parameter_bucket(ssm: SSMClient, project: str, stack: str) -> str:
    """Returns the bucket that the parameter names, whether or not it exists, or ""."""
    try:
        value = json.loads(ssm.get_parameter(Name=build_parameter_name(project, stack))["Parameter"].get("Value", ""))
    except (ssm.exceptions.ParameterNotFound, ValueError):
        return ""
    bucket = cast("dict[str, object]", value).get("bucket") if isinstance(value, dict) else None
    return bucket if isinstance(bucket, str) and BUCKET_NAME.fullmatch(bucket) else ""


def _find_parameter_registry(s3: S3Client, bucket: str, required_tags: Mapping[str, str]) -> RegistryLocation | None:
    """Returns the bucket that the parameter names, if it has the stack's tags.

    It reads the tags from the bucket, because Resource Groups learns those of a new one later.
    """
    try:
        tags = read_bucket_tags(s3, bucket) if bucket else None
    except ClientError as error:
        if get_error_code(error) in FORBIDDEN_CODES:
            return None
        raise
    if tags is None or not required_tags.items() <= tags.items():
        return None
    return RegistryLocation(bucket, tags.get("tidewatch:model", ""))


def read_bucket_tags(s3: S3Client, bucket: str) -> dict[str, str] | None:
    """Returns the tags of a bucket, or None if it does not exist.

    Raises ClientError, with one of FORBIDDEN_CODES if the caller may not read it.
    """
    try:
        return _get_bucket_tags(s3, bucket)
    except ClientError as error:
        if get_error_code(error) in NOT_FOUND_CODES:
            return None
        raise


def _find_tagged_registries(
    tagging: TaggingClient, required_tags: Mapping[str, str]
) -> Iterable[tuple[RegistryLocation, bool]]:
    """Yields the buckets with the tags of this stack's registry, each with whether it was left behind."""
    filters = [{"Key": key, "Values": [value]} for key, value in required_tags.items()]
    token = ""  # nosec B105 # no token
    while True:
        page = tagging.get_resources(TagFilters=filters, ResourceTypeFilters=["s3"], PaginationToken=token)
        for mapping in page["ResourceTagMappingList"]:
            tags: Mapping[str, str] = {tag["Key"]: tag["Value"] for tag in mapping["Tags"]}
            location = RegistryLocation(str(mapping["ResourceARN"]).rpartition(":")[2], tags.get("tidewatch:model", ""))
            yield location, LEFT_BEHIND_TAG in tags
        token = page.get("PaginationToken") or ""
        if not token:
            return


def mark_left_behind(s3: S3Client, bucket: str) -> None:
    """Marks a bucket as left behind, unless it is gone or takes no more tags."""
    with suppress(ClientError):
        _put_bucket_tags(s3, bucket, {**_get_bucket_tags(s3, bucket), LEFT_BEHIND_TAG: "true"})


def unmark_left_behind(s3: S3Client, bucket: str) -> None:
    """Removes the mark of a bucket whose stack exists."""
    tags = _get_bucket_tags(s3, bucket)
    if tags.pop(LEFT_BEHIND_TAG, None):
        _put_bucket_tags(s3, bucket, tags)


def _get_bucket_tags(s3: S3Client, bucket: str) -> dict[str, str]:
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    except ClientError as error:
        if get_error_code(error) == "NoSuchTagSet":
            return {}
        raise


def _put_bucket_tags(s3: S3Client, bucket: str, tags: Mapping[str, str]) -> None:
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": key, "Value": tags[key]} for key in tags]})
