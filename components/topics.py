"""Where people are told: a topic for each priority."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.policy import ANYONE, Statement, document, trust
from components.scope import Scope

PRIORITIES = ("P1", "P2", "P3")
"""A page; a ticket for today; a ticket for this week."""

ESCALATION = "escalation"
"""The topic of those who are called when others do not answer; there where somebody is to be told."""

PUBLISHERS = ("cloudwatch.amazonaws.com",)
CHATBOT = "chatbot.amazonaws.com"
LONGEST_CHANNEL_NAME = 128


@dataclass(frozen=True)
class Slack:
    """A channel that AWS Chatbot posts to. team, channel: their ids; priorities: what is posted."""

    team: str
    channel: str
    priorities: Sequence[str]


@dataclass(frozen=True)
class Audience:
    """Who is told: by topic, protocol and address, like ("email", "oncall@example.com"); and in which channel.

    secret: whether the config keeps them secret, as it should an address that itself lets somebody post.
    """

    people: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict[str, Sequence[tuple[str, str]]])
    slack: Slack | None = None
    secret: bool = False


class Topics(pulumi.ComponentResource):
    """The topics, the one key that encrypts them, and who is told: alarms can publish only where they may use the key.

    AWS's own key for SNS cannot be opened to CloudWatch, so it is a customer key.
    """

    def __init__(
        self, scope: Scope, audience: Audience = Audience(), opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("tidewatch:components:Topics", scope.name("topics"), None, opts)
        self._scope = scope
        key = aws.kms.Key(
            scope.name("topics"),
            description=f"Encrypts what people are told about {scope.model} ({scope.stack})",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=self._key_policy(),
            tags=scope.tagged(),
            opts=pulumi.ResourceOptions(parent=self, protect=scope.protect),
        )
        self.key_arn = key.arn
        self._audience = audience
        escalated = (ESCALATION,) if audience.people.get(ESCALATION) else ()
        self.topics = {priority: self._topic(priority) for priority in (*PRIORITIES, *escalated)}
        self.arns = {priority: topic.arn for priority, topic in self.topics.items()}
        for priority, people in audience.people.items():
            for protocol, address in dict.fromkeys(people):
                self._subscribe(priority, protocol, address)
        if audience.slack:
            self._post(audience.slack)
        self.register_outputs({"arns": self.arns})

    def posted(self, priority: str) -> bool:
        """Whether a channel hears it."""
        return self._audience.slack is not None and priority in self._audience.slack.priorities

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

    def _subscribe(self, priority: str, protocol: str, address: str) -> None:
        """Whoever it is gets a message to confirm first: `up` does not wait for that."""
        told = hashlib.sha256(address.encode()).hexdigest()[:8]
        aws.sns.TopicSubscription(
            self._scope.name(priority, protocol, told),
            topic=self.topics[priority].arn,
            protocol=protocol,
            endpoint=self._kept(address),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _kept(self, text: str) -> pulumi.Input[str]:
        return pulumi.Output.secret(text) if self._audience.secret else text

    def _post(self, slack: Slack) -> None:
        """Chatbot subscribes itself to the topics. It only posts: its role may do nothing."""
        scope, inside = self._scope, pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            scope.name("chat"),
            description=f"AWS Chatbot's, which posts what is told about {scope.model}",
            assume_role_policy=trust(CHATBOT),
            tags=scope.tagged(),
            opts=inside,
        )
        aws.chatbot.SlackChannelConfiguration(
            scope.name("chat"),
            configuration_name=_channel_name(scope),
            iam_role_arn=role.arn,
            slack_team_id=self._kept(slack.team),
            slack_channel_id=self._kept(slack.channel),
            sns_topic_arns=[self.arns[priority] for priority in dict.fromkeys(slack.priorities)],
            guardrail_policy_arns=[
                pulumi.Output.concat("arn:", scope.partition, ":iam::aws:policy/CloudWatchReadOnlyAccess")
            ],
            tags=scope.tagged(),
            # Its name is its own in the account, and a channel takes one only.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _topic(self, priority: str) -> aws.sns.Topic:
        scope = self._scope
        # Those who are called when others do not answer come and go with the config; the others are always told.
        protect = scope.protect and priority in PRIORITIES
        name, inside = scope.name(priority), pulumi.ResourceOptions(parent=self, protect=protect)
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


def _channel_name(scope: Scope) -> str:
    """Its name in the account, at Chatbot, which takes no dots: a stack's name may have some.

    Source: ConfigurationName in Chatbot's model, [A-Za-z0-9-_]+ of at most 128 characters.
    """
    return scope.own_name(scope.stack).replace(".", "-")[:LONGEST_CHANNEL_NAME]
