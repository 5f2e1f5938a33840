"""Where to look: what a page and an incident's document link to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidewatch.console import alarm_url
from tidewatch.traffic.alarm_states import alarm_name
from tidewatch.traffic.incidents import Incident
from tidewatch.traffic.plan import RollbackPlan

RUNBOOKS = {"blocked": "rollback-blocked", "pending": "rollback-pending"}
"""By the state of a rollback; another one's is that of what rolls back, and a person's that of what is left to do."""
ROLLED_BACK, OBSERVED, BY_HAND = "guardrail-errors", "traffic-changed", "unacknowledged"

_RUNBOOK = re.compile(r"([\w-]+)\.md\b")


def of(incident: Incident, plan: RollbackPlan, cause: str = "") -> dict[str, str]:
    """The links of an incident by what they show; what is not there is left out. cause: see runbook_of."""
    found = {
        "document": document(incident, plan),
        "runbook": runbook(plan, runbook_of(incident, cause)),
        "alarm": alarm(incident.alarm),
        "dashboard": plan.dashboard,
        "reports": plan.reports,
    }
    return {what: where for what, where in found.items() if where}


def document(incident: Incident, plan: RollbackPlan) -> str:
    """Where the incident's document is; "" where it is not written."""
    return f"s3://{plan.monitoring_bucket}/incidents/{incident.id}.md" if plan.monitoring_bucket else ""


def runbook(plan: RollbackPlan, name: str) -> str:
    return f"{plan.runbooks}/{name}.md"


def alarm(arn: str) -> str:
    """The console's page of an alarm, from arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME; "" for anything else."""
    parts = arn.split(":", 6)
    if len(parts) != 7:
        return ""
    return alarm_url(parts[3], alarm_name(arn))


def runbook_of(incident: Incident, cause: str = "") -> str:
    """The runbook's name. cause: that of the alarm that made it fire, where it is known."""
    if incident.kind == "observed":
        return OBSERVED
    return RUNBOOKS.get(incident.state) or cause or (ROLLED_BACK if incident.alarm else BY_HAND)


def runbook_in(descriptions: Iterable[str]) -> str:
    """The runbook that the description of an alarm names, the first one's; "" where none does."""
    return next((found[1] for says in descriptions if (found := _RUNBOOK.search(says))), "")


def acknowledge(incident: Incident, environment: str) -> str:
    """The command that closes it."""
    return f"tidewatch acknowledge {incident.id}" + (f" --stack {environment}" if environment else "")
