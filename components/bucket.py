"""The bucket component: encrypted, closed to the public, TLS only, with a lifecycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policy import ANYONE, Statement, render_policy
from components.stack_context import StackContext

Statements = Callable[[pulumi.Output[str]], Sequence[Statement]]


def _no_statements(arn: pulumi.Output[str]) -> Sequence[Statement]:
    del arn
    return ()


@dataclass(frozen=True)
class BucketArgs:
    """What differs between buckets."""

    purpose: str
    """The part of the name that distinguishes the bucket."""
    key: bool = True
    """Whether the bucket has a customer key of its own; otherwise SSE-S3 encrypts it."""
    versioned: bool = False
    """Whether S3 keeps every version, for objects that must not change."""
    lock: bool = False
    """Whether object lock is on, for objects that must not change."""
    expire_days: int | None = None
    """After how many days objects expire; None for never."""
    logs: SecureBucket | None = None
    """The bucket that receives the access log."""
    statements: Statements = _no_statements
    """Further statements for the bucket's policy, given the bucket's ARN."""


class SecureBucket(pulumi.ComponentResource):
    """A bucket with its key and the settings that protect it: a unit, because no part is of use without the others.

    In stacks without `forceDestroy` the bucket and its key stay when the stack is destroyed, because they hold data.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    key_arn: pulumi.Output[str] | None

    def __init__(self, context: StackContext, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        name = context.build_bucket_name(args.purpose)
        retained_opts = pulumi.ResourceOptions(protect=context.protect, retain_on_delete=context.retains_data)
        super().__init__(
            "tidewatch:components:SecureBucket", name, None, pulumi.ResourceOptions.merge(retained_opts, opts)
        )
        self._context, self._bucket_name, self._args = context, name, args
        tags = context.build_tags(purpose=args.purpose)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=context.force_destroy,
            object_lock_enabled=True if args.lock else None,
            tags=tags,
            # S3 can lock an existing bucket in place. The provider would replace the bucket and everything in it.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["objectLockEnabled"]),
        )
        self.resource, self.bucket, self.arn = bucket, bucket.bucket, bucket.arn
        self.key_arn = self._create_key(tags) if args.key else None
        self._configure_encryption()
        self.versioning = self._enable_versioning() if args.versioned else None
        # S3 returns a conflict if two of these are put at the same time, and the policy may deny later lifecycle
        # changes.
        self.policy = self._create_policy(self._block_public_access(), self._create_lifecycle())
        if args.logs is not None:
            aws.s3.BucketLogging(
                name,
                bucket=self.bucket,
                target_bucket=args.logs.bucket,
                target_prefix=f"{args.purpose}/",
                # S3 refuses a target bucket whose policy does not allow log delivery
                opts=self._make_child_opts(args.logs.policy),
            )
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})

    @property
    def encryption_key(self) -> pulumi.Output[str]:
        """The ARN of the bucket's customer key; raises ValueError for a bucket without one."""
        if self.key_arn is None:
            raise ValueError(f"the {self._args.purpose} bucket has no customer-managed key")
        return self.key_arn

    def _make_child_opts(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on) or None)

    def _create_key(self, tags: dict[str, str]) -> pulumi.Output[str]:
        key = aws.kms.Key(
            self._bucket_name,
            description=f"Encrypts the {self._args.purpose} bucket of {self._context.model} ({self._context.stack})",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            tags=tags,
            opts=self._make_child_opts(),
        )
        return key.arn

    def _configure_encryption(self) -> None:
        by_default: aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict = (
            {"sse_algorithm": "AES256"}
            if self.key_arn is None
            else {"sse_algorithm": "aws:kms", "kms_master_key_id": self.key_arn}
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._bucket_name,
            bucket=self.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": by_default,
                    "bucket_key_enabled": True if self.key_arn is not None else None,
                }
            ],
            opts=self._make_child_opts(),
        )

    def _enable_versioning(self) -> aws.s3.BucketVersioning:
        return aws.s3.BucketVersioning(
            self._bucket_name,
            bucket=self.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=self._make_child_opts(),
        )

    def _block_public_access(self) -> aws.s3.BucketPublicAccessBlock:
        aws.s3.BucketOwnershipControls(
            self._bucket_name,
            bucket=self.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._make_child_opts(),
        )
        return aws.s3.BucketPublicAccessBlock(
            self._bucket_name,
            bucket=self.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._make_child_opts(),
        )

    def _create_policy(self, *depends_on: pulumi.Resource) -> aws.s3.BucketPolicy:
        tls_only = Statement(
            "TlsOnly",
            ["s3:*"],
            [self.arn, pulumi.Output.concat(self.arn, "/*")],
            principal=ANYONE,
            condition={"Bool": {"aws:SecureTransport": "false"}},
            effect="Deny",
        )
        return aws.s3.BucketPolicy(
            self._bucket_name,
            bucket=self.bucket,
            policy=render_policy(tls_only, *self._args.statements(self.arn)),
            opts=self._make_child_opts(*depends_on),
        )

    def _create_lifecycle(self) -> aws.s3.BucketLifecycleConfiguration:
        """Creates the lifecycle: unfinished uploads always expire, objects only if `expire_days` is set."""
        days = self._args.expire_days
        return aws.s3.BucketLifecycleConfiguration(
            self._bucket_name,
            bucket=self.bucket,
            rules=[
                {
                    "id": "unfinished-uploads",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                },
                *(
                    [{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": days}}]
                    if days
                    else []
                ),
            ],
            opts=self._make_child_opts(*([self.versioning] if self.versioning else [])),
        )
