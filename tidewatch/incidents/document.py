"""The incident document: a draft from the ledger and the metrics, with sections that people have to write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidewatch.incidents import links
from tidewatch.incidents.alarm_history import AlarmChange
from tidewatch.incidents.evidence import (
    DOCUMENT_DUE,
    NO_EVIDENCE,
    Evidence,
    VariantVersion,
    VersionHistory,
    measure_durations,
)
from tidewatch.incidents.impact import Impact
from tidewatch.text import escape_markdown, format_code_span
from tidewatch.traffic.incident_replay import Incident, describe_incident_state
from tidewatch.traffic.ledger import LedgerEntry
from tidewatch.traffic.models import DeployedModel

HEADINGS = (
    "What happened",
    "Impact",
    "Root cause",
    "What would have prevented it",
    "What monitoring or evaluation to add",
)
MAX_MESSAGE_LENGTH = 4_000
"""The largest number of characters of the action: it may hold several reasons, each of the full length."""
_LINKABLE = re.compile(r"[!-;=?-~]+")
PLACEHOLDER = "_The person on call writes this within 48 hours._"
DURATION_LABELS = {
    "bad_to_alarm": "first bad datapoint to alarm",
    "alarm_to_request": "alarm to request",
    "request_to_accepted": "request to API accepted (ours, including the wait for a busy endpoint)",
    "accepted_to_weights": "API accepted to weights observed (the platform's)",
    "weights_to_traffic": "weights observed to traffic observed",
}


@dataclass(frozen=True)
class IncidentDocument:
    """An incident with everything that its document contains."""

    incident: Incident
    entries: Sequence[LedgerEntry]
    endpoint: str
    environment: str
    """The stack, or ""."""
    message: str
    """What was done."""
    evidence: Evidence = NO_EVIDENCE
    notes: Sequence[str] = ()
    """What happened beside the rollback: repeated requests, the floor, notifications that failed."""

    def to_json(self) -> dict[str, object]:
        """Returns a JSON object with the facts and the timeline of ledger and alarms."""
        incident, found = self.incident, self.evidence
        return {
            "incident": incident.id,
            "endpoint": self.endpoint,
            "environment": self.environment,
            "opened_at": incident.opened_at.isoformat(),
            "due": (incident.opened_at + DOCUMENT_DUE).isoformat(),
            "opened_by": incident.who,
            "kind": incident.kind,
            "reason": incident.reason,
            "alarm": incident.alarm or None,
            "target": incident.target or None,
            "state": incident.state,
            "action": self.message,
            "acknowledged_by": incident.acknowledged_by or None,
            "before": incident.before.to_json() if incident.before else None,
            "versions": {variant: history.to_json() for variant, history in found.versions.items()},
            "receipt": incident.receipt.to_json(),
            "seconds": measure_durations(incident, found.alarms.first_bad_at),
            "impact": found.impact.to_json() if found.impact else None,
            "alarms": [snapshot.to_json() for snapshot in found.alarms.snapshots],
            "quarantined": self._quarantines(),
            "timeline": [item.to_json() for item in self._timeline()],
            "links": dict(found.links),
            "notes": list(self.notes),
            "unavailable": list(found.missing),
            "remedy": self._remedy(),
        }

    def to_markdown(self) -> str:
        """Returns the same for people, under the five headings of an incident document."""
        incident = self.incident
        endpoint_name = f"{self.endpoint} ({self.environment})" if self.environment else self.endpoint
        header = (
            f"# Incident {escape_markdown(incident.id)}: {escape_markdown(endpoint_name)}",
            f"Due: {_format_time(incident.opened_at + DOCUMENT_DUE)}, 48 hours after it was opened at "
            f"{_format_time(incident.opened_at)}.",
            self._format_state(),
            _format_bullets(
                f"{label.capitalize()}: {_format_link(link)}" for label, link in self.evidence.links.items()
            ),
        )
        bodies = (
            self._format_what_happened(),
            self._format_impact(),
            self._format_root_cause(),
            PLACEHOLDER,
            PLACEHOLDER,
        )
        sections = (f"## {heading}\n\n{body}" for heading, body in zip(HEADINGS, bodies, strict=True))
        return "\n\n".join(filter(None, (*header, *sections))) + "\n"

    def _format_state(self) -> str:
        incident = self.incident
        state = describe_incident_state(incident.kind, incident.state)
        if not incident.is_open:
            return f"State: {state}; acknowledged by {escape_markdown(incident.acknowledged_by)}."
        return (
            f"State: {state}; not acknowledged when this was written. To close it: read the incident, then "
            f"{format_code_span(self._command())}."
        )

    def _format_what_happened(self) -> str:
        incident, found = self.incident, self.evidence
        alarmed = [snapshot for snapshot in found.alarms.snapshots if snapshot.state == "ALARM"]
        other_count = len(found.alarms.snapshots) - len(alarmed)
        states = _format_bullets(
            escape_markdown(snapshot.name)
            + (f" since {_format_time(snapshot.since)}" if snapshot.since else "")
            + (f": {_format_alarm_reason(snapshot.reason)}" if snapshot.reason else "")
            for snapshot in alarmed
        )
        paragraphs = (
            escape_markdown(incident.reason) or "No reason was given.",
            escape_markdown(self.message, MAX_MESSAGE_LENGTH) if self.message != incident.reason else "",
            _format_bullets(map(escape_markdown, found.missing)),
            _format_versions(found),
            f"In ALARM when it was opened, of the {len(found.alarms.snapshots)} alarms and composites that the alarm "
            f"of the endpoint looks at (the other {other_count} were not):\n\n"
            f"{states or '- none'}"
            if found.alarms.snapshots
            else "",
            "Timeline:\n\n" + _format_bullets(_format_timeline_item(item) for item in self._timeline()),
            "Notes:\n\n" + _format_bullets(escape_markdown(note, MAX_MESSAGE_LENGTH) for note in self.notes)
            if self.notes
            else "",
        )
        return "\n\n".join(filter(None, paragraphs))

    def _format_impact(self) -> str:
        incident, impact = self.incident, self.evidence.impact
        before = escape_markdown(str(incident.before)) if incident.before else "unknown"
        durations = {
            DURATION_LABELS[name]: value
            for name, value in measure_durations(incident, self.evidence.alarms.first_bad_at).items()
            if value is not None
        }
        receipt = incident.receipt
        receipt_times = (
            ("API accepted", receipt.api_accepted_s),
            ("weights observed", receipt.weights_observed_s),
            ("traffic observed", receipt.traffic_observed_s),
        )
        paragraphs = (
            f"Traffic before: {before}.",
            _format_impact_table(impact) if impact else "The metrics of what users saw could not be read.",
            "Metrics of the last minutes may not have arrived yet." if impact and incident.state != "closed" else "",
            "Seconds from the request: "
            + ", ".join(f"{name} {_format_number(value)}" for name, value in receipt_times)
            + ".",
            "Where the time went:\n\n" + _format_bullets(f"{label}: {value:g} s" for label, value in durations.items())
            if durations
            else "",
            PLACEHOLDER,
        )
        return "\n\n".join(filter(None, paragraphs))

    def _format_root_cause(self) -> str:
        quarantine_text = "; ".join(
            ", ".join(f"{name} {escape_markdown(value)}" for name, value in quarantine.items())
            for quarantine in self._quarantines()
        )
        return f"Quarantined: {quarantine_text or 'nothing'}. {PLACEHOLDER}"

    def _remedy(self) -> str:
        return f"read the incident, then `{self._command()}`"

    def _command(self) -> str:
        return links.format_acknowledge_command(self.incident, self.environment)

    def _incident_entries(self) -> list[LedgerEntry]:
        """Returns the entries of the incident and all entries since it was opened."""
        incident = self.incident
        return [
            entry for entry in self.entries if entry.incident == incident.id or entry.sequence >= incident.sequence > 0
        ]

    def _quarantines(self) -> list[dict[str, str]]:
        names = ("variant", "artifact", "image", "content", "config")
        own_entries = [
            entry
            for entry in self._incident_entries()
            if entry.kind == "quarantine" and entry.incident == self.incident.id
        ]
        return [{name: getattr(entry, name) for name in names if getattr(entry, name)} for entry in own_entries]

    def _timeline(self) -> list[LedgerEntry | AlarmChange]:
        """Returns entries and alarm changes by time. Entries keep the ledger's order even if their clocks differ."""
        timed_items: list[tuple[datetime, LedgerEntry | AlarmChange]] = []
        latest = datetime.min.replace(tzinfo=self.incident.opened_at.tzinfo)
        for entry in self._incident_entries():
            latest = max(latest, entry.at)
            timed_items.append((latest, entry))
        changes = [
            (change.at, change) for change in self.evidence.alarms.changes if "ALARM" in (change.before, change.after)
        ]
        return [item for _, item in sorted((*changes, *timed_items), key=lambda pair: pair[0])]


