"""Where a stack's registry is: in the bucket with the stack's tags, of which its parameter says which one it is.

The parameter is anybody's to edit who may write parameters, so it is believed only where the bucket bears it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import ClientError, ParamValidationError

from tidewatch.items import error_code
from tidewatch.registry.errors import RegistryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

LEFT = "tidewatch:left"
"""The tag of a bucket that outlived its stack: without it, a stack of the same name would take it for its own."""

NOT_OURS = ("NoSuchBucket", "AccessDenied", "403", "404")
"""What S3 says of a bucket that is gone, or another account's."""


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
    name = parameter_name(project, stack)
    wanted = _wanted(f"{project}/{stack}")
    if place := _told(ssm, s3, name, wanted):
        return place
    places = tuple(_tagged(tagging, wanted))
    if len(places) > 1:
        buckets = " and ".join(sorted(place.bucket for place in places))
        raise RegistryAmbiguous(
            f"The parameter {name}, which says where the registry of this stack is, is gone or names no bucket with "
            f"its tags, and {buckets} all carry them. Write it again for the one that it is: "
            f"aws ssm put-parameter --type String --overwrite --name {name} "
            f'--value \'{{"bucket": "BUCKET", "prefix": "models/{places[0].model}/"}}\''
        )
    return places[0] if places else None


def _wanted(stack: str) -> Mapping[str, str]:
    return {"tidewatch:stack": stack, "tidewatch:purpose": "registry"}


def named(ssm: SSMClient, project: str, stack: str) -> str:
    """The bucket that the parameter names, whether it is there or not; "" where it names none."""
    try:
        told = json.loads(ssm.get_parameter(Name=parameter_name(project, stack))["Parameter"].get("Value", ""))
    except (ssm.exceptions.ParameterNotFound, ValueError):
        return ""
    bucket = cast("dict[str, object]", told).get("bucket") if isinstance(told, dict) else None
    return bucket if isinstance(bucket, str) else ""


def again(bucket: str, stack: str, model: str, region: str) -> str:
    """The commands that make a registry's bucket again, under its name and with the tags by which it is found."""
    there = "" if region == "us-east-1" else f" --create-bucket-configuration LocationConstraint={region}"
    tags = {**_wanted(stack), "tidewatch:model": model}
    listed = ",".join(f"{{Key={key},Value={value}}}" for key, value in tags.items())
    return (
        f"aws s3api create-bucket --region {region} --bucket {bucket}{there} && "
        f"aws s3api put-bucket-tagging --region {region} --bucket {bucket} --tagging 'TagSet=[{listed}]'"
    )


def _told(ssm: SSMClient, s3: S3Client, name: str, wanted: Mapping[str, str]) -> Place | None:
    """What the parameter says, if it names a bucket that carries the stack's tags.

    The bucket is asked itself: Resource Groups hears of a new one's tags later.
    """
    try:
        bucket = json.loads(ssm.get_parameter(Name=name)["Parameter"].get("Value", ""))["bucket"]
        tags = _tags(s3, bucket)
    except ssm.exceptions.ParameterNotFound:
        return None
    except (ValueError, LookupError, TypeError, ParamValidationError):
        return None
    except ClientError as error:
        if error_code(error) in NOT_OURS:
            return None
        raise
    ours = wanted.items() <= tags.items()
    return Place(bucket, tags.get("tidewatch:model", "")) if ours else None


def _tagged(tagging: Tagging, wanted: Mapping[str, str]) -> Iterable[Place]:
    """The buckets that are tagged as this stack's registry, without those that a stack of that name left behind."""
    filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
    token = ""
    while True:
        page = tagging.get_resources(TagFilters=filters, ResourceTypeFilters=["s3"], PaginationToken=token)
        for found in page["ResourceTagMappingList"]:
            tags: Mapping[str, str] = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
            if LEFT not in tags:
                yield Place(str(found["ResourceARN"]).rpartition(":")[2], tags.get("tidewatch:model", ""))
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
