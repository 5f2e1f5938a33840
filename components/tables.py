"""The ledger of every change of traffic, and the control table with what changes while one runs."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.policy import ANYONE, Statement, render_policy
from components.stack_context import StackContext

REWRITE_ACTIONS = (
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:UpdateTimeToLive",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
)


class Tables(pulumi.ComponentResource):
    """Two tables with one partition key: the ledger is only appended to, the control table changes.

    Neither has a customer key, because a key that cannot be used must not stop a rollback. In stacks without
    `forceDestroy` both stay when the stack is destroyed, with the policy that lets nobody rewrite the ledger.
    """

    def __init__(self, context: StackContext, opts: pulumi.ResourceOptions | None = None) -> None:
        retained_opts = pulumi.ResourceOptions(protect=context.protect, retain_on_delete=context.retains_data)
        super().__init__(
            "tidewatch:components:Tables",
            context.name("tables"),
            None,
            pulumi.ResourceOptions.merge(retained_opts, opts),
        )
        self._context = context
        self.ledger = self._create_table("ledger", range_key="sequence", range_type="N")
        self.control = self._create_table("control", range_key="key", range_type="S")
        append_only = Statement("AppendOnly", REWRITE_ACTIONS, [self.ledger.arn], principal=ANYONE, effect="Deny")
        aws.dynamodb.ResourcePolicy(
            context.name("ledger"),
            resource_arn=self.ledger.arn,
            policy=render_policy(append_only),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"ledger": self.ledger.name, "control": self.control.name})

    def _create_table(self, part: str, *, range_key: str, range_type: str) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            self._context.name(part),
            billing_mode="PAY_PER_REQUEST",
            hash_key="stack",
            range_key=range_key,
            attributes=[{"name": "stack", "type": "S"}, {"name": range_key, "type": range_type}],
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=self._context.protect,
            tags=self._context.build_tags(),
            opts=pulumi.ResourceOptions(parent=self),
        )
