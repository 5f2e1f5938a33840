"""Notification topics: one for each severity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.policy import ANYONE, Statement, build_service_trust_policy, render_policy
from components.settings import StackSpec
from components.stack_context import StackContext
from tidewatch.alarms import Severity

SEVERITIES = tuple(severity.value for severity in Severity)

ESCALATION = "escalation"
"""The topic of the people who are notified if others do not answer; it exists only if the config names such people."""

PUBLISHERS = ("cloudwatch.amazonaws.com",)
CHATBOT = "chatbot.amazonaws.com"
MAX_CHANNEL_NAME_LENGTH = 128


@dataclass(frozen=True)
class Slack:
    """A Slack channel that AWS Chatbot posts to."""

    team: str
    """The team's id."""
    channel: str
    """The channel's id."""
    severities: Sequence[str]
    """The severities that are posted."""


@dataclass(frozen=True)
class Subscribers:
    """The people and the channel that are notified."""

    people: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict[str, Sequence[tuple[str, str]]])
    """By topic, pairs of protocol and address, such as ("email", "oncall@example.com")."""
    slack: Slack | None = None
    secret: bool = False
    """Whether the config keeps the addresses secret, as it should if knowing an address is enough to post to it."""

    @classmethod
    def from_settings(cls, settings: StackSpec) -> Subscribers:
        notify = settings.notify
        escalation = {ESCALATION: notify.escalation.to} if notify.escalation else {}
        chat = notify.chat
        slack = Slack(chat.slack_team, chat.slack_channel, chat.severities) if chat else None
        return cls({**notify.recipients, **escalation}, slack, "notify" in settings.secret)


class Topics(pulumi.ComponentResource):
    """The topics, the one key that encrypts them, and their subscribers.

    They are a unit because alarms can publish only if they may use the key. It is a customer key, because CloudWatch
    cannot be allowed to use AWS's own key for SNS.
    """

    def __init__(
        self,
        context: StackContext,
        subscribers: Subscribers = Subscribers(),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tidewatch:components:Topics", context.name("topics"), None, opts)
        self._context = context
        key = aws.kms.Key(
            context.name("topics"),
            description=f"Encrypts the notifications about {context.model} ({context.stack})",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=self._build_key_policy(),
            tags=context.build_tags(),
            opts=pulumi.ResourceOptions(parent=self, protect=context.protect),
        )
        self.key_arn = key.arn
        self._subscribers = subscribers
        escalation_topics = (ESCALATION,) if subscribers.people.get(ESCALATION) else ()
        self.topics = {severity: self._create_topic(severity) for severity in (*SEVERITIES, *escalation_topics)}
        self.arns = {severity: topic.arn for severity, topic in self.topics.items()}
        for severity, people in subscribers.people.items():
            for protocol, address in dict.fromkeys(people):
                self._subscribe(severity, protocol, address)
        if subscribers.slack:
            self._create_slack_channel(subscribers.slack)
        self.register_outputs({"arns": self.arns})

    def is_posted_to_slack(self, severity: str) -> bool:
        """Whether notifications of this severity are posted to a channel."""
        return self._subscribers.slack is not None and severity in self._subscribers.slack.severities

    def _build_key_policy(self) -> pulumi.Output[str]:
        context = self._context
        return render_policy(
            Statement("Account", ["kms:*"], ["*"], principal={"AWS": context.account_root_arn}),
            Statement(
                "Publishers",
                ["kms:Decrypt", "kms:GenerateDataKey*"],
                ["*"],
                principal={"Service": list(PUBLISHERS)},
                condition={"StringEquals": {"aws:SourceAccount": context.account}},
            ),
        )

    def _subscribe(self, severity: str, protocol: str, address: str) -> None:
        """Subscribes an address.

        SNS first sends it a message to confirm, and `up` does not wait for the confirmation.
        """
        address_hash = hashlib.sha256(address.encode()).hexdigest()[:8]
        aws.sns.TopicSubscription(
            self._context.name(severity, protocol, address_hash),
            topic=self.topics[severity].arn,
            protocol=protocol,
            endpoint=self._mark_secret(address),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _mark_secret(self, text: str) -> pulumi.Input[str]:
        return pulumi.Output.secret(text) if self._subscribers.secret else text

    def _create_slack_channel(self, slack: Slack) -> None:
        """Creates the channel's configuration.

        Chatbot subscribes itself to the topics, and only posts: its role may do nothing.
        """
        context, child_opts = self._context, pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            context.name("chat"),
            description=f"AWS Chatbot's role, which posts the notifications about {context.model}",
            assume_role_policy=build_service_trust_policy(CHATBOT),
            tags=context.build_tags(),
            opts=child_opts,
        )
        aws.chatbot.SlackChannelConfiguration(
            context.name("chat"),
            configuration_name=_build_channel_name(context),
            iam_role_arn=role.arn,
            slack_team_id=self._mark_secret(slack.team),
            slack_channel_id=self._mark_secret(slack.channel),
            sns_topic_arns=[self.arns[severity] for severity in dict.fromkeys(slack.severities)],
            guardrail_policy_arns=[
                pulumi.Output.concat("arn:", context.partition, ":iam::aws:policy/CloudWatchReadOnlyAccess")
            ],
            tags=context.build_tags(),
            # The name is unique in the account, and a channel takes only one configuration.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _create_topic(self, severity: str) -> aws.sns.Topic:
        context = self._context
        # The escalation topic is created and deleted with the config; the other topics are always there.
        protect = context.protect and severity in SEVERITIES
        name, child_opts = context.name(severity), pulumi.ResourceOptions(parent=self, protect=protect)
        topic = aws.sns.Topic(
            name,
            display_name=f"{context.model} {context.stack} {severity}"[:100],
            kms_master_key_id=self.key_arn,
            tags=context.build_tags(severity=severity),
            opts=child_opts,
        )
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=render_policy(
                Statement(
                    "Account",
                    ["sns:Publish", "sns:Subscribe"],
                    [topic.arn],
                    principal={"AWS": context.account_root_arn},
                ),
                Statement(
                    "Publishers",
                    ["sns:Publish"],
                    [topic.arn],
                    principal={"Service": list(PUBLISHERS)},
                    condition={"StringEquals": {"aws:SourceAccount": context.account}},
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
            opts=child_opts,
        )
        return topic


def _build_channel_name(context: StackContext) -> str:
    """Returns the configuration's name at Chatbot, unique in the account.

    Chatbot accepts no dots, which a stack's name may have.

    Source: ConfigurationName in Chatbot's model, [A-Za-z0-9-_]+ of at most 128 characters.
    """
    return context.build_unique_name(context.stack).replace(".", "-")[:MAX_CHANNEL_NAME_LENGTH]
