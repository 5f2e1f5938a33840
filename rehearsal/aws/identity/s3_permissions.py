"""The permissions of requests to S3: actions by method and subresource, and the encryption key of an object.

Source: S3 user guide, "Required permissions for Amazon S3 API operations"; "Using server-side encryption with AWS KMS
keys (SSE-KMS)": kms:GenerateDataKey to write, kms:Decrypt to read, both for a multipart upload; API reference,
HeadObject: kms:Decrypt only with the checksum mode, and GetObject: S3 reports a missing object only to callers that may
list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, unquote, urlparse

from rehearsal.aws.identity import resource_lookup
from rehearsal.aws.identity.permission import ALL_RESOURCES, RequiredPermission, UnknownOperation

_SUBRESOURCE_ACTIONS: Mapping[str, Mapping[str, str]] = {
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
_BUCKET_ACTIONS = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_OBJECT_ACTIONS: Mapping[str, Mapping[str, str]] = {
    "acl": {"GET": "GetObjectAcl", "PUT": "PutObjectAcl"},
    "tagging": {"GET": "GetObjectTagging", "PUT": "PutObjectTagging", "DELETE": "DeleteObjectTagging"},
    "retention": {"GET": "GetObjectRetention", "PUT": "PutObjectRetention"},
    "legal-hold": {"GET": "GetObjectLegalHold", "PUT": "PutObjectLegalHold"},
    "attributes": {"GET": "GetObjectAttributes"},
}
_HEADER_ACTIONS = {
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-object-lock-mode": "PutObjectRetention",
    "x-amz-object-lock-legal-hold": "PutObjectLegalHold",
}
"""Headers of a put that need more than s3:PutObject."""
_READ_KEY_ACTIONS, _WRITE_KEY_ACTIONS = ("kms:Decrypt",), ("kms:GenerateDataKey",)


def list_bucket_permissions(
    method: str, name: str, query: Mapping[str, object], region: str
) -> Iterator[RequiredPermission]:
    """The permissions of a request to a bucket. Raises UnknownOperation.

    DeleteObjects is excluded: its keys are checked one by one.
    """
    if not name:
        yield RequiredPermission("s3:ListAllMyBuckets", ALL_RESOURCES)
        return
    if method == "POST" and "delete" in query:
        return
    action = resolve_bucket_action(method, query)
    if action is None:
        raise UnknownOperation(
            f"The simulator does not know what {method} of a bucket with {sorted(query)} needs of IAM."
        )
    arn, keys = f"arn:aws:s3:::{name}", dict[str, str]()
    if action == "ListBucket" and query.get("prefix"):
        keys["s3:prefix"] = _get_first_text(query["prefix"])
    if action == "CreateBucket":
        keys["s3:locationconstraint"] = region
    yield RequiredPermission(f"s3:{action}", arn, keys)


def list_form_permissions(path: str, region: str) -> Iterator[RequiredPermission]:
    """The permissions of a form upload to `path`, BUCKET/KEY."""
    name, _, key = path.partition("/")
    yield from _list_write_permissions("PUT", name, key, {}, {}, region)


def parse_query(full_url: str) -> dict[str, list[str]]:
    """The query string of a request, including subresources, which have no value."""
    return parse_qs(urlparse(full_url).query, keep_blank_values=True)


def resolve_bucket_action(method: str, query: Mapping[str, object]) -> str | None:
    """The action of a request to a bucket, without its service; None if no table has it."""
    return next((_SUBRESOURCE_ACTIONS[part] for part in query if part in _SUBRESOURCE_ACTIONS), _BUCKET_ACTIONS).get(
        method
    )


def list_object_permissions(
    method: str, name: str, key: str, query: Mapping[str, object], headers: Mapping[str, str], region: str
) -> Iterator[RequiredPermission]:
    """The permissions of a request to an object. Raises UnknownOperation."""
    arn = f"arn:aws:s3:::{name}/{key}"
    part = next((part for part in query if part in _OBJECT_ACTIONS and part != "versionId"), None)
    if part is not None:
        if method not in _OBJECT_ACTIONS[part]:
            raise UnknownOperation(f"The simulator does not know what {method} of an object with {part} needs of IAM.")
        yield RequiredPermission(f"s3:{_OBJECT_ACTIONS[part][method]}", arn)
    elif method in ("GET", "HEAD"):
        yield from _list_read_permissions(method, name, key, query, headers, region)
    elif method == "DELETE":
        if "uploadId" in query:
            yield RequiredPermission("s3:AbortMultipartUpload", arn)
        else:
            yield RequiredPermission("s3:DeleteObjectVersion" if "versionId" in query else "s3:DeleteObject", arn)
    elif method in ("PUT", "POST"):
        yield from _list_write_permissions(method, name, key, query, headers, region)
    else:
        raise UnknownOperation(f"The simulator does not know what {method} of an object needs of IAM.")


def _list_read_permissions(
    method: str, name: str, key: str, query: Mapping[str, object], headers: Mapping[str, str], region: str
) -> Iterator[RequiredPermission]:
    version = _get_first_text(query["versionId"]) if "versionId" in query else None
    arn = f"arn:aws:s3:::{name}/{key}"
    if "uploadId" in query:
        yield RequiredPermission("s3:ListMultipartUploadParts", arn)
        return
    yield RequiredPermission("s3:GetObjectVersion" if version else "s3:GetObject", arn)
    encryption_key = resource_lookup.find_object_key(name, key, version)
    if encryption_key is None and resource_lookup.find_bucket(name) is not None:
        yield RequiredPermission("s3:ListBucket", f"arn:aws:s3:::{name}")
    elif encryption_key and (method == "GET" or headers.get("x-amz-checksum-mode") == "ENABLED"):
        yield from _list_key_permissions(_READ_KEY_ACTIONS, encryption_key, arn, region)


def _list_write_permissions(
    method: str, name: str, key: str, query: Mapping[str, object], headers: Mapping[str, str], region: str
) -> Iterator[RequiredPermission]:
    arn = f"arn:aws:s3:::{name}/{key}"
    yield RequiredPermission("s3:PutObject", arn)
    for header, action in _HEADER_ACTIONS.items():
        if headers.get(header):
            yield RequiredPermission(f"s3:{action}", arn)
    requested_key = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    encryption_key = (
        resource_lookup.find_key_arn(region, requested_key) if requested_key else resource_lookup.find_bucket_key(name)
    )
    is_single_put = method == "PUT" and "uploadId" not in query
    if encryption_key:
        yield from _list_key_permissions(
            _WRITE_KEY_ACTIONS if is_single_put else (*_WRITE_KEY_ACTIONS, *_READ_KEY_ACTIONS),
            encryption_key,
            arn,
            region,
        )
    source = headers.get("x-amz-copy-source")
    if source:
        bucket, _, source_key = unquote(source).lstrip("/").partition("/")
        yield from _list_read_permissions("GET", bucket, source_key.partition("?versionId=")[0], {}, headers, region)


def _list_key_permissions(actions: tuple[str, ...], key: str, arn: str, region: str) -> Iterator[RequiredPermission]:
    """The permissions on a key.

    The encryption context is the bucket's ARN if the bucket has its own key, as ours have.
    """
    keys = {"kms:viaservice": f"s3.{region}.amazonaws.com", **resource_lookup.read_tag_keys(key)}
    keys["kms:encryptioncontext:aws:s3:arn"] = arn.partition("/")[0]
    for action in actions:
        yield RequiredPermission(action, key, keys)


def _get_first_text(value: object) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)
