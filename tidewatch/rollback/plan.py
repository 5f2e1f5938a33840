"""The plan of a rollback: captured before the rollout, so that nobody has to decide in the middle of one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewatch.incidents.settings import IncidentSettings


@dataclass(frozen=True)
class RollbackPlan:
    """Where a rollback goes, captured before the rollout, and what it may use on its way."""

    target: str
    floor: int = 1
    """Instances the target is raised to after the flip, where it has fewer."""
    guardrails: tuple[str, ...] = ()
    """The names of the alarms that may ask for it."""
    abort_alarm: str = ""
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    """Where people are notified of it, and what its document links to."""
    automatic: bool = True
    """Whether an alarm rolls back; otherwise people get the command."""
    command: str = ""
    """The rollback as one line, for people."""


def format_invocation(function: str, region: str) -> str:
    """The rollback as one line for whoever is on call: it needs the AWS CLI, and prints the answer.

    It carries no payload: the CLI's two major versions want one encoded differently, and the function takes an empty
    event as an operator's request.
    """
    return f"aws lambda invoke --function-name {function} --cli-read-timeout 130 --region {region} /dev/stdout"
