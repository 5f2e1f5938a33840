"""The plan of a rollback, fixed when the stack is deployed, so that nobody has to decide during an incident."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewatch.incidents.settings import IncidentSettings


@dataclass(frozen=True)
class RollbackPlan:
    """Where a rollback goes and what it may use."""

    target: str
    floor: int = 1
    """The instance count that the target is raised to after the flip, if it has fewer."""
    guardrails: tuple[str, ...] = ()
    """The names of the alarms that may start it."""
    abort_alarm: str = ""
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    """Where people are notified, and what the incident document links to."""
    automatic: bool = True
    """Whether an alarm rolls back. Otherwise people get the command."""
    command: str = ""
    """The rollback command for people, on one line."""


def format_invocation(function: str, region: str) -> str:
    """Returns the rollback command on one line. It needs only the AWS CLI and prints the response.

    It has no payload: the two major versions of the CLI encode one differently, and the function takes an empty event
    as an operator's request.
    """
    return f"aws lambda invoke --function-name {function} --cli-read-timeout 130 --region {region} /dev/stdout"
