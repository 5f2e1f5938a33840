"""Objects in buckets, as a resource and as a function."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlencode

from rehearsal.engine.providers.archives import read_asset
from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.properties import Props, pick, restore_integers
from rehearsal.engine.providers.provider_settings import ProviderSettings
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec

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


def _read_body(c: ResourceContext) -> bytes:
    if c.get("contentBase64"):
        return base64.b64decode(c["contentBase64"])
    return read_asset(c["source"]) if c.get("source") is not None else str(c.get("content", "")).encode()


def _put_object(c: ResourceContext) -> Props:
    body = _read_body(c)
    properties = {"bucket": c["bucket"], "key": c["key"], **pick(c.props, *_OBJECT_INPUTS)}
    if c.get("kmsKeyId"):
        properties.setdefault("serverSideEncryption", "aws:kms")
    params = c.build_params("PutObject", properties, _OBJECT_RENAMES)
    if tags := c.get("tags"):
        params["Tagging"] = urlencode(tags)
    response = c.client.put_object(Body=body, **params)
    return {
        "id": c["key"],
        "arn": f"arn:aws:s3:::{c['bucket']}/{c['key']}",
        "etag": response["ETag"].strip('"'),
        "versionId": response.get("VersionId", ""),
        "checksumSha256": response.get("ChecksumSHA256", ""),
        "contentType": c.get("contentType", "application/octet-stream"),
    }


def _update_object(c: ResourceContext) -> Props:
    outs = _put_object(c)
    del outs["id"]
    return outs


def _read_object(c: ResourceContext) -> Props:
    response = c.client.head_object(Bucket=c["bucket"], Key=c["key"])
    return {
        "arn": f"arn:aws:s3:::{c['bucket']}/{c['key']}",
        "etag": response["ETag"].strip('"'),
        "versionId": response.get("VersionId", ""),
        "contentType": response.get("ContentType", ""),
    }


def _delete_object(c: ResourceContext) -> None:
    """Deletes all versions of an object as the provider does, which lists all before the first deletion."""
    for page in [*c.client.get_paginator("list_object_versions").paginate(Bucket=c["bucket"], Prefix=c["key"])]:
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if version["Key"] == c["key"]:
                bypass = {"BypassGovernanceRetention": True} if c.get("forceDestroy") else {}
                c.client.delete_object(Bucket=c["bucket"], Key=c["key"], VersionId=version["VersionId"], **bypass)


def _retag_object(c: ResourceContext, put: dict[str, str], removed: list[str]) -> None:
    """Does nothing: the tags are part of the object, which every update puts again."""


def get_object(settings: ProviderSettings, args: Props) -> Props:
    """aws:s3/getObject:getObject: an object with its body, as text."""
    args = restore_integers(args)
    version = {"VersionId": args["versionId"]} if args.get("versionId") else {}
    response = settings.get_client("s3", args.get("region")).get_object(
        Bucket=args["bucket"], Key=args["key"], **version
    )
    body = response["Body"].read()
    return {
        **args,
        "id": f"{args['bucket']}/{args['key']}",
        "arn": f"arn:aws:s3:::{args['bucket']}/{args['key']}",
        "body": body.decode(errors="replace"),
        "bodyBase64": base64.b64encode(body).decode(),
        "contentLength": len(body),
        "contentType": response.get("ContentType", ""),
        "etag": response["ETag"].strip('"'),
        "metadata": response.get("Metadata", {}),
        "versionId": response.get("VersionId", ""),
        "checksumSha256": base64.b64encode(hashlib.sha256(body).digest()).decode() if args.get("checksumMode") else "",
    }


SPECS: dict[str, ResourceSpec] = {
    "aws:s3/bucketObjectv2:BucketObjectv2": ResourceSpec(
        "s3",
        _put_object,
        _read_object,
        _delete_object,
        update=_update_object,
        naming=Naming("key", limit=1024, pattern=r"(?s).+", rule="at least one character", automatic=False),
        inputs=frozenset(
            {"bucket", "content", "contentBase64", "source", "sourceHash", "forceDestroy", *_OBJECT_INPUTS}
        ),
        force_new=frozenset({"bucket"}),
        defaults={"forceDestroy": False},
        computed=("arn", "etag", "versionId", "checksumSha256", "contentType"),
        recomputed={
            "etag": (content_inputs := frozenset({"content", "contentBase64", "source"})),
            "versionId": content_inputs,
        },
        identify=lambda c: str(c["key"]),
        retag=_retag_object,
    ),
}
