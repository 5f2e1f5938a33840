"""Source: S3 user guide, "Add preconditions to S3 operations with conditional requests", "Enforce conditional writes on
Amazon S3 buckets", "Locking objects with Object Lock"; API reference of the operation that is named."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws_clients import make_client
from tests.rehearsal.aws.account import Account

BUCKET = "models"


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


@pytest.fixture
def s3(account: Account) -> Any:
    """A client that sends no digest of its own accord, on a versioned bucket."""
    del account
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        config=Config(request_checksum_calculation="when_required", retries={"total_max_attempts": 1}),
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def locked_bucket(s3: Any) -> Any:
    """The same, once every version is kept for a year in governance mode."""
    lock(s3, "GOVERNANCE", Days=365)
    return s3


def lock(s3: Any, mode: str | None, **period: int) -> None:
    rule = {"Rule": {"DefaultRetention": {"Mode": mode, **period}}} if mode else {}
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", **rule})


def put(s3: Any, body: bytes = b"one", **more: Any) -> dict[str, Any]:
    return s3.put_object(Bucket=BUCKET, Key="key", Body=body, **more)


def expect_refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, str]:
    """The status and code of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def multipart(s3: Any, body: bytes = b"x" * (5 << 20), part: dict[str, Any] | None = None, **completion: Any) -> Any:
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="key", ChecksumAlgorithm="SHA256")["UploadId"]
    one = {"Bucket": BUCKET, "Key": "key", "UploadId": upload}
    digest = {"ChecksumSHA256": sha256(body)} if part is None else part
    etag = s3.upload_part(**one, PartNumber=1, Body=body, **digest)["ETag"]
    parts = [{"PartNumber": 1, "ETag": etag, **digest}]
    return s3.complete_multipart_upload(**one, MultipartUpload={"Parts": parts}, **completion)


def copy(s3: Any, **more: Any) -> Any:
    return s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "key"}, **more)


@pytest.mark.parametrize(
    "digest", [{"ChecksumSHA256": sha256(b"one")}, {"ContentMD5": md5(b"one")}, {"ChecksumAlgorithm": "CRC32"}]
)
def test_a_locked_bucket_takes_a_put_with_any_digest(locked_bucket: Any, digest: dict[str, Any]) -> None:
    """PutObject: "Content-MD5 or x-amz-sdk-checksum-algorithm header is required for any request to upload an object
    with a retention period configured"; a digest in a header of its own is one too."""
    said = put(locked_bucket, **digest)
    head = locked_bucket.head_object(Bucket=BUCKET, Key="key", ChecksumMode="ENABLED")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert head["ObjectLockRetainUntilDate"] - head["LastModified"] == timedelta(days=365)
    assert said.get("ChecksumSHA256") == head.get("ChecksumSHA256") == digest.get("ChecksumSHA256")


def test_a_locked_bucket_refuses_an_upload_without_a_digest(locked_bucket: Any) -> None:
    """PutObject, UploadPart: ContentMD5 "is required if object lock parameters are specified"."""
    assert expect_refusal(put, locked_bucket) == (400, "InvalidRequest")
    assert expect_refusal(multipart, locked_bucket, part={}) == (400, "InvalidRequest")


@pytest.mark.parametrize("wrong", [{"ChecksumSHA256": sha256(b"two")}, {"ContentMD5": md5(b"two")}])
def test_what_arrives_is_what_was_sent(s3: Any, wrong: dict[str, str]) -> None:
    """User guide, "Checking object integrity for data uploads": BadDigest."""
    assert expect_refusal(put, s3, **wrong) == (400, "BadDigest")
    assert expect_refusal(multipart, s3, part=wrong) == (400, "BadDigest")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert expect_refusal(put, s3, ContentMD5="none") == (400, "InvalidDigest")


