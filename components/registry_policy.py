"""What the registry's bucket policy denies, and to whom: every action that could change a published version.

A put succeeds over a delete marker, and object lock does not prevent delete markers. Immutability therefore needs all
of: conditional puts, denied deletes, kept versions, and settings that only the deployers may change.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.policy import ANYONE, Statement
from components.stack_context import StackContext
from tidewatch.permissions.trust_policy import build_principal_patterns

DELETE_ACTIONS = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:BypassGovernanceRetention",
)
"""Actions that delete a version, or its lock."""
RETENTION_ACTIONS = ("s3:PutObjectRetention", "s3:PutObjectLegalHold")
"""Actions that lock a version beyond what break-glass can lift: compliance mode, or a legal hold."""
REPLICATION_ACTIONS = (
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
    "s3:ObjectOwnerOverrideToBucketOwner",
)
"""Actions of S3 replication at its destination, where no condition on a put applies."""
SETTINGS_ACTIONS = (
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutReplicationConfiguration",
    "s3:PutEncryptionConfiguration",
    "s3:PutBucketLogging",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketAcl",
    "s3:PutBucketTagging",
    "s3:TagResource",
    "s3:UntagResource",
    "s3:PutIntelligentTieringConfiguration",
    "s3:PutBucketRequestPayment",
    "s3:DeleteBucket",
)
"""Actions on the bucket's settings that put versions at risk.

They could let versions be deleted, be read by others, not be found (tags) or not load (archive tiers, requester pays),
or hide who did it.
"""
REPAIR_ACTIONS = tuple(action for action in SETTINGS_ACTIONS if action != "s3:DeleteBucket")
"""What break-glass may do to repair the settings."""


def build_deployer_patterns(context: StackContext, people: Sequence[str]) -> pulumi.Output[list[str]] | None:
    """Returns the patterns of aws:PrincipalArn for the deployers; None if nobody is named."""
    if not people:
        return None
    return pulumi.Output.all(context.partition, context.account).apply(
        lambda partition_and_account: build_principal_patterns(
            people, partition_and_account[0], partition_and_account[1]
        )
    )


def build_immutability_statements(
    arn: pulumi.Output[str], break_glass: pulumi.Output[str], deployers: pulumi.Output[list[str]] | None
) -> Sequence[Statement]:
    """Returns the statements that deny changes of published versions.

    `deployers` has the form that build_deployer_patterns returns. If it is None, anyone whom IAM allows may change the
    settings, except the lifecycle, which deletes.
    """
    all_objects = pulumi.Output.concat(arn, "/*")
    return (
        _deny(
            "PutOnce",
            ("s3:PutObject",),
            all_objects,
            # The calls that prepare a multipart upload cannot carry If-None-Match; the call that completes it can.
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        ),
        # A form upload ignores If-None-Match, whatever headers it sends, so forms are denied.
        _deny("NoForms", ("s3:PutObject",), all_objects, {"StringEquals": {"s3:authType": "POST"}}),
        _deny("NoReplicas", REPLICATION_ACTIONS, all_objects),
        _deny("NeverDelete", (*DELETE_ACTIONS, *RETENTION_ACTIONS), all_objects, _except_for(break_glass)),
        _deny(
            "KeepSettings",
            SETTINGS_ACTIONS,
            arn,
            _except_for(pulumi.Output.all(break_glass, deployers).apply(_flatten_principals)),
        )
        if deployers is not None
        else _deny("KeepLifecycle", ("s3:PutLifecycleConfiguration",), arn, _except_for(break_glass)),
    )


def _deny(
    sid: str,
    actions: Sequence[str],
    resource: pulumi.Output[str],
    condition: dict[str, dict[str, object]] | None = None,
) -> Statement:
    return Statement(sid, actions, [resource], principal=ANYONE, condition=condition, effect="Deny")


def _except_for(principals: object) -> dict[str, dict[str, object]]:
    """Exempts these principals from a denial. A service is never exempt, because it has no such ARN."""
    return {"ArnNotLike": {"aws:PrincipalArn": principals}}


def _flatten_principals(principals: Sequence[object]) -> list[object]:
    role, people = principals
    return [role, *(people if isinstance(people, list) else ())]
