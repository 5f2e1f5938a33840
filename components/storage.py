"""The buckets other than the registry's: captured records, monitoring results and access logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import BucketArgs, SecureBucket
from components.policy import Statement, build_people_trust_policy, render_policy
from components.settings import StackSpec
from components.stack_context import StackContext


@dataclass(frozen=True)
class StorageArgs:
    """The retention of the buckets, and who reads captured records."""

    capture_days: int
    """After how many days captured records expire."""
    log_days: int
    """After how many days access logs expire."""
    readers: Sequence[str] = ()
    """Who may assume the role that reads captured records, in the form that build_people_trust_policy takes."""

    @classmethod
    def from_settings(cls, settings: StackSpec) -> StorageArgs:
        return cls(
            settings.endpoint.capture_retention_days, settings.logs.retention_days, settings.access.capture_readers
        )


class Storage(pulumi.ComponentResource):
    """The capture, monitoring and log buckets: a unit, because the first two log their accesses to the third.

    Captured records may hold personal data, so they expire, and have a key of their own and a single role that reads
    them.
    """

    def __init__(self, context: StackContext, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Storage", context.name("storage"), None, opts)
        child_opts = pulumi.ResourceOptions(parent=self)
        logs = BucketArgs(
            "logs",
            key=False,
            expire_days=args.log_days,
            statements=lambda arn: (_allow_log_delivery(arn, context.account),),
        )
        self.logs = SecureBucket(context, logs, child_opts)
        self.capture = SecureBucket(
            context, BucketArgs("capture", expire_days=args.capture_days, logs=self.logs), child_opts
        )
        self.monitoring = SecureBucket(context, BucketArgs("monitoring", versioned=True, logs=self.logs), child_opts)
        self.reader = self._create_reader_role(context, args)
        self.register_outputs({"capture": self.capture.bucket, "monitoring": self.monitoring.bucket})

    def _create_reader_role(self, context: StackContext, args: StorageArgs) -> aws.iam.Role:
        name, child_opts = context.name("capture-reader"), pulumi.ResourceOptions(parent=self)
        reader = aws.iam.Role(
            name,
            description=f"Reads what the endpoint of {context.model} captured",
            assume_role_policy=build_people_trust_policy(context, args.readers),
            tags=context.build_tags(),
            opts=child_opts,
        )
        aws.iam.RolePolicy(
            name,
            role=reader.name,
            policy=render_policy(
                Statement("ListCapture", ["s3:ListBucket"], [self.capture.arn]),
                Statement("ReadCapture", ["s3:GetObject"], [pulumi.Output.concat(self.capture.arn, "/*")]),
                Statement("Decrypt", ["kms:Decrypt"], [self.capture.encryption_key]),
            ),
            opts=child_opts,
        )
        return reader


def _allow_log_delivery(arn: pulumi.Output[str], account: pulumi.Output[str]) -> Statement:
    return Statement(
        "AccessLogs",
        ["s3:PutObject"],
        [pulumi.Output.concat(arn, "/*")],
        principal={"Service": "logging.s3.amazonaws.com"},
        condition={"StringEquals": {"aws:SourceAccount": account}},
    )