def test_a_completed_upload_is_locked_like_a_put(locked_bucket: Any) -> None:
    """User guide, "Locking objects with Object Lock": a default retention applies to every new object version."""
    multipart(locked_bucket)
    version = locked_bucket.list_object_versions(Bucket=BUCKET)["Versions"][0]["VersionId"]
    assert locked_bucket.head_object(Bucket=BUCKET, Key="key")["ObjectLockMode"] == "GOVERNANCE"
    assert expect_refusal(locked_bucket.delete_object, Bucket=BUCKET, Key="key", VersionId=version) == (
        403,
        "AccessDenied",
    )


def test_a_locked_version_goes_with_a_bypass_only_and_a_marker_always(locked_bucket: Any) -> None:
    """User guide, "Object Lock considerations": a delete without a version adds a marker."""
    version = put(locked_bucket, ContentMD5=md5(b"one"))["VersionId"]
    one = {"Bucket": BUCKET, "Key": "key", "VersionId": version}
    assert expect_refusal(locked_bucket.delete_object, **one) == (403, "AccessDenied")
    assert expect_refusal(locked_bucket.delete_object, **one, BypassGovernanceRetention=False) == (403, "AccessDenied")
    errors = locked_bucket.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "key", "VersionId": version}]})[
        "Errors"
    ]
    assert [error["Code"] for error in errors] == ["AccessDenied"]
    assert locked_bucket.delete_object(Bucket=BUCKET, Key="key")["DeleteMarker"]
    locked_bucket.delete_object(**one, BypassGovernanceRetention=True)
    assert "Versions" not in locked_bucket.list_object_versions(Bucket=BUCKET)


