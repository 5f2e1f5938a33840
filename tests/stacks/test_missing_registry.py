"""What is said of a registry that is not found, in a region where S3 refuses to make a bucket that one has."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from stacks.missing_registry import explain_missing_registry

REGION = "eu-west-1"
STACK = ("tidewatch", "prod")


def read_message(bucket: str, code: str = "", tags: dict[str, str] | None = None) -> str:
    """What is said where the parameter names this bucket, and S3 answers with an error or with these tags."""
    given: dict[str, Any] = {"region_name": REGION, "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    ssm, s3 = boto3.client("ssm", **given), boto3.client("s3", **given)
    tagging = boto3.client("resourcegroupstaggingapi", **given)
    with Stubber(ssm) as parameters, Stubber(s3) as buckets:
        value = json.dumps({"bucket": bucket, "prefix": "models/flights/"})
        parameters.add_response("get_parameter", {"Parameter": {"Value": value}})
        if code:
            buckets.add_client_error("get_bucket_tagging", code)
        else:
            listed = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
            buckets.add_response("get_bucket_tagging", {"TagSet": listed})
        return explain_missing_registry(ssm, s3, tagging, STACK, "flights")


def test_a_bucket_that_is_gone_is_made_in_its_region_and_tagged():
    text = read_message("flights-registry-1", "NoSuchBucket")
    assert re.findall(r"aws s3api (\S+)", text) == ["create-bucket", "put-bucket-tagging"]
    assert "LocationConstraint=eu-west-1 && aws s3api put-bucket-tagging --region eu-west-1" in text


@pytest.mark.parametrize("code", ["NoSuchTagSet", ""])
def test_a_bucket_that_is_there_is_not_made_but_given_its_tags_beside_its_others(code: str):
    text = read_message("flights-registry-1", code, {"team": "ml", "tidewatch:stack": "tidewatch/dev"})
    assert re.findall(r"aws s3api (\S+)", text) == ["put-bucket-tagging"]
    (document,) = re.findall(r"--tagging '(.*?)'", text)
    expected = {"tidewatch:stack": "tidewatch/prod", "tidewatch:purpose": "registry", "tidewatch:model": "flights"}
    others = {} if code else {"team": "ml"}
    assert {tag["Key"]: tag["Value"] for tag in json.loads(document)["TagSet"]} == others | expected


def test_a_bucket_that_may_not_be_seen_is_neither_made_nor_tagged():
    text = read_message("flights-registry-1", "AccessDenied")
    assert "S3 denies access to its tags" in text
    assert "s3api" not in text
    assert (
        "aws ssm put-parameter --region eu-west-1 --type String --overwrite --name /tidewatch/tidewatch/prod/" in text
    )
