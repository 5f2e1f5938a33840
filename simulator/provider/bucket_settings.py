"""What is configured on a bucket, one resource an aspect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from simulator.provider.base import Call, Gone, Spec, pairs
from simulator.provider.values import Props, chosen, text
from tidewatch.items import error_code


def _on_bucket(
    put: Callable[[Call], object],
    get: Callable[[Call], Props],
    drop: Callable[[Call], object],
    inputs: str,
    **more: Any,
) -> Spec:
    """A type that is one aspect of a bucket and has the bucket's name for an id."""

    def create(c: Call) -> Props:
        put(c)
        return {"id": c["bucket"]}

    def update(c: Call) -> Props:
        put(c)
        return {}

    return Spec(
        "s3",
        create,
        lambda c: {"bucket": c.id, **get(c)},
        drop,
        update=update,
        naming=None,
        computed=(),
        inputs=frozenset(inputs.split()) | {"bucket"},
        replace=frozenset({"bucket", "expectedBucketOwner"} & {"bucket", *inputs.split()}),
        identify=lambda c: str(c["bucket"]),
        **more,
    )


def _put_encryption(c: Call) -> None:
    body = {"bucket": c["bucket"], "serverSideEncryptionConfiguration": {"rules": c["rules"]}}
    c.client.put_bucket_encryption(**c.params("PutBucketEncryption", body))


def _get_encryption(c: Call) -> Props:
    said = c.answer("GetBucketEncryption", c.client.get_bucket_encryption(Bucket=c.id))
    return {"rules": said["serverSideEncryptionConfiguration"]["rules"]}


_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _put_public_access(c: Call) -> None:
    flags = {key[:1].upper() + key[1:]: bool(c.get(key)) for key in _BLOCKS}
    c.client.put_public_access_block(Bucket=c["bucket"], PublicAccessBlockConfiguration=flags)


def _get_public_access(c: Call) -> Props:
    said = c.client.get_public_access_block(Bucket=c.id)["PublicAccessBlockConfiguration"]
    return {key: bool(said.get(key[:1].upper() + key[1:])) for key in _BLOCKS}


def _put_versioning(c: Call) -> None:
    given = c["versioningConfiguration"]
    status = {"Status": given["status"], **({"MFADelete": given["mfaDelete"]} if given.get("mfaDelete") else {})}
    c.client.put_bucket_versioning(Bucket=c["bucket"], VersioningConfiguration=status)


def _get_versioning(c: Call) -> Props:
    """A bucket that never had versioning has no such resource."""
    if not (status := c.client.get_bucket_versioning(Bucket=c.id).get("Status")):
        raise Gone(c.id)
    return {"versioningConfiguration": {"status": status}}


def _drop_versioning(c: Call) -> None:
    """Suspends what was enabled; of a bucket with an object lock the resource leaves the state, as the provider has it.

    Source: terraform-provider-aws, internal/service/s3/bucket_versioning.go, resourceBucketVersioningDelete.
    """
    if (c.get("versioningConfiguration") or {}).get("status") != "Enabled":
        return
    try:
        c.client.put_bucket_versioning(Bucket=c.id, VersioningConfiguration={"Status": "Suspended"})
    except ClientError as error:
        if error_code(error) != "InvalidBucketState":
            raise


def _put_ownership(c: Call) -> None:
    rules = [{"ObjectOwnership": c["rule"]["objectOwnership"]}]
    c.client.put_bucket_ownership_controls(Bucket=c["bucket"], OwnershipControls={"Rules": rules})


def _get_ownership(c: Call) -> Props:
    said = c.client.get_bucket_ownership_controls(Bucket=c.id)["OwnershipControls"]["Rules"]
    return {"rule": {"objectOwnership": said[0]["ObjectOwnership"]}}


def _put_lifecycle(c: Call) -> None:
    rules = [_lifecycle_rule(rule) for rule in c["rules"]]
    body = {"bucket": c["bucket"], "lifecycleConfiguration": {"rules": rules}}
    c.client.put_bucket_lifecycle_configuration(**c.params("PutBucketLifecycleConfiguration", body))


def _lifecycle_rule(rule: Props) -> Props:
    """The API's rule: a filter is always there, and `and` holds what is combined."""
    rule = dict(rule)
    rule.setdefault("filter", {"prefix": rule.pop("prefix", None) or ""})
    if combined := (rule["filter"] or {}).get("and"):
        rule["filter"] = {"and": {**combined, **({"tags": pairs(combined["tags"])} if combined.get("tags") else {})}}
    return rule


