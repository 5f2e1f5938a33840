"""What holds data: buckets, the registry among them, and the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs, Severity, StackValidationPolicy

from policies.definition import Metadata, Settings, StackFinding, define_resource_policy, define_stack_policy
from policies.policy_documents import PolicyStatement, parse_statements
from policies.resource_types import (
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOGGING,
    BUCKET_POLICY,
    BUCKET_VERSIONING,
    BUCKETS,
    ENDPOINT_CONFIGURATION,
    MODEL,
    OBJECT_LOCK,
    PUBLIC_ACCESS_BLOCK,
    TABLE,
    TABLE_POLICY,
    read_list,
    read_object,
)
from policies.stack_view import StackView, read_known, refers_to

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_REWRITES = ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem")

BucketCheck = Callable[[StackView, PolicyResource, Settings], Iterator[str]]


def _define_bucket_policy(
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


def list_registries(stack: StackView) -> list[PolicyResource]:
    """Returns the buckets that hold models: those of artifacts that the stack serves, and those tagged as registry."""
    locations = [
        read_object(model.props, "primaryContainer").get("modelDataUrl") or "" for model in stack.of_type(MODEL)
    ]
    names = {location.removeprefix("s3://").partition("/")[0] for location in locations}
    return [
        bucket
        for bucket in list_buckets(stack)
        if read_known(bucket, "bucket") in names
        or read_object(bucket.props, "tags").get("tidewatch:purpose") == "registry"
    ]


def list_capture_buckets(stack: StackView) -> list[PolicyResource]:
    """Returns the buckets to which endpoints capture."""
    found: list[PolicyResource] = []
    for configuration in stack.of_type(ENDPOINT_CONFIGURATION):
        destination = read_object(configuration.props, "dataCaptureConfig").get("destinationS3Uri") or ""
        name = destination.removeprefix("s3://").partition("/")[0]
        found += [
            bucket for bucket in list_buckets(stack) if read_known(bucket, "bucket") == name and bucket not in found
        ]
    return found


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


bucket_encryption = _define_bucket_policy(
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


def _list_statements(
    stack: StackView, owner: PolicyResource, types: Collection[str], property_name: str
) -> Iterator[PolicyStatement]:
    for each in stack.find_settings(owner, types, property_name):
        yield from parse_statements(each.props.get("policy"))


def _check_tls(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    for statement in _list_statements(stack, bucket, {BUCKET_POLICY}, "bucket"):
        secure = read_object(statement.condition, "Bool").get("aws:SecureTransport")
        if (
            statement.effect == "Deny"
            and statement.covers("s3:GetObject", "s3:PutObject")
            and str(secure).lower() == "false"
        ):
            return
    yield "Its policy does not deny requests without TLS."


bucket_tls = _define_bucket_policy(
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


bucket_private = _define_bucket_policy(
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


def _check_versioning(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    found = stack.find_settings(bucket, BUCKET_VERSIONING, "bucket")
    inline = read_object(bucket.props, "versioning").get("enabled")
    if not inline and not any(
        read_object(each.props, "versioningConfiguration").get("status") == "Enabled" for each in found
    ):
        yield "It keeps no versions."


registry_versioning = _define_bucket_policy(
    Metadata(
        "registry-versioning",
        "A registry keeps every version of an object.",
        Severity.HIGH,
        "Add a BucketVersioning with status Enabled.",
        ("S3.14", "CKV_AWS_21"),
    ),
    list_registries,
    _check_versioning,
)


def _check_object_lock(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    configurations = stack.find_settings(bucket, OBJECT_LOCK, "bucket")
    retentions = [read_object(read_object(each.props, "rule"), "defaultRetention") for each in configurations]
    if not any(retention.get("days") or retention.get("years") for retention in retentions):
        yield "It does not lock its objects."


registry_locked = _define_bucket_policy(
    Metadata(
        "registry-locked",
        "A registry locks what is published.",
        Severity.HIGH,
        "Set registry.objectLockDays, or add a BucketObjectLockConfiguration with a default retention.",
        ("S3.15",),
    ),
    list_registries,
    _check_object_lock,
)


def _check_conditional_writes(stack: StackView, bucket: PolicyResource, settings: Settings) -> Iterator[str]:
    del settings
    for statement in _list_statements(stack, bucket, {BUCKET_POLICY}, "bucket"):
        unconditional = read_object(statement.condition, "Null").get("s3:if-none-match")
        if statement.effect == "Deny" and statement.covers("s3:PutObject") and str(unconditional).lower() == "true":
            return
    yield "Its policy lets a put overwrite an object."


registry_write_once = _define_bucket_policy(
    Metadata(
        "registry-write-once",
        "A registry accepts only conditional writes, so that nothing published is overwritten.",
        Severity.HIGH,
        "Deny s3:PutObject where s3:if-none-match is absent.",
    ),
    list_registries,
    _check_conditional_writes,
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


capture_retention = _define_bucket_policy(
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
    list_capture_buckets,
    _check_retention,
)


def _check_recovery(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    if not read_object(args.props, "pointInTimeRecovery").get("enabled"):
        yield "It cannot be restored to a point in time."


table_recovery = define_resource_policy(
    Metadata(
        "table-recovery",
        "A table can be restored to a point in time.",
        Severity.MEDIUM,
        "Enable pointInTimeRecovery.",
        ("DynamoDB.2", "CKV_AWS_28"),
    ),
    {TABLE},
    _check_recovery,
)


def _check_ledger(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    pattern = re.compile(settings["tables"])
    for table in stack.of_type(TABLE):
        if not pattern.search(table.name):
            continue
        statements = _list_statements(stack, table, {TABLE_POLICY}, "resourceArn")
        if not any(_denies_rewriting(statement) for statement in statements):
            yield StackFinding("Its policy lets items be changed or deleted.", table.urn)


def _denies_rewriting(statement: PolicyStatement) -> bool:
    is_for_all = statement.effect == "Deny" and "*" in statement.principals and not statement.condition
    return is_for_all and statement.covers(*_REWRITES)


ledger_append_only = define_stack_policy(
    Metadata(
        "ledger-append-only",
        "A ledger can only be appended to.",
        Severity.HIGH,
        "Add a resource policy that denies everybody to change and to delete items.",
        settings={
            "tables": {
                "type": "string", "default": r"(^|-)ledger($|-)",
                "description": "a regular expression of the logical names of ledgers",
            }
        },
    ),
    _check_ledger,
)  # fmt: skip

POLICIES = (
    bucket_encryption,
    bucket_tls,
    bucket_private,
    registry_versioning,
    registry_locked,
    registry_write_once,
    capture_retention,
    table_recovery,
    ledger_append_only,
)
