"""Where a stack's registry is: in the bucket with the stack's tags, of which its parameter says which one it is.

The parameter is anybody's to edit who may write parameters, so it is believed only where the bucket bears it out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import ClientError

from tidewatch.items import error_code
from tidewatch.registry.errors import RegistryError
from tidewatch.registry.rescue import write_parameter

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

LEFT = "tidewatch:left"
"""The tag of a bucket that outlived its stack: without it, a stack of the same name would take it for its own."""

GONE = ("NoSuchBucket", "404")
"""What S3 says of a bucket that is gone."""
CLOSED = ("AccessDenied", "403")
"""What S3 says of a bucket that is another account's, or that one may not ask about."""
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Source: S3 user guide, "General purpose bucket naming rules"."""


class Tagging(Protocol):
    """The client `resourcegroupstaggingapi`, as far as it is used."""

    def get_resources(self, **given: Any) -> Mapping[str, Any]:
        """A page of what carries these tags."""
        ...


class RegistryAmbiguous(RegistryError):
    """Several buckets could be the registry, and nothing says which is."""


@dataclass(frozen=True)
class Place:
    """The bucket of a registry, and the model that it is of."""

    bucket: str
    model: str


def parameter_name(project: str, stack: str) -> str:
    """The parameter that says where the registry is."""
    return f"/tidewatch/{project}/{stack}/registry"


def find(ssm: SSMClient, s3: S3Client, tagging: Tagging, project: str, stack: str) -> Place | None:
    """Where the registry of a stack is; None where it has none yet. Raises RegistryAmbiguous, ClientError."""
    wanted = _wanted(f"{project}/{stack}")
    if place := _told(s3, named(ssm, project, stack), wanted):
        return place
    places = tuple(place for place, left in _tagged(tagging, wanted) if not left)
    if len(places) > 1:
        buckets = " and ".join(sorted(place.bucket for place in places))
        name = parameter_name(project, stack)
        raise RegistryAmbiguous(
            f"The parameter {name}, which says where the registry of this stack is, is gone or names no bucket with "
            f"its tags, and {buckets} all carry them. Write it again for the one that it is: "
            + write_parameter(name, "BUCKET", places[0].model, ssm.meta.region_name)
        )
    return places[0] if places else None


def left_behind(tagging: Tagging, project: str, stack: str) -> list[str]:
    """The buckets with the tags of this stack's registry that are marked as left behind."""
    return sorted(place.bucket for place, left in _tagged(tagging, _wanted(f"{project}/{stack}")) if left)


def tags_of(stack: str, model: str) -> dict[str, str]:
    """The tags by which a registry's bucket is found; stack: PROJECT/STACK."""
    return {**_wanted(stack), "tidewatch:model": model}


def _wanted(stack: str) -> dict[str, str]:
    return {"tidewatch:stack": stack, "tidewatch:purpose": "registry"}


def named(ssm: SSMClient, project: str, stack: str) -> str:
    """The bucket that the parameter names, whether it is there or not; "" where it names none."""
    try:
        told = json.loads(ssm.get_parameter(Name=parameter_name(project, stack))["Parameter"].get("Value", ""))
    except (ssm.exceptions.ParameterNotFound, ValueError):
        return ""
    bucket = cast("dict[str, object]", told).get("bucket") if isinstance(told, dict) else None
    return bucket if isinstance(bucket, str) and BUCKET_NAME.fullmatch(bucket) else ""


def _told(s3: S3Client, bucket: str, wanted: Mapping[str, str]) -> Place | None:
    """The bucket that the parameter names, if it carries the stack's tags.

    It is asked itself: Resource Groups hears of a new one's tags later.
    """
    try:
        tags = carried(s3, bucket) if bucket else None
    except ClientError as error:
        if error_code(error) in CLOSED:
            return None
        raise
    if tags is None or not wanted.items() <= tags.items():
        return None
    return Place(bucket, tags.get("tidewatch:model", ""))


def carried(s3: S3Client, bucket: str) -> dict[str, str] | None:
    """The tags of a bucket; None where it is gone.

    Raises ClientError, with a code of CLOSED where it may not be seen.
    """
    try:
        return _tags(s3, bucket)
    except ClientError as error:
        if error_code(error) in GONE:
            return None
        raise


def _tagged(tagging: Tagging, wanted: Mapping[str, str]) -> Iterable[tuple[Place, bool]]:
    """The buckets that are tagged as this stack's registry, each with whether a stack of that name left it behind."""
    filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
    token = ""  # nosec B105 # no token
    while True:
        page = tagging.get_resources(TagFilters=filters, ResourceTypeFilters=["s3"], PaginationToken=token)
        for found in page["ResourceTagMappingList"]:
            tags: Mapping[str, str] = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
            place = Place(str(found["ResourceARN"]).rpartition(":")[2], tags.get("tidewatch:model", ""))
            yield place, LEFT in tags
        token = page.get("PaginationToken") or ""
        if not token:
            return


def leave(s3: S3Client, bucket: str) -> None:
    """Marks a bucket as left behind. One that is gone, or takes no more tags, is left without a mark."""
    with suppress(ClientError):
        _tag(s3, bucket, {**_tags(s3, bucket), LEFT: "true"})


def take_back(s3: S3Client, bucket: str) -> None:
    """Takes the mark of a bucket away: its stack lives."""
    tags = _tags(s3, bucket)
    if tags.pop(LEFT, None):
        _tag(s3, bucket, tags)


def _tags(s3: S3Client, bucket: str) -> dict[str, str]:
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    except ClientError as error:
        if error_code(error) == "NoSuchTagSet":
            return {}
        raise


def _tag(s3: S3Client, bucket: str, tags: Mapping[str, str]) -> None:
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": key, "Value": tags[key]} for key in tags]})
