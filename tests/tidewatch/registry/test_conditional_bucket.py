from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from rehearsal.aws import simulate_aws
from tidewatch.registry import ModelDescription, ModelRegistry, PartialUploadConflict, VersionExists, upload

BUCKET = "conditional"
MIB = 1 << 20
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "PutOnce",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
            "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        },
        {
            "Sid": "NeverDelete",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        },
    ],
}


@pytest.fixture
def conditional(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(upload, "MAX_SINGLE_PUT", 5 * MIB)
    monkeypatch.setattr(upload, "MIN_PART_SIZE", 5 * MIB)
    with simulate_aws():
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))
        yield s3


def test_the_bucket_denies_what_is_not_conditional(conditional: S3Client) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        conditional.put_object(Bucket=BUCKET, Key="models/flights/3/model.tar.gz", Body=b"")


@pytest.mark.parametrize("more", [0, 11 * MIB])
def test_the_registry_publishes_where_every_put_must_be_conditional_and_nothing_can_be_deleted(
    conditional: S3Client, description: ModelDescription, pack: Callable[..., Path], more: int
) -> None:
    registry = ModelRegistry(conditional, BUCKET, "flights")
    artifact = pack()
    artifact.write_bytes(artifact.read_bytes() + bytes(more))
    published = registry.publish("3", artifact, description)
    assert registry.verify("3").manifest == published
    with pytest.raises(VersionExists):
        registry.publish("3", artifact, description)


def test_leftovers_of_another_artifact_stay_and_are_told(
    conditional: S3Client, description: ModelDescription, pack: Callable[..., Path]
) -> None:
    conditional.put_object(Bucket=BUCKET, Key="models/flights/3/model.tar.gz", Body=b"other", IfNoneMatch="*")
    with pytest.raises(PartialUploadConflict):
        ModelRegistry(conditional, BUCKET, "flights").publish("3", pack(), description)
