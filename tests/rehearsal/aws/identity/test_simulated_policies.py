"""What resource policies deny: conditional writes, deletes, and the ledger's table."""

from __future__ import annotations

import json
import threading

import pytest
import requests
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import Account

BREAK_GLASS = "arn:aws:iam::123456789012:role/break-glass"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::registry", "arn:aws:s3:::registry/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::registry/*",
            "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration"],
            "Resource": ["arn:aws:s3:::registry", "arn:aws:s3:::registry/*"],
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": BREAK_GLASS}},
        },
    ],
}


@pytest.fixture
def registry(account: Account) -> Account:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="registry")
    s3.put_bucket_versioning(Bucket="registry", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket="registry", Policy=json.dumps(POLICY))
    return account


def code(call: object, **given: object) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)  # type: ignore[operator]
    return refused.value.response["Error"]["Code"]


def put(account: Account, **given: object) -> dict:
    return account.client("s3").put_object(Bucket="registry", Key="k", Body=b"v", **given)


def test_a_put_without_a_condition_is_denied_and_one_with_it_goes_through(registry: Account) -> None:
    """Source: S3 user guide, "Enforce conditional writes on Amazon S3 buckets"."""
    assert code(lambda: put(registry)) == "AccessDenied"
    assert put(registry, IfNoneMatch="*")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_second_conditional_put_finds_the_key_taken(registry: Account) -> None:
    """Source: S3 user guide, "Add preconditions to S3 operations": 412 Precondition Failed."""
    put(registry, IfNoneMatch="*")

    assert code(lambda: put(registry, IfNoneMatch="*")) == "PreconditionFailed"


def test_an_injected_collision_is_a_409_once(registry: Account) -> None:
    """Source: S3 user guide, "Add preconditions to S3 operations": 409 Conflict, retry."""
    registry.control.inject("put_conflict", bucket="registry", key="k")
    with pytest.raises(ClientError) as refused:
        registry.client("s3", retries=0).put_object(Bucket="registry", Key="k", Body=b"", IfNoneMatch="*")

    assert refused.value.response["Error"]["Code"] == "ConditionalRequestConflict"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    put(registry, IfNoneMatch="*")


def test_a_multipart_upload_needs_the_condition_on_its_completion_only(registry: Account) -> None:
    """Source: S3 user guide, "Enforce conditional writes": s3:ObjectCreationOperation is false for
    CreateMultipartUpload, UploadPart and UploadPartCopy."""
    s3 = registry.client("s3")
    upload = s3.create_multipart_upload(Bucket="registry", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="registry", Key="big", UploadId=upload, PartNumber=1, Body=b"x")
    given = {
        "Bucket": "registry",
        "Key": "big",
        "UploadId": upload,
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    }

    assert code(s3.complete_multipart_upload, **given) == "AccessDenied"
    s3.complete_multipart_upload(**given, IfNoneMatch="*")


def test_a_copy_into_the_bucket_is_denied(registry: Account) -> None:
    """Source: S3 user guide, "Enforce conditional writes": CopyObject without the header fails with 403."""
    put(registry, IfNoneMatch="*")
    copy = {"Bucket": "registry", "Key": "k2", "CopySource": "registry/k"}

    assert code(registry.client("s3").copy_object, **copy) == "AccessDenied"


def _post_object(registry: Account, bucket: str, **headers: str) -> int:
    form = registry.client("s3").generate_presigned_post(bucket, "k")
    return requests.post(
        form["url"], data=form["fields"], files={"file": b"w"}, headers=headers, timeout=10
    ).status_code


def test_a_form_is_a_put_that_carries_no_condition_whatever_header_comes_with_it(registry: Account) -> None:
    """Source: S3 API reference, POST Object: conditions of a write are none of its fields."""
    put(registry, IfNoneMatch="*")

    assert _post_object(registry, "registry") == 403
    assert _post_object(registry, "registry", **{"If-None-Match": "*"}) == 204
    assert registry.client("s3").get_object(Bucket="registry", Key="k")["Body"].read() == b"w"


@pytest.mark.parametrize("kind", ["POST", "REST-QUERY-STRING", "REST-HEADER"])
def test_a_policy_tells_how_a_request_is_signed(account: Account, kind: str) -> None:
    """Source: S3 API reference, "Amazon S3 Signature Version 4 Authentication Specific Policy Keys", s3:authType."""
    s3 = account.client("s3")
    s3.create_bucket(Bucket="signed")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::signed/*",
        "Condition": {"StringEquals": {"s3:authType": kind}},
    }
    s3.put_bucket_policy(Bucket="signed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    url = s3.generate_presigned_url("put_object", {"Bucket": "signed", "Key": "k"})

    assert (_post_object(account, "signed") == 403) == (kind == "POST")
    assert (requests.put(url, data=b"v", timeout=10).status_code == 403) == (kind == "REST-QUERY-STRING")
    if kind == "REST-HEADER":
        assert code(s3.put_object, Bucket="signed", Key="k", Body=b"v") == "AccessDenied"
    else:
        s3.put_object(Bucket="signed", Key="k", Body=b"v")


def test_who_signed_a_url_or_a_form_is_asked_for_leave(account: Account) -> None:
    account.client("s3").create_bucket(Bucket="signed")
    s3 = account.as_role(account.role("nobody"), "s3")
    form = s3.generate_presigned_post("signed", "k")
    url = s3.generate_presigned_url("put_object", {"Bucket": "signed", "Key": "k"})

    assert requests.post(form["url"], data=form["fields"], files={"file": b"w"}, timeout=10).status_code == 403
    assert requests.put(url, data=b"v", timeout=10).status_code == 403


def test_deletes_and_lifecycle_changes_are_denied(registry: Account) -> None:
    s3 = registry.client("s3")
    version = put(registry, IfNoneMatch="*")["VersionId"]
    rules = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}

    assert code(s3.delete_object, Bucket="registry", Key="k") == "AccessDenied"
    assert code(s3.delete_object, Bucket="registry", Key="k", VersionId=version) == "AccessDenied"
    change = {"Bucket": "registry", "LifecycleConfiguration": rules}
    assert code(s3.put_bucket_lifecycle_configuration, **change) == "AccessDenied"
    answer = s3.delete_objects(Bucket="registry", Delete={"Objects": [{"Key": "k"}]})
    assert answer["Errors"][0]["Code"] == "AccessDenied"
    assert s3.get_object(Bucket="registry", Key="k")["Body"].read() == b"v"


def test_the_break_glass_role_may_delete(registry: Account) -> None:
    """Source: IAM user guide, aws:PrincipalArn: for an assumed role it is the role's ARN."""
    put(registry, IfNoneMatch="*")
    role = registry.role("break-glass", {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::registry/*"})
    s3 = registry.as_role(role, "s3")

    assert role == BREAK_GLASS
    assert s3.delete_object(Bucket="registry", Key="k")["DeleteMarker"] is True


def test_two_publishers_at_once_one_wins(registry: Account) -> None:
    """Source: S3 user guide, "Add preconditions to S3 operations"."""
    outcomes: list[str] = []

    def publish() -> None:
        try:
            put(registry, IfNoneMatch="*")
            outcomes.append("won")
        except ClientError as refused:
            outcomes.append(refused.response["Error"]["Code"])

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("won") == 1


def test_a_condition_operator_that_is_not_evaluated_is_refused(account: Account) -> None:
    account.client("s3").create_bucket(Bucket="other")
    statement = {**POLICY["Statement"][0], "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}  # type: ignore[dict-item]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    assert code(account.client("s3").put_bucket_policy, Bucket="other", Policy=policy) == "MalformedPolicy"


def test_a_ledger_whose_policy_denies_them_takes_no_updates_and_no_deletes(account: Account) -> None:
    """Source: DynamoDB developer guide, "Using resource-based policies for DynamoDB"."""
    dynamodb = account.client("dynamodb")
    arn = dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "endpoint", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "endpoint", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy)
    key = {"endpoint": {"S": "flights"}}
    dynamodb.put_item(TableName="ledger", Item=key)

    assert code(dynamodb.delete_item, TableName="ledger", Key=key) == "AccessDeniedException"
    update = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "b"}}}
    assert code(dynamodb.update_item, TableName="ledger", Key=key, **update) == "AccessDeniedException"
    transaction = [{"Delete": {"TableName": "ledger", "Key": key}}]
    assert code(dynamodb.transact_write_items, TransactItems=transaction) == "AccessDeniedException"
    assert dynamodb.get_item(TableName="ledger", Key=key)["Item"] == key


def test_an_injected_error_of_any_service_is_spent_after_its_times(account: Account) -> None:
    sns = account.client("sns", retries=0)
    topic = sns.create_topic(Name="p1")["TopicArn"]
    account.control.inject("api", service="sns", action="Publish", code="InternalError", status=500)

    assert code(sns.publish, TopicArn=topic, Message="m") == "InternalError"
    sns.publish(TopicArn=topic, Message="m")
