"""The ledger of every change of traffic, and the control table that drives one."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.policy import ANYONE, Statement, document
from components.scope import Scope

REWRITES = (
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:UpdateTimeToLive",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
)


class Tables(pulumi.ComponentResource):
    """Two tables with one key: what happened is only appended to, what is going on changes.

    Neither has a customer key: a key that cannot be used must not stop a rollback. Outside stacks with `forceDestroy`
    they stay when the stack is destroyed, and the policy that lets nobody rewrite the ledger with them.
    """

    def __init__(self, scope: Scope, opts: pulumi.ResourceOptions | None = None) -> None:
        kept = pulumi.ResourceOptions(protect=scope.protect, retain_on_delete=scope.keeps_data)
        super().__init__(
            "tidewatch:components:Tables", scope.name("tables"), None, pulumi.ResourceOptions.merge(kept, opts)
        )
        self._scope = scope
        self.ledger = self._table("ledger", range_key="sequence", range_type="N")
        self.control = self._table("control", range_key="key", range_type="S")
        append_only = Statement("AppendOnly", REWRITES, [self.ledger.arn], principal=ANYONE, effect="Deny")
        aws.dynamodb.ResourcePolicy(
            scope.name("ledger"),
            resource_arn=self.ledger.arn,
            policy=document(append_only),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"ledger": self.ledger.name, "control": self.control.name})

    def physical_name(self, *parts: str, mark: str = "") -> pulumi.Output[str]:
        """A name for alarms and dashboards, known before they are made: it ends as the ledger's does.

        mark: comes before that end, where two things that CloudWatch takes no one name for are called alike.
        """
        return self.ledger.name.apply(lambda ledger: f"{self._scope.name(*parts)}-{mark}{ledger.rpartition('-')[2]}")

    def _table(self, part: str, *, range_key: str, range_type: str) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            self._scope.name(part),
            billing_mode="PAY_PER_REQUEST",
            hash_key="endpoint",
            range_key=range_key,
            attributes=[{"name": "endpoint", "type": "S"}, {"name": range_key, "type": range_type}],
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=self._scope.protect,
            tags=self._scope.tagged(),
            opts=pulumi.ResourceOptions(parent=self),
        )
