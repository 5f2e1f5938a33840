"""The settings of a bucket, each a resource of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import to_pairs
from tidewatch.aws.errors import get_error_code


def _make_bucket_spec(
    put: Callable[[ResourceContext], object],
    get: Callable[[ResourceContext], Props],
    drop: Callable[[ResourceContext], object],
    argument_names: str,
    **more: Any,
) -> ResourceSpec:
    """A type for one setting of a bucket, with the bucket's name as id."""

    def create(c: ResourceContext) -> Props:
        put(c)
        return {"id": c["bucket"]}

    def update(c: ResourceContext) -> Props:
        put(c)
        return {}

    return ResourceSpec(
        "s3",
        create,
        lambda c: {"bucket": c.id, **get(c)},
        drop,
        update=update,
        naming=None,
        computed=(),
        inputs=frozenset(argument_names.split()) | {"bucket"},
        force_new=frozenset({"bucket", "expectedBucketOwner"} & {"bucket", *argument_names.split()}),
        identify=lambda c: str(c["bucket"]),
        **more,
    )


def _put_encryption(c: ResourceContext) -> None:
    body = {"bucket": c["bucket"], "serverSideEncryptionConfiguration": {"rules": c["rules"]}}
    c.client.put_bucket_encryption(**c.build_params("PutBucketEncryption", body))


def _get_encryption(c: ResourceContext) -> Props:
    response = c.parse_response("GetBucketEncryption", c.client.get_bucket_encryption(Bucket=c.id))
    return {"rules": response["serverSideEncryptionConfiguration"]["rules"]}


_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _put_public_access(c: ResourceContext) -> None:
    flags = {key[:1].upper() + key[1:]: bool(c.get(key)) for key in _BLOCKS}
    c.client.put_public_access_block(Bucket=c["bucket"], PublicAccessBlockConfiguration=flags)


def _get_public_access(c: ResourceContext) -> Props:
    response = c.client.get_public_access_block(Bucket=c.id)["PublicAccessBlockConfiguration"]
    return {key: bool(response.get(key[:1].upper() + key[1:])) for key in _BLOCKS}


def _put_versioning(c: ResourceContext) -> None:
    versioning = c["versioningConfiguration"]
    status = {
        "Status": versioning["status"],
        **({"MFADelete": versioning["mfaDelete"]} if versioning.get("mfaDelete") else {}),
    }
    c.client.put_bucket_versioning(Bucket=c["bucket"], VersioningConfiguration=status)


def _get_versioning(c: ResourceContext) -> Props:
    """Reads the versioning; without any setting so far the resource does not exist."""
    if not (status := c.client.get_bucket_versioning(Bucket=c.id).get("Status")):
        raise NotFound(c.id)
    return {"versioningConfiguration": {"status": status}}


def _drop_versioning(c: ResourceContext) -> None:
    """Suspends versioning if it is enabled. For a bucket with an object lock the resource only leaves the state.

    The provider does the same. Source: terraform-provider-aws, internal/service/s3/bucket_versioning.go,
    resourceBucketVersioningDelete.
    """
    if (c.get("versioningConfiguration") or {}).get("status") != "Enabled":
        return
    try:
        c.client.put_bucket_versioning(Bucket=c.id, VersioningConfiguration={"Status": "Suspended"})
    except ClientError as error:
        if get_error_code(error) != "InvalidBucketState":
            raise


def _put_ownership(c: ResourceContext) -> None:
    rules = [{"ObjectOwnership": c["rule"]["objectOwnership"]}]
    c.client.put_bucket_ownership_controls(Bucket=c["bucket"], OwnershipControls={"Rules": rules})


def _get_ownership(c: ResourceContext) -> Props:
    rules = c.client.get_bucket_ownership_controls(Bucket=c.id)["OwnershipControls"]["Rules"]
    return {"rule": {"objectOwnership": rules[0]["ObjectOwnership"]}}


def _put_lifecycle(c: ResourceContext) -> None:
    rules = [_to_api_rule(rule) for rule in c["rules"]]
    body = {"bucket": c["bucket"], "lifecycleConfiguration": {"rules": rules}}
    c.client.put_bucket_lifecycle_configuration(**c.build_params("PutBucketLifecycleConfiguration", body))


def _to_api_rule(rule: Props) -> Props:
    """A rule for the API: it always has a filter, and `and` contains combined conditions."""
    rule = dict(rule)
    rule.setdefault("filter", {"prefix": rule.pop("prefix", None) or ""})
    if combined := (rule["filter"] or {}).get("and"):
        rule["filter"] = {"and": {**combined, **({"tags": to_pairs(combined["tags"])} if combined.get("tags") else {})}}
    return rule


