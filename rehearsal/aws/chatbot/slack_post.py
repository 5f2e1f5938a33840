"""A message of a topic as Chatbot received it for one channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class SlackPost:
    """A topic's message for one chat configuration."""

    configuration: str
    channel: str
    """The Slack channel's id."""
    topic: str
    posted_at: datetime
    subject: str
    text: str
    is_posted: bool
    """Whether Chatbot supports the message's form and therefore posts it."""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "posted_at": self.posted_at.isoformat()}
