"""The incident document: a draft from what the ledger and the metrics know, with what only people can answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidewatch.text import code, markdown
from tidewatch.traffic import links
from tidewatch.traffic.alarm_states import AlarmChange
from tidewatch.traffic.evidence import DUE, NO_EVIDENCE, Evidence, SlotVersion, seconds
from tidewatch.traffic.impact import Impact
from tidewatch.traffic.incidents import Incident
from tidewatch.traffic.ledger import Entry
from tidewatch.traffic.values import Held

HEADINGS = (
    "What happened",
    "Impact",
    "Root cause",
    "What would have prevented it",
    "What monitoring or evaluation to add",
)
LONGEST_MESSAGE = 4_000
"""Characters of what was done: it may hold several reasons, each as long as one may be."""
_IN_A_LINK = re.compile(r"[!-;=?-~]+")
TO_ANSWER = "_To be written within 48 hours by who is on call._"
STRETCHES = {
    "bad_until_alarm": "first bad datapoint to alarm",
    "alarm_until_request": "alarm to request",
    "own": "request to API accepted (ours, with the wait for a busy endpoint)",
    "platform": "API accepted to weights observed (the platform's)",
    "weights_until_traffic": "weights observed to traffic observed",
}


@dataclass(frozen=True)
class Report:
    """An incident with all that is said of it. `message`: what was done; `environment`: the stack, or ""."""

    incident: Incident
    entries: Sequence[Entry]
    endpoint: str
    environment: str
    message: str
    evidence: Evidence = NO_EVIDENCE

    def to_json(self) -> dict[str, object]:
        """As a JSON object: the facts, and the timeline of ledger and alarms."""
        incident, found = self.incident, self.evidence
        return {
            "incident": incident.id,
            "endpoint": self.endpoint,
            "environment": self.environment,
            "opened_at": incident.opened_at.isoformat(),
            "due": (incident.opened_at + DUE).isoformat(),
            "opened_by": incident.who,
            "kind": incident.kind,
            "reason": incident.reason,
            "alarm": incident.alarm or None,
            "target": incident.target or None,
            "state": incident.state,
            "what_was_done": self.message,
            "acknowledged_by": incident.acknowledged or None,
            "before": incident.before.to_json() if incident.before else None,
            "versions": {
                slot: {"before": before.to_json(), "after": after.to_json()}
                for slot, (before, after) in found.versions.items()
            },
            "receipt": incident.receipt.to_json(),
            "seconds": seconds(incident, found.alarms.first_bad),
            "impact": found.impact.to_json() if found.impact else None,
            "alarms": [one.to_json() for one in found.alarms.standings],
            "latched": self._latched(),
            "timeline": [one.to_json() for one in self._timeline()],
            "links": dict(found.links),
            "not_read": list(found.missing),
            "remedy": self._remedy(),
        }

    def to_markdown(self) -> str:
        """The same for people, under the five headings of an incident document."""
        incident = self.incident
        where = f"{self.endpoint} ({self.environment})" if self.environment else self.endpoint
        head = (
            f"# Incident {markdown(incident.id)}: {markdown(where)}",
            f"Due: {_time(incident.opened_at + DUE)}, 48 hours after it was opened at {_time(incident.opened_at)}.",
            f"State: {incident.state}. To close it: read the incident, then {code(self._command())}.",
            _bullets(f"{what.capitalize()}: {_link(link)}" for what, link in self.evidence.links.items()),
        )
        bodies = (self._what_happened(), self._impact(), self._root_cause(), TO_ANSWER, TO_ANSWER)
        sections = (f"## {heading}\n\n{body}" for heading, body in zip(HEADINGS, bodies, strict=True))
        return "\n\n".join(filter(None, (*head, *sections))) + "\n"

    def _what_happened(self) -> str:
        incident, found = self.incident, self.evidence
        alarmed = [one for one in found.alarms.standings if one.state == "ALARM"]
        quiet = len(found.alarms.standings) - len(alarmed)
        states = _bullets(
            markdown(one.name)
            + (f" since {_time(one.since)}" if one.since else "")
            + (f": {markdown(one.reason)}" if one.reason else "")
            for one in alarmed
        )
        parts = (
            markdown(incident.reason) or "No reason was given.",
            markdown(self.message, LONGEST_MESSAGE),
            _bullets(map(markdown, found.missing)),
            _versions(self.evidence.versions.items()),
            f"In ALARM when it was opened, of {len(found.alarms.standings)} alarms (the other {quiet} were not):\n\n"
            f"{states or '- none'}"
            if found.alarms.standings
            else "",
            "Timeline:\n\n" + _bullets(_line(one) for one in self._timeline()),
        )
        return "\n\n".join(filter(None, parts))

    def _impact(self) -> str:
        incident, impact = self.incident, self.evidence.impact
        before = markdown(str(incident.before)) if incident.before else "unknown"
        spent = {
            STRETCHES[name]: value
            for name, value in seconds(incident, self.evidence.alarms.first_bad).items()
            if value is not None
        }
        receipt = incident.receipt
        named = (
            ("API accepted", receipt.api_accepted_s),
            ("weights observed", receipt.weights_observed_s),
            ("traffic observed", receipt.traffic_observed_s),
        )
        parts = (
            f"Traffic before: {before}.",
            _numbers(impact) if impact else "What users saw could not be read from the metrics.",
            "Metrics of the last minutes may still have been on their way."
            if impact and incident.state != "closed"
            else "",
            "Seconds from the request: " + ", ".join(f"{name} {_number(value)}" for name, value in named) + ".",
            "Where the time went:\n\n" + _bullets(f"{what}: {value:g} s" for what, value in spent.items())
            if spent
            else "",
            TO_ANSWER,
        )
        return "\n\n".join(filter(None, parts))

    def _root_cause(self) -> str:
        latched = "; ".join(
            ", ".join(f"{name} {markdown(value)}" for name, value in one.items()) for one in self._latched()
        )
        return f"Latched: {latched or 'nothing'}. {TO_ANSWER}"

    def _remedy(self) -> str:
        return f"read the incident, then `{self._command()}`"

    def _command(self) -> str:
        return links.acknowledge(self.incident, self.environment)

    def _entries(self) -> list[Entry]:
        """Those of the incident, and all since it was opened."""
        incident = self.incident
        return [one for one in self.entries if one.incident == incident.id or one.sequence >= incident.sequence > 0]

    def _latched(self) -> list[dict[str, str]]:
        names = ("slot", "artifact", "image", "content", "config")
        mine = [one for one in self._entries() if one.kind == "latch" and one.incident == self.incident.id]
        return [{name: getattr(one, name) for name in names if getattr(one, name)} for one in mine]

    def _timeline(self) -> list[Entry | AlarmChange]:
        """Alarms by their time between the entries, which keep the ledger's order, whatever their clocks said."""
        timed: list[tuple[datetime, Entry | AlarmChange]] = []
        latest = datetime.min.replace(tzinfo=self.incident.opened_at.tzinfo)
        for entry in self._entries():
            latest = max(latest, entry.at)
            timed.append((latest, entry))
        changes = [(one.at, one) for one in self.evidence.alarms.changes if "ALARM" in (one.before, one.after)]
        return [one for _, one in sorted((*changes, *timed), key=lambda pair: pair[0])]


