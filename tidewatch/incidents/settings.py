"""The settings of an incident's notifications and document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IncidentSettings:
    """Where people are notified of an incident, where its document is written, and what both link to."""

    stack: str = ""
    """The stack's name; "" in tests of a single endpoint."""
    topic: str = ""
    """The ARN of the topic of P1; "" notifies nobody."""
    posts_to_slack: bool = False
    """Whether AWS Chatbot subscribes to the topic. It posts only messages in its own format."""
    monitoring_bucket: str = ""
    """The bucket that the document is written to; "" writes none."""
    health_alarm: str = ""
    """The composite over all alarms of the stack, whose history the document shows."""
    runbooks: str = "runbooks"
    """The folder or URL that contains the runbooks, as {name}.md."""
    dashboard: str = ""
    """The link to the on-call dashboard."""
    reports: str = ""
    """The link to the drift reports."""
