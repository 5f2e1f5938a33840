"""A message of a topic as Chatbot received it for one channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class SlackPost:
    """A topic's message as a chat configuration got it.

    channel: the Slack channel's id. is_posted: whether Chatbot knows the message's form, and so posts it.
    """

    configuration: str
    channel: str
    topic: str
    posted_at: datetime
    subject: str
    text: str
    is_posted: bool

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "posted_at": self.posted_at.isoformat()}
