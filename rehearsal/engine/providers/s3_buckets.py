"""S3 buckets."""

from __future__ import annotations

from botocore.exceptions import ClientError

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.properties import Props
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, to_pairs
from tidewatch.aws.errors import get_error_code

_HOSTED_ZONE_ID = "Z3AQBSTGFYJSTF"
"""The hosted zone of S3's website endpoints in us-east-1."""


def _create_bucket(c: ResourceContext) -> Props:
    params: Props = {"Bucket": c["bucket"]}
    if c.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": c.region}
    if c.get("objectLockEnabled"):
        params["ObjectLockEnabledForBucket"] = True
    c.client.create_bucket(**params)
    return _build_domains(c, c["bucket"])


def _finish_bucket(c: ResourceContext) -> Props:
    if tags := c.get("tags"):
        c.client.put_bucket_tagging(Bucket=c.id, Tagging={"TagSet": to_pairs(tags)})
    return {}


def _build_domains(c: ResourceContext, bucket: str) -> Props:
    return {
        "arn": f"arn:aws:s3:::{bucket}",
        "bucketDomainName": f"{bucket}.s3.amazonaws.com",
        "bucketRegion": c.region,
        "bucketRegionalDomainName": f"{bucket}.s3.{c.region}.amazonaws.com",
        "hostedZoneId": _HOSTED_ZONE_ID,
    }


def _read_bucket(c: ResourceContext) -> Props:
    c.client.head_bucket(Bucket=c.id)
    return {"bucket": c.id, **_build_domains(c, c.id), "tags": _read_tags(c)}


def _read_tags(c: ResourceContext) -> dict[str, str]:
    try:
        return from_pairs(c.client.get_bucket_tagging(Bucket=c.id)["TagSet"])
    except ClientError as error:
        if get_error_code(error) == "NoSuchTagSet":
            return {}
        raise


def _retag_bucket(c: ResourceContext, put: dict[str, str], removed: list[str]) -> None:
    tags = {k: v for k, v in {**_read_tags(c), **put}.items() if k not in removed}
    if tags:
        c.client.put_bucket_tagging(Bucket=c.id, Tagging={"TagSet": to_pairs(tags)})
    else:
        c.client.delete_bucket_tagging(Bucket=c.id)


def _delete_bucket(c: ResourceContext) -> None:
    if c.get("forceDestroy"):
        _empty_bucket(c)
    c.client.delete_bucket(Bucket=c.id)


def _empty_bucket(c: ResourceContext) -> None:
    """Deletes every version and delete marker, even under a governance lock, like the provider's force_destroy.

    It always lists the first page of the rest: a page after a deleted key may be empty.
    """
    bypass = {"BypassGovernanceRetention": True} if c.get("objectLockEnabled") else {}
    while versions := _list_first_page(c):
        response = c.client.delete_objects(Bucket=c.id, Delete={"Objects": versions, "Quiet": True}, **bypass)
        if errors := response.get("Errors"):
            first = errors[0]
            raise RuntimeError(f"emptying bucket {c.id}: {first['Key']} stays: {first.get('Message', first['Code'])}")


def _list_first_page(c: ResourceContext) -> list[dict[str, str]]:
    page = c.client.list_object_versions(Bucket=c.id)
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


SPECS: dict[str, ResourceSpec] = {
    "aws:s3/bucket:Bucket": ResourceSpec(
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
        force_new=frozenset({"objectLockEnabled"}),
        defaults={"forceDestroy": False},
        computed=("arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "hostedZoneId"),
        retag=_retag_bucket,
    ),
}