def test_a_compliance_lock_is_for_everybody(s3: Any, account: Account) -> None:
    """User guide, "Retention modes": it cannot be passed, shortened, or changed; it ends by itself."""
    lock(s3, "COMPLIANCE", Years=1)
    one = {"Bucket": BUCKET, "Key": "key", "VersionId": put(s3, ContentMD5=md5(b"one"))["VersionId"]}
    until = s3.get_object_retention(**one)["Retention"]["RetainUntilDate"]
    shorter, longer = (until + timedelta(days=days) for days in (-1, 1))
    for retention in (
        {"Mode": "COMPLIANCE", "RetainUntilDate": shorter},
        {"Mode": "GOVERNANCE", "RetainUntilDate": longer},
    ):
        assert expect_refusal(s3.put_object_retention, **one, Retention=retention, BypassGovernanceRetention=True) == (
            403,
            "AccessDenied",
        )
    assert expect_refusal(s3.delete_object, **one, BypassGovernanceRetention=True) == (403, "AccessDenied")
    s3.put_object_retention(**one, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": longer})
    account.clock.advance(timedelta(days=367).total_seconds())
    s3.delete_object(**one)


def test_a_governance_lock_is_shortened_with_a_bypass_only(locked_bucket: Any) -> None:
    """PutObjectRetention, BypassGovernanceRetention."""
    one = {"Bucket": BUCKET, "Key": "key", "VersionId": put(locked_bucket, ContentMD5=md5(b"one"))["VersionId"]}
    until: datetime = locked_bucket.get_object_retention(**one)["Retention"]["RetainUntilDate"]
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(days=300)}
    assert expect_refusal(locked_bucket.put_object_retention, **one, Retention=shorter) == (403, "AccessDenied")
    locked_bucket.put_object_retention(**one, Retention=shorter, BypassGovernanceRetention=True)
    assert locked_bucket.get_object_retention(**one)["Retention"]["RetainUntilDate"] == shorter["RetainUntilDate"]
    past = {"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(days=1000)}
    assert expect_refusal(locked_bucket.put_object_retention, **one, Retention=past) == (400, "InvalidArgument")


def test_a_bucket_that_holds_objects_can_be_locked_and_never_unlocked(s3: Any) -> None:
    """User guide, "Configuring S3 Object Lock": on existing buckets that are versioned; from then on "you can't disable
    Object Lock or suspend versioning"."""
    old = put(s3)["VersionId"]
    lock(s3, "GOVERNANCE", Days=1)
    assert "ObjectLockMode" not in s3.head_object(Bucket=BUCKET, Key="key")
    assert put(s3, ContentMD5=md5(b"one"))["VersionId"] != old
    assert s3.head_object(Bucket=BUCKET, Key="key")["ObjectLockMode"] == "GOVERNANCE"
    suspended = {"Status": "Suspended"}
    assert (
        expect_refusal(s3.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration=suspended)[1]
        == "InvalidBucketState"
    )
    lock(s3, None)
    put(s3, b"three")
    assert "Rule" not in s3.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
    s3.delete_object(Bucket=BUCKET, Key="key", VersionId=old)


def test_a_bucket_without_versions_cannot_be_locked(s3: Any) -> None:
    """PutObjectLockConfiguration: versioning has to be enabled; a retention is in days or in years."""
    assert expect_refusal(lock, s3, "GOVERNANCE", Days=1, Years=1) == (400, "MalformedXML")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    assert expect_refusal(lock, s3, "GOVERNANCE", Days=1) == (409, "InvalidBucketState")


def test_what_is_there_is_not_overwritten_under_if_none_match(s3: Any) -> None:
    """PutObject, CopyObject, CompleteMultipartUpload, IfNoneMatch: 412 where the key exists, also for a copy."""
    put(s3, IfNoneMatch="*")
    copy(s3, IfNoneMatch="*")
    for call in (put, copy, multipart):
        assert expect_refusal(call, s3, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 2
    s3.delete_object(Bucket=BUCKET, Key="key")
    multipart(s3, IfNoneMatch="*")


def test_what_changed_is_not_overwritten_under_if_match(s3: Any) -> None:
    """PutObject, CopyObject, CompleteMultipartUpload, IfMatch: 412 for another ETag, 404 where there is no object."""
    for call in (put, multipart):
        assert expect_refusal(call, s3, IfMatch='"none"') == (404, "NoSuchKey")
    etag = put(s3)["ETag"]
    assert expect_refusal(copy, s3, IfMatch=etag) == (404, "NoSuchKey")
    copied = copy(s3)["CopyObjectResult"]["ETag"]
    copy(s3, IfMatch=copied)
    put(s3, b"two", IfMatch=etag)
    for call in (put, multipart):
        assert expect_refusal(call, s3, IfMatch=etag) == (412, "PreconditionFailed")
    assert expect_refusal(copy, s3, IfMatch='"other"') == (412, "PreconditionFailed")
    assert expect_refusal(copy, s3, CopySourceIfMatch=etag) == (412, "PreconditionFailed")


def test_a_policy_that_asks_for_conditions_leaves_no_way_to_copy(s3: Any) -> None:
    """User guide, "Enforce conditional writes": CopyObject without the headers is 403, with them 501."""
    put(s3)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    }
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert expect_refusal(copy, s3) == (403, "AccessDenied")
    assert expect_refusal(copy, s3, IfNoneMatch="*") == (501, "NotImplemented")


def test_conditions_that_s3_does_not_offer_are_no_silent_writes(s3: Any) -> None:
    """PutObject: IfNoneMatch "expects the '*' character"; IfMatch an ETag."""
    etag = put(s3)["ETag"]
    for condition in ({"IfNoneMatch": etag}, {"IfMatch": "*"}, {"IfMatch": etag, "IfNoneMatch": "*"}):
        assert expect_refusal(put, s3, **condition) == (501, "NotImplemented")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_the_digest_that_boto3_appends_to_a_body_that_streams_counts(
    locked_bucket: Any, tmp_path: Path, algorithm: str
) -> None:
    """User guide, "Checking object integrity for data uploads": trailing checksums."""
    file = tmp_path / "file"
    file.write_bytes(b"one")
    client = make_client("s3", region_name="us-east-1")
    with file.open("rb") as body:
        client.put_object(Bucket=BUCKET, Key="key", Body=body, ChecksumAlgorithm=algorithm)
    head = locked_bucket.head_object(Bucket=BUCKET, Key="key", ChecksumMode="ENABLED")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    expected = {"SHA256": sha256(b"one"), "CRC32": base64.b64encode(zlib.crc32(b"one").to_bytes(4)).decode()}
    assert head[f"Checksum{algorithm}"] == expected[algorithm]
