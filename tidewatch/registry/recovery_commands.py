"""The commands that reconnect a stack with its registry, for error messages."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping


def format_put_parameter_command(name: str, bucket: str, model: str, region: str) -> str:
    """Returns the command that writes the parameter with the registry's location."""
    value = json.dumps({"bucket": bucket, "prefix": f"models/{model}/"})
    return (
        f"aws ssm put-parameter --region {region} --type String --overwrite --name {name} --value {shlex.quote(value)}"
    )


def format_create_bucket_command(bucket: str, tags: Mapping[str, str], region: str) -> str:
    """Returns the commands that create a deleted bucket again, with its name and these tags."""
    location_option = "" if region == "us-east-1" else f" --create-bucket-configuration LocationConstraint={region}"
    return (
        f"aws s3api create-bucket --region {region} --bucket {bucket}{location_option} && "
        f"{format_tag_bucket_command(bucket, tags, region)}"
    )


def format_tag_bucket_command(bucket: str, tags: Mapping[str, str], region: str) -> str:
    """Returns the command that gives a bucket these tags and no others."""
    document = json.dumps({"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})
    return f"aws s3api put-bucket-tagging --region {region} --bucket {bucket} --tagging {shlex.quote(document)}"
