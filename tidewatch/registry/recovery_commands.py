"""The commands by which a person brings a stack and its registry together again, as a refusal prints them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping


def format_put_parameter_command(name: str, bucket: str, model: str, region: str) -> str:
    """The command that writes the parameter by which the registry is found."""
    value = json.dumps({"bucket": bucket, "prefix": f"models/{model}/"})
    return (
        f"aws ssm put-parameter --region {region} --type String --overwrite --name {name} --value {shlex.quote(value)}"
    )


def format_create_bucket_command(bucket: str, tags: Mapping[str, str], region: str) -> str:
    """The commands that make a bucket which is gone again, under its name and with these tags."""
    location_option = "" if region == "us-east-1" else f" --create-bucket-configuration LocationConstraint={region}"
    return (
        f"aws s3api create-bucket --region {region} --bucket {bucket}{location_option} && "
        f"{format_tag_bucket_command(bucket, tags, region)}"
    )


def format_tag_bucket_command(bucket: str, tags: Mapping[str, str], region: str) -> str:
    """The command after which a bucket has these tags and no others."""
    document = json.dumps({"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})
    return f"aws s3api put-bucket-tagging --region {region} --bucket {bucket} --tagging {shlex.quote(document)}"
