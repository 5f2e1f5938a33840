"""What AWS Chatbot hears from its topics. There is no Slack here: what a channel would have been shown is kept.

Source: Amazon Q Developer in chat applications administrator guide, "Custom notifications" (the event schema) and
"Monitoring AWS services": alarms, events of AWS services and custom notifications are shown, anything else is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from moto.sns.models import Topic

from simulator.aws.world import World, world


@dataclass(frozen=True)
class Post:
    """A topic's message as a chat configuration got it.

    channel: the Slack channel's id. shown: whether Chatbot knows the message's form, and so posts it.
    """

    configuration: str
    channel: str
    topic: str
    at: datetime
    subject: str
    text: str
    shown: bool

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}


def install() -> None:
    """Lets Chatbot hear what is published to moto's topics."""
    Topic.publish = _heard(Topic.publish)  # type: ignore[method-assign]


def _heard(original: Any) -> Any:
    @wraps(original)
    def publish(self: Topic, message: str, subject: str | None = None, *given: Any, **named: Any) -> str:
        message_id = original(self, message, subject, *given, **named)
        here = world()
        with here.lock:
            if any(self.arn in one["SnsTopicArns"] for one in here.chats.values()):
                text = _of_structure(message) if named.get("message_structure") == "json" else message
                _hear(here, self.arn, subject or "", text)
        return message_id

    return publish


def _hear(here: World, topic: str, subject: str, text: str) -> None:
    shown, now = is_shown(text), here.now()
    for arn, one in here.chats.items():
        if topic in one["SnsTopicArns"]:
            here.posts.append(Post(arn, one["SlackChannelId"], topic, now, subject, text, shown))


def _of_structure(message: str) -> str:
    """What an https subscriber, which Chatbot is, gets of a message that differs by protocol."""
    parts: Mapping[str, str] = json.loads(message)
    return parts.get("https") or parts["default"]


def is_shown(text: str) -> bool:
    """Whether Chatbot posts a message: an alarm's notification, an event of AWS, or a custom notification."""
    try:
        told = json.loads(text)
    except ValueError:
        return False
    if not isinstance(told, dict):
        return False
    if "AlarmName" in told:
        return "NewStateValue" in told
    if told.get("source") == "custom":
        content = told.get("content")
        return told.get("version") == "1.0" and isinstance(content, dict) and bool(content.get("description"))
    return str(told.get("source")).startswith("aws.") and "detail-type" in told
