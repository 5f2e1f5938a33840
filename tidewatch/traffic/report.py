"""The incident document: a draft from what the ledger knows, with the questions that only people can answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tidewatch.traffic.incidents import Incident
from tidewatch.traffic.ledger import Entry

HEADINGS = (
    "What happened",
    "Impact",
    "Root cause",
    "What would have prevented it",
    "What monitoring or evaluation to add",
)
TO_ANSWER = "_To be written within 48 hours by who is on call._"


def document(
    incident: Incident, entries: Sequence[Entry], endpoint: str, environment: str, message: str
) -> dict[str, object]:
    """The incident as a JSON object: the facts, and the timeline of the ledger from its opening on."""
    timeline = [entry for entry in entries if entry.incident == incident.id or entry.sequence >= incident.sequence > 0]
    return {
        "incident": incident.id,
        "endpoint": endpoint,
        "environment": environment,
        "opened_at": incident.opened_at.isoformat(),
        "opened_by": incident.who,
        "kind": incident.kind,
        "reason": incident.reason,
        "alarm": incident.alarm or None,
        "target": incident.target or None,
        "state": incident.state,
        "what_was_done": message,
        "acknowledged_by": incident.acknowledged or None,
        "before": incident.before.to_json() if incident.before else None,
        "receipt": incident.receipt.to_json(),
        "latched": [_latched(entry) for entry in timeline if entry.kind == "latch" and entry.incident == incident.id],
        "timeline": [entry.to_json() for entry in timeline],
        "remedy": incident.remedy,
    }


def markdown(incident: Incident, entries: Sequence[Entry], endpoint: str, environment: str, message: str) -> str:
    """The same for people, under the five headings of an incident document."""
    timeline = [entry for entry in entries if entry.incident == incident.id or entry.sequence >= incident.sequence > 0]
    latched = [_latched(entry) for entry in timeline if entry.kind == "latch" and entry.incident == incident.id]
    before = str(incident.before) if incident.before else "unknown"
    bodies = (
        f"{incident.reason or 'No reason was given.'}\n\n{message}\n\n" + "\n".join(_line(entry) for entry in timeline),
        f"Traffic before: {before}. {_seconds(incident)} {TO_ANSWER}",
        f"Latched: {'; '.join(_texts(latched)) or 'nothing'}. {TO_ANSWER}",
        TO_ANSWER,
        TO_ANSWER,
    )
    sections = "\n\n".join(f"## {heading}\n\n{body}" for heading, body in zip(HEADINGS, bodies, strict=True))
    where = f"{endpoint} ({environment})" if environment else endpoint
    return (
        f"# Incident {incident.id}: {where}\n\nState: {incident.state}. To close it: {incident.remedy}.\n\n{sections}\n"
    )


def _latched(entry: Entry) -> dict[str, str]:
    names = ("slot", "artifact", "image", "content", "config")
    return {name: getattr(entry, name) for name in names if getattr(entry, name)}


def _texts(latched: list[dict[str, str]]) -> list[str]:
    return [", ".join(f"{name} {value}" for name, value in one.items()) for one in latched]


def _line(entry: Entry) -> str:
    what = f"{entry.kind} by {entry.who}"
    moved = f": {entry.before or 'unknown'} -> {entry.after}" if entry.after else ""
    why = f" ({entry.error or entry.why})" if entry.error or entry.why else ""
    return f"- {_time(entry.at)} {what}{moved}{why}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _seconds(incident: Incident) -> str:
    named = (
        ("API accepted", incident.receipt.api_accepted_s),
        ("weights observed", incident.receipt.weights_observed_s),
        ("traffic observed", incident.receipt.traffic_observed_s),
    )
    return (
        "Seconds from the request: "
        + ", ".join(f"{name} {value if value is not None else '-'}" for name, value in named)
        + "."
    )
