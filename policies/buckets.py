"""Buckets: encrypted, private, over TLS only, and without captured data that stays for ever."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from policies.definition import Metadata, Settings, StackFinding, define_stack_policy
from policies.model_containers import read_bucket
from policies.policy_documents import PolicyStatement, parse_statements
from policies.resource_types import (
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOGGING,
    BUCKET_POLICY,
    BUCKETS,
    ENDPOINT_CONFIGURATION,
    PUBLIC_ACCESS_BLOCK,
    read_list,
    read_object,
)
from policies.stack_view import StackView, read_known, refers_to

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

BucketCheck = Callable[[StackView, PolicyResource, Settings], Iterator[str]]


def define_bucket_policy(
    metadata: Metadata, select: Callable[[StackView], list[PolicyResource]], check: BucketCheck
) -> StackValidationPolicy:
    """Returns the policy that runs `check` on each bucket that `select` returns."""

    def check_buckets(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
        for bucket in select(stack):
            for message in check(stack, bucket, settings):
                yield StackFinding(message, bucket.urn)

    return define_stack_policy(metadata, check_buckets)


def list_buckets(stack: StackView) -> list[PolicyResource]:
    """Returns every bucket of the stack."""
    return stack.of_type(*BUCKETS)


def list_statements(
    stack: StackView, owner: PolicyResource, types: Collection[str], property_name: str
) -> Iterator[PolicyStatement]:
    """Yields the statements of the policies whose property refers to `owner`."""
    for each in stack.find_settings(owner, types, property_name):
        yield from parse_statements(each.props.get("policy"))


def _list_capture_buckets(stack: StackView) -> list[PolicyResource]:
    """Returns the buckets to which endpoints capture."""
    names = {
        read_bucket(read_object(configuration.props, "dataCaptureConfig").get("destinationS3Uri") or "")
        for configuration in stack.of_type(ENDPOINT_CONFIGURATION)
    }
    return [bucket for bucket in list_buckets(stack) if read_known(bucket, "bucket") in names]


def _check_encryption(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    if any(refers_to(logging, "targetBucket", bucket) for logging in stack.of_type(*BUCKET_LOGGING)):
        # S3 delivers access logs only to buckets with its own key.
        # Source: S3 user guide, "Enabling Amazon S3 server access logging", default bucket encryption.
        return
    rules = [
        rule
        for each in stack.find_settings(bucket, BUCKET_ENCRYPTION, "bucket")
        for rule in read_list(each.props, "rules")
    ]
    inline = read_object(read_object(bucket.props, "serverSideEncryptionConfiguration"), "rule")
    defaults = [
        read_object(rule, "applyServerSideEncryptionByDefault") for rule in [*rules, *([inline] if inline else [])]
    ]
    if not any(str(each.get("sseAlgorithm")).startswith("aws:kms") for each in defaults):
        yield "It is not encrypted with a key of yours."


bucket_encryption = define_bucket_policy(
    Metadata(
        "bucket-encryption",
        "A bucket is encrypted with a customer key, except one that receives access logs, which S3 does not allow.",
        Severity.HIGH,
        "Add a BucketServerSideEncryptionConfiguration with sseAlgorithm aws:kms and your key.",
        ("S3.17", "CKV_AWS_145"),
    ),
    list_buckets,
    _check_encryption,
)


def _check_tls(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    for statement in list_statements(stack, bucket, {BUCKET_POLICY}, "bucket"):
        secure = read_object(statement.condition, "Bool").get("aws:SecureTransport")
        if (
            statement.effect == "Deny"
            and statement.covers("s3:GetObject", "s3:PutObject")
            and str(secure).lower() == "false"
        ):
            return
    yield "Its policy does not deny requests without TLS."


bucket_tls = define_bucket_policy(
    Metadata(
        "bucket-tls",
        "A bucket answers over TLS only.",
        Severity.MEDIUM,
        "Deny s3:* to everybody where aws:SecureTransport is false.",
        ("S3.5",),
    ),
    list_buckets,
    _check_tls,
)


def _check_access_block(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    blocks = stack.find_settings(bucket, {PUBLIC_ACCESS_BLOCK}, "bucket")
    missing = [name for name in _BLOCKS if not any(block.props.get(name) for block in blocks)]
    if missing:
        yield f"It does not set {', '.join(missing)}."


bucket_private = define_bucket_policy(
    Metadata(
        "bucket-private",
        "No bucket can be made public.",
        Severity.CRITICAL,
        "Add a BucketPublicAccessBlock with all four settings.",
        ("S3.8", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV2_AWS_6"),
    ),
    list_buckets,
    _check_access_block,
)


def _check_retention(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    days = [
        read_object(rule, "expiration").get("days")
        for each in stack.find_settings(bucket, BUCKET_LIFECYCLE, "bucket")
        for rule in read_list(each.props, "rules")
        if rule.get("status") == "Enabled"
    ]
    least = min((each for each in days if each), default=None)
    if least is None:
        yield "What it captures never expires."
    elif least > settings["maxDays"]:
        yield f"What it captures is kept for {least:g} days; at most {settings['maxDays']:g} are allowed."


capture_retention = define_bucket_policy(
    Metadata(
        "capture-retention",
        "Captured requests, which may hold personal data, expire.",
        Severity.MEDIUM,
        "Set endpoint.captureRetentionDays, or add a lifecycle rule that expires them.",
        ("S3.13",),
        {
            "maxDays": {
                "type": "integer",
                "minimum": 1,
                "default": 365,
                "description": "the most days that they are kept",
            }
        },
    ),
    _list_capture_buckets,
    _check_retention,
)

POLICIES = (bucket_encryption, bucket_tls, bucket_private, capture_retention)
