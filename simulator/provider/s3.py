"""Buckets, what is configured on them one resource at a time, and objects."""

from __future__ import annotations

from botocore.exceptions import ClientError

from simulator.provider.base import Call, Naming, Spec, pairs, unpaired
from simulator.provider.values import Props
from tidewatch.items import error_code

_ZONE = "Z3AQBSTGFYJSTF"
"""The hosted zone of S3's website endpoints in us-east-1."""


def _create_bucket(c: Call) -> Props:
    params: Props = {"Bucket": c["bucket"]}
    if c.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": c.region}
    if c.get("objectLockEnabled"):
        params["ObjectLockEnabledForBucket"] = True
    c.client.create_bucket(**params)
    return _domains(c, c["bucket"])


def _finish_bucket(c: Call) -> Props:
    if tags := c.get("tags"):
        c.client.put_bucket_tagging(Bucket=c.id, Tagging={"TagSet": pairs(tags)})
    return {}


def _domains(c: Call, bucket: str) -> Props:
    return {
        "arn": f"arn:aws:s3:::{bucket}",
        "bucketDomainName": f"{bucket}.s3.amazonaws.com",
        "bucketRegion": c.region,
        "bucketRegionalDomainName": f"{bucket}.s3.{c.region}.amazonaws.com",
        "hostedZoneId": _ZONE,
    }


def _read_bucket(c: Call) -> Props:
    c.client.head_bucket(Bucket=c.id)
    return {"bucket": c.id, **_domains(c, c.id), "tags": _bucket_tags(c)}


def _bucket_tags(c: Call) -> dict[str, str]:
    try:
        return unpaired(c.client.get_bucket_tagging(Bucket=c.id)["TagSet"])
    except ClientError as error:
        if error_code(error) == "NoSuchTagSet":
            return {}
        raise


def _retag_bucket(c: Call, put: dict[str, str], removed: list[str]) -> None:
    tags = {k: v for k, v in {**_bucket_tags(c), **put}.items() if k not in removed}
    if tags:
        c.client.put_bucket_tagging(Bucket=c.id, Tagging={"TagSet": pairs(tags)})
    else:
        c.client.delete_bucket_tagging(Bucket=c.id)


def _delete_bucket(c: Call) -> None:
    if c.get("forceDestroy"):
        _empty(c)
    c.client.delete_bucket(Bucket=c.id)


def _empty(c: Call) -> None:
    """Deletes every version and delete marker, past a governance lock, as the provider's force_destroy does.

    Each page is the first of what is left: a page after a key that was just deleted may be an empty one.
    """
    bypass = {"BypassGovernanceRetention": True} if c.get("objectLockEnabled") else {}
    while doomed := _first_page(c):
        said = c.client.delete_objects(Bucket=c.id, Delete={"Objects": doomed, "Quiet": True}, **bypass)
        if errors := said.get("Errors"):
            first = errors[0]
            raise RuntimeError(f"emptying bucket {c.id}: {first['Key']} stays: {first.get('Message', first['Code'])}")


def _first_page(c: Call) -> list[dict[str, str]]:
    page = c.client.list_object_versions(Bucket=c.id)
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


SPECS: dict[str, Spec] = {
    "aws:s3/bucket:Bucket": Spec(
        "s3",
        _create_bucket,
        _read_bucket,
        _delete_bucket,
        finish=_finish_bucket,
        update=lambda _: {},
        naming=Naming(
            "bucket",
            pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            rule="lower case letters, digits, dots and hyphens, at least 3",
            lower=True,
        ),
        inputs=frozenset({"forceDestroy", "objectLockEnabled"}),
        replace=frozenset({"objectLockEnabled"}),
        defaults={"forceDestroy": False},
        computed=("arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "hostedZoneId"),
        retag=_retag_bucket,
    ),
}
