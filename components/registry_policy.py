"""What the registry's bucket denies, and to whom: everything that would undo that a published version stays as it was.

A put succeeds over a delete marker and object lock does not stop markers, so immutability takes all of: conditional
puts required, deletes denied, versions kept, and nobody but those who deploy to change what says so.
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
"""What takes a version away, or its lock."""
RETENTION_ACTIONS = ("s3:PutObjectRetention", "s3:PutObjectLegalHold")
"""What locks a version beyond what break-glass can lift: compliance mode, or a hold."""
REPLICATION_ACTIONS = (
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
    "s3:ObjectOwnerOverrideToBucketOwner",
)
"""What S3's replication does at its destination, where no condition of a put is asked for."""
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
"""What changes the bucket so that versions could go, be read by others, be found no more (its tags) or load no more
(archive tiers, requester pays), or nobody would see who did it."""
REPAIR_ACTIONS = tuple(action for action in SETTINGS_ACTIONS if action != "s3:DeleteBucket")
"""What break-glass may do to put the settings right again."""


def build_deployer_patterns(context: StackContext, people: Sequence[str]) -> pulumi.Output[list[str]] | None:
    """What aws:PrincipalArn says of the deployers; None where nobody is named."""
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
    """The denials. deployers: as deployer_patterns has them; of None, whoever IAM lets may change the settings, but not
    the lifecycle, which deletes."""
    all_objects = pulumi.Output.concat(arn, "/*")
    return (
        _deny(
            "PutOnce",
            ("s3:PutObject",),
            all_objects,
            # the operations that only prepare a multipart upload cannot carry If-None-Match; its completion can
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        ),
        # A form takes no If-None-Match, whatever header is sent along: nobody uploads so.
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
    """For whom a denial does not count. It counts for a service, which has no such ARN."""
    return {"ArnNotLike": {"aws:PrincipalArn": principals}}


def _flatten_principals(principals: Sequence[object]) -> list[object]:
    role, people = principals
    return [role, *(people if isinstance(people, list) else ())]
