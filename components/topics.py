"""Where people are told: a topic for each priority."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.policy import ANYONE, Statement, document
from components.scope import Scope

PRIORITIES = ("P1", "P2", "P3")
"""A page; a ticket for today; a ticket for this week."""

PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


class Topics(pulumi.ComponentResource):
    """Three topics and the one key that encrypts them: alarms can publish only where they may use the key.

    AWS's own key for SNS cannot be opened to CloudWatch, so it is a customer key.
    """

    def __init__(self, scope: Scope, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Topics", scope.name("topics"), None, opts)
        self._scope = scope
        key = aws.kms.Key(
            scope.name("topics"),
            description=f"Encrypts what people are told about {scope.model} ({scope.stack})",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=self._key_policy(),
            tags=scope.tagged(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.key_arn = key.arn
        self.topics = {priority: self._topic(priority) for priority in PRIORITIES}
        self.arns = {priority: topic.arn for priority, topic in self.topics.items()}
        self.register_outputs({"arns": self.arns})

    def _key_policy(self) -> pulumi.Output[str]:
        scope = self._scope
        return document(
            Statement("Account", ["kms:*"], ["*"], principal={"AWS": scope.root}),
            Statement(
                "Publishers",
                ["kms:Decrypt", "kms:GenerateDataKey*"],
                ["*"],
                principal={"Service": list(PUBLISHERS)},
                condition={"StringEquals": {"aws:SourceAccount": scope.account}},
            ),
        )

    def _topic(self, priority: str) -> aws.sns.Topic:
        scope = self._scope
        name, inside = scope.name(priority), pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            name,
            display_name=f"{scope.model} {scope.stack} {priority}"[:100],
            kms_master_key_id=self.key_arn,
            tags=scope.tagged(priority=priority),
            opts=inside,
        )
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=document(
                Statement("Account", ["sns:Publish", "sns:Subscribe"], [topic.arn], principal={"AWS": scope.root}),
                Statement(
                    "Publishers",
                    ["sns:Publish"],
                    [topic.arn],
                    principal={"Service": list(PUBLISHERS)},
                    condition={"StringEquals": {"aws:SourceAccount": scope.account}},
                ),
                Statement(
                    "TlsOnly",
                    ["sns:Publish"],
                    [topic.arn],
                    principal=ANYONE,
                    condition={"Bool": {"aws:SecureTransport": "false"}},
                    effect="Deny",
                ),
            ),
            opts=inside,
        )
        return topic