def _versions(versions: Iterable[tuple[str, tuple[SlotVersion, SlotVersion]]]) -> str:
    rows = [f"| {markdown(slot)} | {_version(before)} | {_version(after)} |" for slot, (before, after) in versions]
    return "\n".join(("| slot | before | after |", "|---|---|---|", *rows)) if rows else ""


def _version(one: SlotVersion) -> str:
    parts = (
        _model(one.held) if one.held else "unknown",
        f"{100 * one.share:.4g}%" if one.share is not None else "",
    )
    return ", ".join(filter(None, parts))


def _model(held: Held) -> str:
    return markdown(f"version {held.version}, artifact {held.artifact[:12]}, image {held.image[:19]}")


def _numbers(impact: Impact) -> str:
    rows = [
        f"| {markdown(one.slot)} | {one.requests} | {one.errors} | {_number(one.mean_latency_ms)} |"
        for one in impact.slots
    ]
    since = "the first bad datapoint" if impact.measured else "a guess: no datapoint says since when it was bad"
    between = f"From {_time(impact.since)} ({since}) until {_time(impact.until)}:"
    table = ("| slot | requests | 5xx | mean model latency, ms |", "|---|---|---|---|", *rows)
    return f"{between}\n\n" + "\n".join(table)


def _line(one: Entry | AlarmChange) -> str:
    if isinstance(one, AlarmChange):
        said = f"alarm {one.alarm}: {one.before} -> {one.after} ({one.reason})"
        return f"{_time(one.at)} {markdown(said)}"
    moved = f": {one.before or 'unknown'} -> {one.after}" if one.after else ""
    why = f" ({one.error or one.why})" if one.error or one.why else ""
    what = f"{one.kind} of {one.slot}" if one.slot else one.kind
    return f"{_time(one.at)} {markdown(f'{what} by {one.who}{moved}{why}', LONGEST_MESSAGE)}"


def _link(where: str) -> str:
    """A place as a link where a browser can open it, else as it is typed."""
    opens = where.startswith(("https://", "http://")) and _IN_A_LINK.fullmatch(where)
    return f"<{where}>" if opens else code(where)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
