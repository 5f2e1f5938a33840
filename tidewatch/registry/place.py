"""Where a stack's registry is: what its parameter says, or the tags of the bucket itself where that is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from tidewatch.items import error_code
from tidewatch.registry.errors import RegistryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

LEFT = "tidewatch:left"
"""The tag of a bucket that outlived its stack: without it, a stack of the same name would take it for its own."""


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

    @classmethod
    def from_json(cls, text: str) -> Place:
        said = json.loads(text)
        return cls(str(said["bucket"]), str(said["prefix"]).strip("/").rpartition("/")[2])


def parameter_name(project: str, stack: str) -> str:
    """The parameter that says where the registry is."""
    return f"/tidewatch/{project}/{stack}/registry"


def find(ssm: SSMClient, tagging: Tagging, project: str, stack: str) -> Place | None:
    """Where the registry of a stack is; None where it has none yet. Raises RegistryAmbiguous, ClientError."""
    name = parameter_name(project, stack)
    try:
        return Place.from_json(ssm.get_parameter(Name=name)["Parameter"].get("Value", ""))
    except ssm.exceptions.ParameterNotFound:
        places = tuple(_tagged(tagging, f"{project}/{stack}"))
    if len(places) > 1:
        buckets = " and ".join(sorted(place.bucket for place in places))
        raise RegistryAmbiguous(
            f"The parameter {name}, which says where the registry of this stack is, is gone, and {buckets} all carry "
            "its tags. Write it again for the one that it is: "
            f"aws ssm put-parameter --type String --name {name} "
            f'--value \'{{"bucket": "BUCKET", "prefix": "models/{places[0].model}/"}}\''
        )
    return places[0] if places else None


def _tagged(tagging: Tagging, stack: str) -> Iterable[Place]:
    """The buckets that are tagged as this stack's registry, without those that a stack of that name left behind."""
    wanted: Mapping[str, str] = {"tidewatch:stack": stack, "tidewatch:purpose": "registry"}
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