def _get_lifecycle(c: Call) -> Props:
    said = c.client.get_bucket_lifecycle_configuration(Bucket=c.id)
    rules = c.answer("GetBucketLifecycleConfiguration", said)["rules"]
    for rule in rules:
        if tags := (rule.get("filter") or {}).get("and", {}).get("tags"):
            rule["filter"]["and"]["tags"] = {t["key"]: t["value"] for t in tags}
    return {"rules": rules}


def _put_logging(c: Call) -> None:
    given = chosen(c.props, "targetBucket", "targetPrefix", "targetObjectKeyFormat")
    body = {"bucket": c["bucket"], "bucketLoggingStatus": {"loggingEnabled": given}}
    c.client.put_bucket_logging(**c.params("PutBucketLogging", body))


def _get_logging(c: Call) -> Props:
    if not (said := c.client.get_bucket_logging(Bucket=c.id).get("LoggingEnabled")):
        raise Gone(c.id)
    return {"targetBucket": said["TargetBucket"], "targetPrefix": said.get("TargetPrefix", "")}


def _put_lock(c: Call) -> None:
    lock: Props = {"ObjectLockEnabled": c.get("objectLockEnabled", "Enabled")}
    if retention := (c.get("rule") or {}).get("defaultRetention"):
        lock["Rule"] = {"DefaultRetention": {key[:1].upper() + key[1:]: v for key, v in retention.items() if v}}
    c.client.put_object_lock_configuration(Bucket=c["bucket"], ObjectLockConfiguration=lock)


def _get_lock(c: Call) -> Props:
    said = c.client.get_object_lock_configuration(Bucket=c.id)
    lock = c.answer("GetObjectLockConfiguration", said)["objectLockConfiguration"]
    return {"objectLockEnabled": lock["objectLockEnabled"], **({"rule": lock["rule"]} if lock.get("rule") else {})}


def _drop_lock(c: Call) -> None:
    """The default retention goes; that the bucket has a lock cannot be undone."""
    c.client.put_object_lock_configuration(Bucket=c.id, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})


def _policy_fault(news: Props) -> dict[str, str]:
    policy = news.get("policy")
    if isinstance(policy, str):
        try:
            json.loads(policy)
        except ValueError as error:
            return {"policy": f'"policy" contains an invalid JSON: {error}'}
    return {}


SPECS: dict[str, Spec] = {
    "aws:s3/bucketVersioning:BucketVersioning": _on_bucket(
        _put_versioning, _get_versioning, _drop_versioning, "versioningConfiguration expectedBucketOwner"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _on_bucket(
        _put_encryption,
        _get_encryption,
        lambda c: c.client.delete_bucket_encryption(Bucket=c.id),
        "rules expectedBucketOwner",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _on_bucket(
        _put_public_access,
        _get_public_access,
        lambda c: c.get("skipDestroy") or c.client.delete_public_access_block(Bucket=c.id),
        " ".join((*_BLOCKS, "skipDestroy")),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _on_bucket(
        _put_ownership, _get_ownership, lambda c: c.client.delete_bucket_ownership_controls(Bucket=c.id), "rule"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _on_bucket(
        lambda c: c.client.put_bucket_policy(Bucket=c["bucket"], Policy=text(c["policy"])),
        lambda c: {"policy": c.client.get_bucket_policy(Bucket=c.id)["Policy"]},
        lambda c: c.client.delete_bucket_policy(Bucket=c.id),
        "policy",
        validate=_policy_fault,
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _on_bucket(
        _put_lifecycle,
        _get_lifecycle,
        lambda c: c.client.delete_bucket_lifecycle(Bucket=c.id),
        "rules expectedBucketOwner",
    ),
    "aws:s3/bucketLogging:BucketLogging": _on_bucket(
        _put_logging,
        _get_logging,
        lambda c: c.client.put_bucket_logging(Bucket=c.id, BucketLoggingStatus={}),
        "targetBucket targetPrefix targetObjectKeyFormat expectedBucketOwner",
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": _on_bucket(
        _put_lock, _get_lock, _drop_lock, "objectLockEnabled rule expectedBucketOwner"
    ),
}