def _get_lifecycle(c: ResourceContext) -> Props:
    response = c.client.get_bucket_lifecycle_configuration(Bucket=c.id)
    rules = c.parse_response("GetBucketLifecycleConfiguration", response)["rules"]
    for rule in rules:
        if tags := (rule.get("filter") or {}).get("and", {}).get("tags"):
            rule["filter"]["and"]["tags"] = {t["key"]: t["value"] for t in tags}
    return {"rules": rules}


def _put_logging(c: ResourceContext) -> None:
    target = pick(c.props, "targetBucket", "targetPrefix", "targetObjectKeyFormat")
    body = {"bucket": c["bucket"], "bucketLoggingStatus": {"loggingEnabled": target}}
    c.client.put_bucket_logging(**c.build_params("PutBucketLogging", body))


def _get_logging(c: ResourceContext) -> Props:
    if not (response := c.client.get_bucket_logging(Bucket=c.id).get("LoggingEnabled")):
        raise NotFound(c.id)
    return {"targetBucket": response["TargetBucket"], "targetPrefix": response.get("TargetPrefix", "")}


def _put_lock(c: ResourceContext) -> None:
    lock: Props = {"ObjectLockEnabled": c.get("objectLockEnabled", "Enabled")}
    if retention := (c.get("rule") or {}).get("defaultRetention"):
        lock["Rule"] = {"DefaultRetention": {key[:1].upper() + key[1:]: v for key, v in retention.items() if v}}
    c.client.put_object_lock_configuration(Bucket=c["bucket"], ObjectLockConfiguration=lock)


def _get_lock(c: ResourceContext) -> Props:
    response = c.client.get_object_lock_configuration(Bucket=c.id)
    lock = c.parse_response("GetObjectLockConfiguration", response)["objectLockConfiguration"]
    return {"objectLockEnabled": lock["objectLockEnabled"], **({"rule": lock["rule"]} if lock.get("rule") else {})}


def _drop_lock(c: ResourceContext) -> None:
    """Removes the default retention; the object lock of a bucket cannot be removed."""
    c.client.put_object_lock_configuration(Bucket=c.id, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})


def _validate_policy(news: Props) -> dict[str, str]:
    policy = news.get("policy")
    if isinstance(policy, str):
        try:
            json.loads(policy)
        except ValueError as error:
            return {"policy": f'"policy" contains an invalid JSON: {error}'}
    return {}


SPECS: dict[str, ResourceSpec] = {
    "aws:s3/bucketVersioning:BucketVersioning": _make_bucket_spec(
        _put_versioning, _get_versioning, _drop_versioning, "versioningConfiguration expectedBucketOwner"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _make_bucket_spec(
        _put_encryption,
        _get_encryption,
        lambda c: c.client.delete_bucket_encryption(Bucket=c.id),
        "rules expectedBucketOwner",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _make_bucket_spec(
        _put_public_access,
        _get_public_access,
        lambda c: c.get("skipDestroy") or c.client.delete_public_access_block(Bucket=c.id),
        " ".join((*_BLOCKS, "skipDestroy")),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _make_bucket_spec(
        _put_ownership, _get_ownership, lambda c: c.client.delete_bucket_ownership_controls(Bucket=c.id), "rule"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _make_bucket_spec(
        lambda c: c.client.put_bucket_policy(Bucket=c["bucket"], Policy=to_json_text(c["policy"])),
        lambda c: {"policy": c.client.get_bucket_policy(Bucket=c.id)["Policy"]},
        lambda c: c.client.delete_bucket_policy(Bucket=c.id),
        "policy",
        validate=_validate_policy,
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _make_bucket_spec(
        _put_lifecycle,
        _get_lifecycle,
        lambda c: c.client.delete_bucket_lifecycle(Bucket=c.id),
        "rules expectedBucketOwner",
    ),
    "aws:s3/bucketLogging:BucketLogging": _make_bucket_spec(
        _put_logging,
        _get_logging,
        lambda c: c.client.put_bucket_logging(Bucket=c.id, BucketLoggingStatus={}),
        "targetBucket targetPrefix targetObjectKeyFormat expectedBucketOwner",
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": _make_bucket_spec(
        _put_lock, _get_lock, _drop_lock, "objectLockEnabled rule expectedBucketOwner"
    ),
}
