"""The registry: what is published stays as it is, and what is served comes from there."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import PolicyResource, Severity

from policies.buckets import define_bucket_policy, list_buckets, list_statements
from policies.definition import Metadata, Settings, StackFinding, define_stack_policy
from policies.model_containers import list_artifact_buckets, list_containers, read_artifact, read_bucket
from policies.resource_types import BUCKET_POLICY, BUCKET_VERSIONING, BUCKETS, MODEL, OBJECT_LOCK, read_object
from policies.stack_view import StackView, read_known


def _list_registries(stack: StackView) -> list[PolicyResource]:
    """Returns the buckets that hold models: those of artifacts that the stack serves, and those tagged as registry."""
    names = list_artifact_buckets(stack)
    return [
        bucket
        for bucket in list_buckets(stack)
        if read_known(bucket, "bucket") in names
        or read_object(bucket.props, "tags").get("tidewatch:purpose") == "registry"
    ]


def _check_versioning(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    found = stack.find_settings(bucket, BUCKET_VERSIONING, "bucket")
    inline = read_object(bucket.props, "versioning").get("enabled")
    if not inline and not any(
        read_object(each.props, "versioningConfiguration").get("status") == "Enabled" for each in found
    ):
        yield "It keeps no versions."


registry_versioning = define_bucket_policy(
    Metadata(
        "registry-versioning",
        "A registry keeps every version of an object.",
        Severity.HIGH,
        "Add a BucketVersioning with status Enabled.",
        ("S3.14", "CKV_AWS_21"),
    ),
    _list_registries,
    _check_versioning,
)


def _check_object_lock(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    configurations = stack.find_settings(bucket, OBJECT_LOCK, "bucket")
    retentions = [read_object(read_object(each.props, "rule"), "defaultRetention") for each in configurations]
    if not any(retention.get("days") or retention.get("years") for retention in retentions):
        yield "It does not lock its objects."


registry_locked = define_bucket_policy(
    Metadata(
        "registry-locked",
        "A registry locks what is published.",
        Severity.HIGH,
        "Set registry.objectLockDays, or add a BucketObjectLockConfiguration with a default retention.",
        ("S3.15",),
    ),
    _list_registries,
    _check_object_lock,
)


def _check_conditional_writes(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    for statement in list_statements(stack, bucket, {BUCKET_POLICY}, "bucket"):
        unconditional = read_object(statement.condition, "Null").get("s3:if-none-match")
        if statement.effect == "Deny" and statement.covers("s3:PutObject") and str(unconditional).lower() == "true":
            return
    yield "Its policy lets a put overwrite an object."


registry_write_once = define_bucket_policy(
    Metadata(
        "registry-write-once",
        "A registry accepts only conditional writes, so that nothing published is overwritten.",
        Severity.HIGH,
        "Deny s3:PutObject where s3:if-none-match is absent.",
    ),
    _list_registries,
    _check_conditional_writes,
)


def _check_artifacts(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    names = {read_known(bucket, "bucket") for bucket in stack.of_type(*BUCKETS)} - {None}
    for model in stack.of_type(MODEL):
        for container in list_containers(model.props):
            location = read_artifact(container)
            bucket = read_bucket(location)
            if location and bucket not in names and bucket not in settings["registries"]:
                yield StackFinding(
                    f"{location} is in a bucket that this stack does not keep, and that registries does not name.",
                    model.urn,
                )


artifact_in_registry = define_stack_policy(
    Metadata(
        "artifact-in-registry",
        "A model's artifact is in a registry, whose versions nobody can change.",
        Severity.HIGH,
        "Publish the artifact into the stack's registry, or name its bucket in registries.",
        settings={
            "registries": {
                "type": "array", "items": {"type": "string"}, "default": [],
                "description": "names of other stacks' registry buckets",
            }
        },
    ),
    _check_artifacts,
)  # fmt: skip

POLICIES = (registry_versioning, registry_locked, registry_write_once, artifact_in_registry)
