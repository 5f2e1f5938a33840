"""The messages that AWS Chatbot receives from its topics. There is no Slack here: the messages are kept.

Source: Amazon Q Developer in chat applications administrator guide, "Custom notifications" (the event schema) and
"Monitoring AWS services": it shows alarms, events of AWS services and custom notifications, and drops other messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any

from moto.sns.models import Topic

from rehearsal.aws.account import SimulatedAccount, current_account
from rehearsal.aws.chatbot.slack_post import SlackPost


def install() -> None:
    """Patches the publication of moto's topics, so that Chatbot receives the messages."""
    Topic.publish = _record_publications(Topic.publish)  # type: ignore[method-assign]


def _record_publications(original: Any) -> Any:
    @wraps(original)
    def publish(self: Topic, message: str, subject: str | None = None, *args: Any, **kwargs: Any) -> str:
        message_id = original(self, message, subject, *args, **kwargs)
        account = current_account()
        with account.lock:
            if any(
                self.arn in configuration["SnsTopicArns"] for configuration in account.slack_configurations.values()
            ):
                text = _select_https_text(message) if kwargs.get("message_structure") == "json" else message
                _record_posts(account, self.arn, subject or "", text)
        return message_id

    return publish


def _record_posts(account: SimulatedAccount, topic: str, subject: str, text: str) -> None:
    is_supported, now = is_supported_message(text), account.now()
    for arn, configuration in account.slack_configurations.items():
        if topic in configuration["SnsTopicArns"]:
            account.slack_posts.append(
                SlackPost(arn, configuration["SlackChannelId"], topic, now, subject, text, is_supported)
            )


def _select_https_text(message: str) -> str:
    """The text for an https subscriber, as Chatbot is one, of a message with a text for each protocol."""
    parts: Mapping[str, str] = json.loads(message)
    return parts.get("https") or parts["default"]


def is_supported_message(text: str) -> bool:
    """Whether Chatbot posts a message: an alarm's notification, an event of AWS, or a custom notification."""
    try:
        event = json.loads(text)
    except ValueError:
        return False
    if not isinstance(event, dict):
        return False
    if "AlarmName" in event:
        return "NewStateValue" in event
    if event.get("source") == "custom":
        content = event.get("content")
        return event.get("version") == "1.0" and isinstance(content, dict) and bool(content.get("description"))
    return str(event.get("source")).startswith("aws.") and "detail-type" in event