def _format_versions(evidence: Evidence) -> str:
    read_at = f" at {_format_time(evidence.read_at)}" if evidence.read_at else ""
    rows = [_format_version_row(variant, history) for variant, history in evidence.versions.items()]
    return "\n".join((f"| variant | before | after | live{read_at} |", "|---|---|---|---|", *rows)) if rows else ""


def _format_version_row(variant: str, history: VersionHistory) -> str:
    versions = (history.before, history.after, history.live)
    return f"| {' | '.join((escape_markdown(variant), *map(_format_version, versions)))} |"


def _format_version(version: VariantVersion | None) -> str:
    if version is None:
        return "not yet"
    columns = (
        _format_model(version.model) if version.model else "unknown",
        f"{100 * version.share:.4g}%" if version.share is not None else "",
    )
    return ", ".join(filter(None, columns))


def _format_model(model: DeployedModel) -> str:
    return escape_markdown(f"version {model.version}, artifact {model.artifact[:12]}, image {model.image[:19]}")


def _format_impact_table(impact: Impact) -> str:
    rows = [
        f"| {escape_markdown(variant_impact.variant)} | {variant_impact.requests} | {variant_impact.errors} | "
        f"{_format_number(variant_impact.mean_latency_ms)} |"
        for variant_impact in impact.variants
    ]
    since = "the first bad datapoint" if impact.measured else "a guess: no datapoint shows when it began"
    heading = f"From {_format_time(impact.since)} ({since}) until {_format_time(impact.until)}:"
    table = ("| variant | requests | 5xx | mean model latency, ms |", "|---|---|---|---|", *rows)
    return f"{heading}\n\n" + "\n".join(table)


def _format_timeline_item(item: LedgerEntry | AlarmChange) -> str:
    if isinstance(item, AlarmChange):
        change = escape_markdown(f"alarm {item.alarm} from {item.before} to {item.after}")
        return f"{_format_time(item.at)} {change} ({_format_alarm_reason(item.reason)})"
    change = f" from {item.before or 'unknown'} to {item.after}" if item.after else ""
    why = f" ({item.error or item.why})" if item.error or item.why else ""
    subject = f"{item.kind} of {item.variant}" if item.variant else item.kind
    return f"{_format_time(item.at)} {escape_markdown(f'{subject} by {item.who}{change}{why}', MAX_MESSAGE_LENGTH)}"


def _format_alarm_reason(reason: str) -> str:
    """Escapes CloudWatch's sentence, whose arrow would read as `-&gt;` without a renderer."""
    return escape_markdown(reason.replace("->", "to"))


def _format_link(location: str) -> str:
    """Returns a location as a link if a browser can open it, else as code."""
    is_openable = location.startswith(("https://", "http://")) and _LINKABLE.fullmatch(location)
    return f"<{location}>" if is_openable else format_code_span(location)


def _format_bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _format_number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _format_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
