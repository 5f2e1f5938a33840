"""The links of a page and of an incident document."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidewatch.aws import console_urls
from tidewatch.incidents.alarm_history import parse_alarm_name
from tidewatch.incidents.settings import IncidentSettings
from tidewatch.traffic.incident_replay import Incident

RUNBOOK_BY_STATE = {"blocked": "rollback-blocked", "pending": "rollback-pending"}
"""By the state of a rollback. In other states the runbook is that of the alarm, or for an operator's rollback that of
the acknowledgement."""
GUARDRAIL_RUNBOOK, OUT_OF_BAND_RUNBOOK, ACKNOWLEDGE_RUNBOOK = "guardrail-errors", "traffic-changed", "unacknowledged"

_RUNBOOK_FILE = re.compile(r"([\w-]+)\.md\b")


def build_incident_links(incident: Incident, settings: IncidentSettings, cause: str = "") -> dict[str, str]:
    """Returns the links of an incident by their labels, without those that do not exist.

    `cause` is explained in `choose_runbook`.
    """
    found = {
        "document": build_document_url(settings.monitoring_bucket, incident.id),
        "runbook": build_runbook_url(settings, choose_runbook(incident, cause)),
        "alarm": build_alarm_url_from_arn(incident.alarm),
        "dashboard": settings.dashboard,
        "reports": settings.reports,
    }
    return {label: url for label, url in found.items() if url}


def build_document_url(bucket: str, incident: str) -> str:
    """Returns the location of an incident's document by the incident's id, or "" if none is written."""
    return f"s3://{bucket}/incidents/{incident}.md" if bucket else ""


def build_runbook_url(settings: IncidentSettings, name: str) -> str:
    return f"{settings.runbooks}/{name}.md"


def build_alarm_url_from_arn(arn: str) -> str:
    """Returns the console's page of an alarm from its ARN, or "" for anything else.

    The ARN has the form arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME.
    """
    arn_fields = arn.split(":", 6)
    if len(arn_fields) != 7:
        return ""
    return console_urls.build_alarm_url(arn_fields[3], parse_alarm_name(arn))


def choose_runbook(incident: Incident, cause: str = "") -> str:
    """Returns the name of the runbook. `cause` is the runbook of the alarm that caused the incident, if it is known."""
    if incident.kind == "out_of_band":
        return OUT_OF_BAND_RUNBOOK
    return (
        RUNBOOK_BY_STATE.get(incident.state) or cause or (GUARDRAIL_RUNBOOK if incident.alarm else ACKNOWLEDGE_RUNBOOK)
    )


def find_runbook(descriptions: Iterable[str]) -> str:
    """Returns the first runbook that one of the alarm descriptions names, or ""."""
    return next((found[1] for description in descriptions if (found := _RUNBOOK_FILE.search(description))), "")


def format_acknowledge_command(incident: Incident, stack: str) -> str:
    """Returns the command that closes the incident."""
    return f"tidewatch acknowledge {incident.id}" + (f" --stack {stack}" if stack else "")
