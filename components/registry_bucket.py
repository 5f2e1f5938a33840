"""The model registry's bucket: a published version never changes, and exists whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import BucketArgs, SecureBucket
from components.policy import Statement, build_people_trust_policy, render_policy
from components.registry_parameter import RegistryParameter
from components.registry_policy import (
    DELETE_ACTIONS,
    REPAIR_ACTIONS,
    build_deployer_patterns,
    build_immutability_statements,
)
from components.settings import StackSpec
from components.stack_context import StackContext
from tidewatch.registry import build_parameter_name


@dataclass(frozen=True)
class RegistryArgs:
    """What the registry's bucket depends on."""

    logs: SecureBucket
    """The bucket that receives the access log."""
    lock_days: int | None = None
    """Days of governance-mode object lock for every version.

    0 ends the default retention of a locked bucket; None leaves a bucket without lock.
    """
    break_glass: Sequence[str] = ()
    """Who may assume the role that can delete, in the form that build_people_trust_policy takes."""
    deployers: Sequence[str] = ()
    """Who runs `pulumi up` and so may change the bucket's settings; if empty, anyone whom IAM allows."""
    source_bucket: str = ""
    """The bucket that the versions were read from before the first resource; "" if there was none."""
    signing: bool = False
    """Whether versions are signed when they are published."""
    signing_key: str = ""
    """The ARN of the key that signs them; "" for a key that is created here."""

    @classmethod
    def from_settings(cls, settings: StackSpec, logs: SecureBucket, locked: bool, source_bucket: str) -> RegistryArgs:
        """Returns the arguments of a registry whose bucket has an object lock if `locked`; S3 never removes a lock."""
        days = settings.registry.object_lock_days
        access = settings.access
        return cls(
            logs,
            days if days or locked else None,
            access.break_glass,
            access.deployers,
            source_bucket,
            settings.registry.signing,
            settings.registry.signing_key,
        )


class RegistryBucket(pulumi.ComponentResource):
    """The bucket, the break-glass role, the key that signs versions if the config asks for one, and the parameter that
    lets the program find the bucket before it deploys.

    registry_policy defines what the bucket's policy denies, and to whom.
    """

    def __init__(self, context: StackContext, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:RegistryBucket", context.name("registry"), None, opts)
        child_opts = pulumi.ResourceOptions(parent=self)
        self.break_glass = aws.iam.Role(
            context.name("break-glass"),
            description=f"Deletes from the registry of {context.model}: for emergencies, requires MFA",
            assume_role_policy=build_people_trust_policy(context, args.break_glass),
            max_session_duration=3600,
            tags=context.build_tags(),
            # The role stays with the bucket, because the bucket's policy lets nobody else delete.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=context.retains_data),
        )
        deployers = build_deployer_patterns(context, args.deployers)
        bucket = SecureBucket(
            context,
            BucketArgs(
                "registry",
                versioned=True,
                lock=bool(args.lock_days),
                logs=args.logs,
                statements=lambda arn: build_immutability_statements(arn, self.break_glass.arn, deployers),
            ),
            child_opts,
        )
        self.bucket, self.arn, self.key_arn = bucket.bucket, bucket.arn, bucket.encryption_key
        self.prefix = f"models/{context.model}/"
        self._create_break_glass_policy(context)
        self.usage_rule = self._create_usage_rule(context)
        self.signing_key = self._choose_signing_key(context, args)
        if args.lock_days is not None:
            self._lock(context, bucket, args.lock_days)
        self.parameter = RegistryParameter(
            context.name("registry"),
            parameter=build_parameter_name(context.project, context.stack),
            bucket=self.bucket,
            source_bucket=args.source_bucket,
            prefix=self.prefix,
            tags=context.build_tags(),
            retained=context.retains_data,
            opts=pulumi.ResourceOptions(parent=self, protect=context.protect, depends_on=[bucket.policy]),
        )
        self.register_outputs({"bucket": self.bucket, "prefix": self.prefix})

    def _choose_signing_key(self, context: StackContext, args: RegistryArgs) -> pulumi.Input[str] | None:
        """Returns the ARN of the key that signs versions, and creates the key unless the config names one.

        The key stays with the bucket when the stack is destroyed. Its policy is KMS's default, which leaves to IAM who
        signs.
        """
        if not args.signing or args.signing_key:
            return args.signing_key or None
        key = aws.kms.Key(
            context.name("signing"),
            description=f"Signs the published versions of {context.model} ({context.stack})",
            customer_master_key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
            deletion_window_in_days=30,
            tags=context.build_tags(purpose="signing"),
            opts=pulumi.ResourceOptions(parent=self, protect=context.protect, retain_on_delete=context.retains_data),
        )
        return key.arn

    def _lock(self, context: StackContext, bucket: SecureBucket, days: int) -> None:
        """Configures the object lock: S3 adds it to a versioned bucket in place and never removes it.

        With 0 days, only the default retention of new versions ends.
        """
        aws.s3.BucketObjectLockConfiguration(
            context.build_bucket_name("registry"),
            bucket=bucket.bucket,
            rule={"default_retention": {"mode": "GOVERNANCE", "days": days}} if days else None,
            opts=pulumi.ResourceOptions(parent=bucket, depends_on=[bucket.versioning] if bucket.versioning else None),
        )

    def _create_usage_rule(self, context: StackContext) -> aws.cloudwatch.EventRule:
        """Creates the rule that matches when somebody assumes or uses the break-glass role.

        The rule's matches are a metric with an alarm. CloudTrail records deletes only if a trail logs the data events
        of the bucket, and a rule receives only the calls of its own region; see docs/security.md.
        """
        return aws.cloudwatch.EventRule(
            context.name("break-glass"),
            description=f"Break-glass of the registry of {context.model} was used",
            event_pattern=self.break_glass.arn.apply(build_usage_pattern),
            tags=context.build_tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_break_glass_policy(self, context: StackContext) -> None:
        all_objects = pulumi.Output.concat(self.arn, "/*")
        aws.iam.RolePolicy(
            context.name("break-glass"),
            role=self.break_glass.name,
            policy=render_policy(
                Statement("Look", ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketPolicy"], [self.arn]),
                Statement("Delete", DELETE_ACTIONS, [all_objects]),
                Statement("Repair", REPAIR_ACTIONS, [self.arn]),
            ),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=context.retains_data),
        )


def build_usage_pattern(role: str) -> str:
    """Returns the pattern of CloudTrail's events about a role: assuming it, switching to it in the console, using it.

    The console's event has no session issuer, but it has the session. Source: CloudTrail user guide, "AWS Management
    Console sign-in events", "CloudTrail userIdentity element".
    """
    session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    return json.dumps(
        {
            "detail-type": ["AWS API Call via CloudTrail", "AWS Console Sign In via CloudTrail"],
            "detail": {
                "$or": [
                    {"eventName": ["AssumeRole"], "requestParameters": {"roleArn": [role]}},
                    {"eventName": ["SwitchRole"], "userIdentity": {"arn": [{"prefix": f"{session}/"}]}},
                    {"userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [role]}}}},
                ]
            },
        }
    )
