"""The plan of a rollback: captured before the rollout, so that nobody has to decide in the middle of one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RollbackPlan:
    """Where a rollback goes, captured before the rollout, and what it may use on its way."""

    target: str
    floor: int = 1
    """Instances the target is raised to after the flip, where it has fewer."""
    guardrails: tuple[str, ...] = ()
    """The names of the alarms that may ask for it."""
    abort_alarm: str = ""
    monitoring_bucket: str = ""
    topic: str = ""
    chat: bool = False
    """Whether AWS Chatbot hears the topic, which posts messages of its own form only."""
    environment: str = ""
    """The stack."""
    alarm: str = ""
    """The composite over all alarms of the stack, for the incident's document."""
    runbooks: str = "runbooks"
    """The folder or URL that {name}.md is under."""
    dashboard: str = ""
    reports: str = ""
    """Links: the on-call dashboard, and where the drift reports are."""
    automatic: bool = True
    """Whether an alarm rolls back; otherwise people are told the command."""
    command: str = ""
    """The rollback as one line, for people."""


def invocation(function: str, region: str) -> str:
    """The rollback as one line for whoever is on call: it needs the AWS CLI, and prints the answer.

    It carries no payload: the CLI's two major versions want one encoded differently, and the function takes an empty
    event as an operator's request.
    """
    return f"aws lambda invoke --function-name {function} --cli-read-timeout 130 --region {region} /dev/stdout"
