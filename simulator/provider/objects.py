"""Objects in buckets, as a resource and as a function."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

from simulator.provider.archives import content
from simulator.provider.base import Call, Naming, Spec
from simulator.provider.values import Props, chosen, whole

_OBJECT_RENAMES = {"kmsKeyId": "SSEKMSKeyId"}
_OBJECT_INPUTS = [
    "bucketKeyEnabled",
    "cacheControl",
    "checksumAlgorithm",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "kmsKeyId",
    "metadata",
    "objectLockLegalHoldStatus",
    "objectLockMode",
    "objectLockRetainUntilDate",
    "serverSideEncryption",
    "storageClass",
]


def _body(c: Call) -> bytes:
    if c.get("contentBase64"):
        return base64.b64decode(c["contentBase64"])
    return content(c["source"]) if c.get("source") is not None else str(c.get("content", "")).encode()


def _put_object(c: Call) -> Props:
    body = _body(c)
    given = {"bucket": c["bucket"], "key": c["key"], **chosen(c.props, *_OBJECT_INPUTS)}
    if c.get("kmsKeyId"):
        given.setdefault("serverSideEncryption", "aws:kms")
    params = c.params("PutObject", given, _OBJECT_RENAMES)
    if tags := c.get("tags"):
        params["Tagging"] = urlencode(tags)
    said = c.client.put_object(Body=body, **params)
    return {
        "id": c["key"],
        "arn": f"arn:aws:s3:::{c['bucket']}/{c['key']}",
        "etag": said["ETag"].strip('"'),
        "versionId": said.get("VersionId", ""),
        "checksumSha256": said.get("ChecksumSHA256", ""),
        "contentType": c.get("contentType", "application/octet-stream"),
    }


def _update_object(c: Call) -> Props:
    outs = _put_object(c)
    del outs["id"]
    return outs


def _read_object(c: Call) -> Props:
    said = c.client.head_object(Bucket=c["bucket"], Key=c["key"])
    return {
        "arn": f"arn:aws:s3:::{c['bucket']}/{c['key']}",
        "etag": said["ETag"].strip('"'),
        "versionId": said.get("VersionId", ""),
        "contentType": said.get("ContentType", ""),
    }


def _delete_object(c: Call) -> None:
    """All versions of a versioned object, as the provider does: listed to the end before the first is deleted."""
    for page in [*c.client.get_paginator("list_object_versions").paginate(Bucket=c["bucket"], Prefix=c["key"])]:
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if version["Key"] == c["key"]:
                bypass = {"BypassGovernanceRetention": True} if c.get("forceDestroy") else {}
                c.client.delete_object(Bucket=c["bucket"], Key=c["key"], VersionId=version["VersionId"], **bypass)


def _retag_object(c: Call, put: dict[str, str], removed: list[str]) -> None:
    """Tags go with the object, which every update puts anew."""


def get_object(settings: Any, args: Props) -> Props:
    """aws:s3/getObject:getObject: an object with its body, as text."""
    args = whole(args)
    version = {"VersionId": args["versionId"]} if args.get("versionId") else {}
    said = settings.client("s3", args.get("region")).get_object(Bucket=args["bucket"], Key=args["key"], **version)
    body = said["Body"].read()
    return {
        **args,
        "id": f"{args['bucket']}/{args['key']}",
        "arn": f"arn:aws:s3:::{args['bucket']}/{args['key']}",
        "body": body.decode(errors="replace"),
        "bodyBase64": base64.b64encode(body).decode(),
        "contentLength": len(body),
        "contentType": said.get("ContentType", ""),
        "etag": said["ETag"].strip('"'),
        "metadata": said.get("Metadata", {}),
        "versionId": said.get("VersionId", ""),
        "checksumSha256": base64.b64encode(hashlib.sha256(body).digest()).decode() if args.get("checksumMode") else "",
    }


SPECS: dict[str, Spec] = {
    "aws:s3/bucketObjectv2:BucketObjectv2": Spec(
        "s3",
        _put_object,
        _read_object,
        _delete_object,
        update=_update_object,
        naming=Naming("key", limit=1024, pattern=r"(?s).+", rule="at least one character", automatic=False),
        inputs=frozenset(
            {"bucket", "content", "contentBase64", "source", "sourceHash", "forceDestroy", *_OBJECT_INPUTS}
        ),
        replace=frozenset({"bucket"}),
        defaults={"forceDestroy": False},
        computed=("arn", "etag", "versionId", "checksumSha256", "contentType"),
        moving={"etag": (body := frozenset({"content", "contentBase64", "source"})), "versionId": body},
        identify=lambda c: str(c["key"]),
        retag=_retag_object,
    ),
}
