"""Buckets, their settings and objects."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from pulumi import StringAsset

from tests.rehearsal.engine.providers.conftest import Aws, Resource

BUCKET = "aws:s3/bucket:Bucket"


@pytest.fixture
def bucket(aws: Aws) -> Resource:
    return aws.create_resource(BUCKET, "registry", objectLockEnabled=True)


def test_a_bucket_gives_what_programs_use_of_it(bucket: Resource) -> None:
    name = bucket.outs["bucket"]
    assert bucket.id == name
    assert bucket.outs["arn"] == f"arn:aws:s3:::{name}"
    assert bucket.outs["bucketDomainName"] == f"{name}.s3.amazonaws.com"
    assert bucket.outs["bucketRegionalDomainName"] == f"{name}.s3.us-east-1.amazonaws.com"


def test_a_name_and_an_object_lock_are_for_good(bucket: Resource) -> None:
    assert bucket.replaced_by(objectLockEnabled=True, bucket="another") == ["bucket"]
    assert bucket.replaced_by() == ["objectLockEnabled"]
    assert bucket.replaced_by(objectLockEnabled=True, forceDestroy=True) == []


def test_tags_change_in_place(aws: Aws) -> None:
    bucket = aws.create_resource(BUCKET, tags={"a": "1", "b": "1"})
    assert bucket.update(tags={"b": "2"})["tagsAll"] == {"b": "2"}
    said = aws.client("s3").get_bucket_tagging(Bucket=bucket.id)["TagSet"]
    assert said == [{"Key": "b", "Value": "2"}]


def test_a_bucket_that_holds_something_stays_unless_forced(aws: Aws) -> None:
    bucket = aws.create_resource(BUCKET)
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket.id, Key="k", Body=body)
    s3.delete_object(Bucket=bucket.id, Key="k")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        bucket.delete()
    bucket.update(forceDestroy=True)
    bucket.delete()
    assert not bucket.exists()
    bucket.delete()


@pytest.mark.parametrize("locked", [False, True])
def test_a_forced_bucket_is_emptied_of_more_than_one_page_holds(aws: Aws, locked: bool) -> None:
    bucket = aws.create_resource(BUCKET, forceDestroy=True, objectLockEnabled=locked)
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    for number in range(1_001):
        s3.put_object(Bucket=bucket.id, Key=f"many/{number:04}", Body=b"")
        s3.put_object(Bucket=bucket.id, Key="one", Body=b"")
    for number in range(0, 1_001, 2):
        s3.delete_object(Bucket=bucket.id, Key=f"many/{number:04}")
    bucket.delete()
    assert not bucket.exists()


def test_versioning_is_suspended_when_its_resource_goes(aws: Aws) -> None:
    bucket = aws.create_resource(BUCKET)
    setting = aws.create_resource(
        "aws:s3/bucketVersioning:BucketVersioning",
        bucket=bucket.id,
        versioningConfiguration={"status": "Enabled"},
    )
    assert setting.id == bucket.id
    assert setting.exists()
    setting.delete()
    assert aws.client("s3").get_bucket_versioning(Bucket=bucket.id)["Status"] == "Suspended"


def test_versioning_of_a_locked_bucket_stays_when_its_resource_goes(aws: Aws, bucket: Resource) -> None:
    setting = aws.create_resource(
        "aws:s3/bucketVersioning:BucketVersioning", bucket=bucket.id, versioningConfiguration={"status": "Enabled"}
    )
    setting.delete()
    assert aws.client("s3").get_bucket_versioning(Bucket=bucket.id)["Status"] == "Enabled"


def test_encryption_by_a_key(aws: Aws, bucket: Resource) -> None:
    key = aws.create_resource("aws:kms/key:Key")
    rule = {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key.outs["arn"]},
        "bucketKeyEnabled": True,
    }
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    setting = aws.create_resource(token, bucket=bucket.id, rules=[rule])
    said = aws.client("s3").get_bucket_encryption(Bucket=bucket.id)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert said["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key.outs["arn"]
    assert said["BucketKeyEnabled"]
    assert setting.read().inputs is None
    assert setting.replaced_by(bucket="other", rules=[rule]) == ["bucket"]


def test_public_access_is_blocked_and_the_block_is_seen_to_be_lifted(aws: Aws, bucket: Resource) -> None:
    blocks = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
    setting = aws.create_resource("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket=bucket.id, **blocks)
    said = aws.client("s3").get_public_access_block(Bucket=bucket.id)["PublicAccessBlockConfiguration"]
    assert all(said.values())
    aws.client("s3").delete_public_access_block(Bucket=bucket.id)
    assert not setting.exists()


def test_lifecycle_rules_with_filters_and_expirations(aws: Aws, bucket: Resource) -> None:
    rules = [
        {"id": "capture", "status": "Enabled", "filter": {"prefix": "capture/"}, "expiration": {"days": 30.0}},
        {
            "id": "old",
            "status": "Enabled",
            "noncurrentVersionExpiration": {"noncurrentDays": 3.0},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7.0},
        },
        {
            "id": "cold",
            "status": "Enabled",
            "filter": {"and": {"prefix": "p/", "tags": {"k": "v"}}},
            "transitions": [{"days": 30.0, "storageClass": "GLACIER"}],
        },
    ]
    setting = aws.create_resource(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket=bucket.id, rules=rules
    )
    said = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket.id)["Rules"]
    assert [r["ID"] for r in said] == ["capture", "old", "cold"]
    assert said[0]["Expiration"] == {"Days": 30}
    assert said[2]["Filter"]["And"]["Tags"] == [{"Key": "k", "Value": "v"}]
    assert setting.read().inputs is None
    setting.delete()
    assert not setting.exists()


def test_a_policy_is_checked_put_and_taken_away(aws: Aws, bucket: Resource) -> None:
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"{bucket.outs['arn']}/*"}
            ],
        }
    )
    token = "aws:s3/bucketPolicy:BucketPolicy"
    setting = aws.create_resource(token, bucket=bucket.id, policy=policy)
    assert setting.read().inputs is None
    setting.delete()
    assert not setting.exists()
    refused = setting.type.check({}, {"bucket": bucket.id, "policy": "{"}).failures
    assert "invalid JSON" in refused[0].reason


def test_ownership_logging_and_lock(aws: Aws, bucket: Resource) -> None:
    s3 = aws.client("s3")
    owner = {"objectOwnership": "BucketOwnerEnforced"}
    aws.create_resource("aws:s3/bucketOwnershipControls:BucketOwnershipControls", bucket=bucket.id, rule=owner)
    said = s3.get_bucket_ownership_controls(Bucket=bucket.id)["OwnershipControls"]["Rules"]
    assert said == [{"ObjectOwnership": "BucketOwnerEnforced"}]

    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    token = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    lock = aws.create_resource(token, bucket=bucket.id, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 3.0}})
    rule = s3.get_object_lock_configuration(Bucket=bucket.id)["ObjectLockConfiguration"]["Rule"]
    assert (rule["DefaultRetention"]["Mode"], rule["DefaultRetention"]["Days"]) == ("GOVERNANCE", 3)
    assert lock.read().inputs is None


def test_an_object_is_put_anew_in_place_and_moves_by_replacement(aws: Aws) -> None:
    bucket = aws.create_resource(BUCKET)
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    made = aws.create_resource(token, bucket=bucket.id, key="a/b.json", content="{}", contentType="application/json")
    assert made.id == "a/b.json"
    first = made.outs["etag"]
    assert made.update(bucket=bucket.id, key="a/b.json", source=StringAsset("[]"))["etag"] != first
    assert aws.client("s3").get_object(Bucket=bucket.id, Key="a/b.json")["Body"].read() == b"[]"
    assert made.replaced_by(bucket=bucket.id, key="c") == ["key"]
    made.delete()
    assert not made.exists()
