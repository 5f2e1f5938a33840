"""What requests to S3 need: its actions by method and subresource, and the key that an object is sealed with.

Source: S3 user guide, "Required permissions for Amazon S3 API operations"; "Using server-side encryption with AWS KMS
keys (SSE-KMS)": kms:GenerateDataKey to write, kms:Decrypt to read, both for a multipart upload; API reference,
HeadObject: kms:Decrypt only with the checksum mode, and GetObject: a missing object is told of to those alone who may
list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, unquote, urlparse

from simulator.aws.identity import facts
from simulator.aws.identity.need import EVERYTHING, Need, NoRule

_BUCKET: Mapping[str, Mapping[str, str]] = {
    "accelerate": {"GET": "GetAccelerateConfiguration", "PUT": "PutAccelerateConfiguration"},
    "acl": {"GET": "GetBucketAcl", "PUT": "PutBucketAcl"},
    "cors": {"GET": "GetBucketCORS", "PUT": "PutBucketCORS", "DELETE": "PutBucketCORS"},
    "encryption": {
        "GET": "GetEncryptionConfiguration",
        "PUT": "PutEncryptionConfiguration",
        "DELETE": "PutEncryptionConfiguration",
    },
    "intelligent-tiering": {
        "GET": "GetIntelligentTieringConfiguration",
        "PUT": "PutIntelligentTieringConfiguration",
        "DELETE": "PutIntelligentTieringConfiguration",
    },
    "lifecycle": {
        "GET": "GetLifecycleConfiguration",
        "PUT": "PutLifecycleConfiguration",
        "DELETE": "PutLifecycleConfiguration",
    },
    "location": {"GET": "GetBucketLocation"},
    "logging": {"GET": "GetBucketLogging", "PUT": "PutBucketLogging"},
    "notification": {"GET": "GetBucketNotification", "PUT": "PutBucketNotification"},
    "object-lock": {"GET": "GetBucketObjectLockConfiguration", "PUT": "PutBucketObjectLockConfiguration"},
    "ownershipControls": {
        "GET": "GetBucketOwnershipControls",
        "PUT": "PutBucketOwnershipControls",
        "DELETE": "PutBucketOwnershipControls",
    },
    "policy": {"GET": "GetBucketPolicy", "PUT": "PutBucketPolicy", "DELETE": "DeleteBucketPolicy"},
    "policyStatus": {"GET": "GetBucketPolicyStatus"},
    "publicAccessBlock": {
        "GET": "GetBucketPublicAccessBlock",
        "PUT": "PutBucketPublicAccessBlock",
        "DELETE": "PutBucketPublicAccessBlock",
    },
    "replication": {
        "GET": "GetReplicationConfiguration",
        "PUT": "PutReplicationConfiguration",
        "DELETE": "PutReplicationConfiguration",
    },
    "requestPayment": {"GET": "GetBucketRequestPayment", "PUT": "PutBucketRequestPayment"},
    "tagging": {"GET": "GetBucketTagging", "PUT": "PutBucketTagging", "DELETE": "PutBucketTagging"},
    "uploads": {"GET": "ListBucketMultipartUploads"},
    "versioning": {"GET": "GetBucketVersioning", "PUT": "PutBucketVersioning"},
    "versions": {"GET": "ListBucketVersions"},
    "website": {"GET": "GetBucketWebsite", "PUT": "PutBucketWebsite", "DELETE": "DeleteBucketWebsite"},
}
"""Subresource of a bucket -> method -> action."""
_OF_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_OBJECT: Mapping[str, Mapping[str, str]] = {
    "acl": {"GET": "GetObjectAcl", "PUT": "PutObjectAcl"},
    "tagging": {"GET": "GetObjectTagging", "PUT": "PutObjectTagging", "DELETE": "DeleteObjectTagging"},
    "retention": {"GET": "GetObjectRetention", "PUT": "PutObjectRetention"},
    "legal-hold": {"GET": "GetObjectLegalHold", "PUT": "PutObjectLegalHold"},
    "attributes": {"GET": "GetObjectAttributes"},
}
_HEADERS = {
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-object-lock-mode": "PutObjectRetention",
    "x-amz-object-lock-legal-hold": "PutObjectLegalHold",
}
"""Headers of a put that need more than s3:PutObject."""
_READS, _WRITES = ("kms:Decrypt",), ("kms:GenerateDataKey",)


def of_bucket(method: str, name: str, query: Mapping[str, object], region: str) -> Iterator[Need]:
    """What a request to a bucket needs, but for DeleteObjects, whose keys are asked for one by one. Raises NoRule."""
    if not name:
        yield Need("s3:ListAllMyBuckets", EVERYTHING)
        return
    if method == "POST" and "delete" in query:
        return
    action = bucket_action(method, query)
    if action is None:
        raise NoRule(f"The simulator does not know what {method} of a bucket with {sorted(query)} needs of IAM.")
    arn, keys = f"arn:aws:s3:::{name}", dict[str, str]()
    if action == "ListBucket" and query.get("prefix"):
        keys["s3:prefix"] = _text(query["prefix"])
    if action == "CreateBucket":
        keys["s3:locationconstraint"] = region
    yield Need(f"s3:{action}", arn, keys)


def of_form(place: str, region: str) -> Iterator[Need]:
    """What the upload of a form needs; place: BUCKET/KEY."""
    name, _, key = place.partition("/")
    yield from _written("PUT", name, key, {}, {}, region)


def query(full_url: str) -> dict[str, list[str]]:
    """The query string of a request, with the subresources, which have no value."""
    return parse_qs(urlparse(full_url).query, keep_blank_values=True)


def bucket_action(method: str, query: Mapping[str, object]) -> str | None:
    """The action of a request to a bucket, without its service; None where no table has it."""
    return next((_BUCKET[part] for part in query if part in _BUCKET), _OF_BUCKET).get(method)


def of_object(
    method: str, name: str, key: str, query: Mapping[str, object], headers: Mapping[str, str], region: str
) -> Iterator[Need]:
    """What a request to an object needs. Raises NoRule."""
    arn = f"arn:aws:s3:::{name}/{key}"
    part = next((part for part in query if part in _OBJECT and part != "versionId"), None)
    if part is not None:
        if method not in _OBJECT[part]:
            raise NoRule(f"The simulator does not know what {method} of an object with {part} needs of IAM.")
        yield Need(f"s3:{_OBJECT[part][method]}", arn)
    elif method in ("GET", "HEAD"):
        yield from _read(method, name, key, query, headers, region)
    elif method == "DELETE":
        if "uploadId" in query:
            yield Need("s3:AbortMultipartUpload", arn)
        else:
            yield Need("s3:DeleteObjectVersion" if "versionId" in query else "s3:DeleteObject", arn)
    elif method in ("PUT", "POST"):
        yield from _written(method, name, key, query, headers, region)
    else:
        raise NoRule(f"The simulator does not know what {method} of an object needs of IAM.")


def _read(
    method: str, name: str, key: str, query: Mapping[str, object], headers: Mapping[str, str], region: str
) -> Iterator[Need]:
    version = _text(query["versionId"]) if "versionId" in query else None
    arn = f"arn:aws:s3:::{name}/{key}"
    if "uploadId" in query:
        yield Need("s3:ListMultipartUploadParts", arn)
        return
    yield Need("s3:GetObjectVersion" if version else "s3:GetObject", arn)
    sealed = facts.object_key(name, key, version)
    if sealed is None and facts.bucket(name) is not None:
        yield Need("s3:ListBucket", f"arn:aws:s3:::{name}")
    elif sealed and (method == "GET" or headers.get("x-amz-checksum-mode") == "ENABLED"):
        yield from _kms(_READS, sealed, arn, region)


def _written(
    method: str, name: str, key: str, query: Mapping[str, object], headers: Mapping[str, str], region: str
) -> Iterator[Need]:
    arn = f"arn:aws:s3:::{name}/{key}"
    yield Need("s3:PutObject", arn)
    for header, action in _HEADERS.items():
        if headers.get(header):
            yield Need(f"s3:{action}", arn)
    named = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    sealed = facts.key_arn(region, named) if named else facts.bucket_key(name)
    whole = method == "PUT" and "uploadId" not in query
    if sealed:
        yield from _kms(_WRITES if whole else (*_WRITES, *_READS), sealed, arn, region)
    source = headers.get("x-amz-copy-source")
    if source:
        bucket, _, copied = unquote(source).lstrip("/").partition("/")
        yield from _read("GET", bucket, copied.partition("?versionId=")[0], {}, headers, region)


def _kms(actions: tuple[str, ...], key: str, arn: str, region: str) -> Iterator[Need]:
    """The encryption context is the bucket's ARN where the bucket has a key of its own, as ours have."""
    keys = {"kms:viaservice": f"s3.{region}.amazonaws.com", **facts.tag_keys(key)}
    keys["kms:encryptioncontext:aws:s3:arn"] = arn.partition("/")[0]
    for action in actions:
        yield Need(action, key, keys)


def _text(value: object) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)
