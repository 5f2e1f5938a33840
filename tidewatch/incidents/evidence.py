"""Collects the evidence for an incident document: alarms, versions, impact and links.

It is read after the flip and within a time limit. What cannot be read becomes a sentence in the document and has no
other effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tidewatch.incidents import links
from tidewatch.incidents.alarm_history import NO_ALARMS, AlarmHistory, parse_alarm_name, read_alarms
from tidewatch.incidents.impact import Impact, read_impact
from tidewatch.incidents.settings import IncidentSettings
from tidewatch.incidents.source import IncidentSource
from tidewatch.traffic.errors import EndpointMissing
from tidewatch.traffic.incident_replay import Incident
from tidewatch.traffic.ledger import LedgerEntry
from tidewatch.traffic.models import DeployedModel, EndpointState
from tidewatch.traffic.split import Split

DOCUMENT_DUE = timedelta(hours=48)
READ_TIMEOUT = timedelta(seconds=15)
"""Nothing more is read after this time, because the document must be written before the function times out."""

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class VariantVersion:
    """What a variant held and its share of the traffic. None means unknown, or that the variant does not exist."""

    model: DeployedModel | None
    share: float | None

    def to_json(self) -> dict[str, object]:
        return {
            "version": self.model.version if self.model else None,
            "artifact": self.model.artifact if self.model else None,
            "image": self.model.image if self.model else None,
            "share": self.share,
        }


@dataclass(frozen=True)
class VersionHistory:
    """What a variant held before the incident, after it, and when the document was written."""

    before: VariantVersion
    after: VariantVersion | None
    """Once the rollback's outcome is in the ledger, or as somebody else left it; None until then."""
    live: VariantVersion

    def to_json(self) -> dict[str, object]:
        return {
            "before": self.before.to_json(),
            "after": self.after.to_json() if self.after else None,
            "live": self.live.to_json(),
        }


@dataclass(frozen=True)
class Evidence:
    """The evidence that was found."""

    alarms: AlarmHistory = NO_ALARMS
    versions: Mapping[str, VersionHistory] = field(default_factory=dict[str, VersionHistory])
    """The versions by variant."""
    read_at: datetime | None = None
    """When the endpoint was read; None if it was not."""
    impact: Impact | None = None
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: tuple[str, ...] = ()
    """Sentences about what could not be read."""


NO_EVIDENCE = Evidence()


def collect_evidence(incident: Incident, source: IncidentSource, settings: IncidentSettings) -> Evidence:
    """Collects the evidence. It raises no errors of AWS."""
    deadline = source.clock.now() + READ_TIMEOUT
    missing: list[str] = []

    def has_time() -> bool:
        return source.clock.now() < deadline

    def read_or_note(what: str, read_source: Callable[[], ValueT], fallback: ValueT) -> ValueT:
        if not has_time():
            missing.append(f"{what} could not be read in time.")
            return fallback
        try:
            return read_source()
        except Exception as error:
            missing.append(f"{what} could not be read: {error}")
            return fallback

    now = source.clock.now()
    alarms = read_or_note("The alarms", lambda: _read_alarms(incident, source, settings, now, has_time), NO_ALARMS)
    state = read_or_note("The endpoint", lambda: _read_state(source), None)
    versions = read_or_note("The versions", lambda: _read_versions(incident, source, state), {})
    impact = read_or_note("The impact", lambda: _read_impact(incident, source, state, alarms, now), None)
    found = links.build_incident_links(incident, settings, cause=links.find_runbook(alarms.descriptions))
    return Evidence(alarms, versions, now if state else None, impact, found, tuple(missing))


def get_flip_time(incident: Incident) -> datetime | None:
    """Returns when the weights were read back, or None."""
    seconds = incident.receipt.weights_observed_s
    return None if seconds is None else incident.opened_at + timedelta(seconds=seconds)


def _read_alarms(
    incident: Incident, source: IncidentSource, settings: IncidentSettings, now: datetime, has_time: Callable[[], bool]
) -> AlarmHistory:
    fired_alarm = parse_alarm_name(incident.alarm)
    return read_alarms(source.clients.cloudwatch, settings.health_alarm, fired_alarm, incident.opened_at, now, has_time)


def _read_state(source: IncidentSource) -> EndpointState | None:
    try:
        return source.state()
    except EndpointMissing:
        return None


def _read_versions(
    incident: Incident, source: IncidentSource, state: EndpointState | None
) -> dict[str, VersionHistory]:
    """Returns what each variant held and holds.

    What it held comes from the configuration that a quarantine of the incident names, because a later one may hold
    something else. A rollback changes weights only, so that the same configuration was live before and after it.
    """
    live_config = state.config if state else ""
    models_by_config = {live_config: source.control.read_models(live_config) or {}} if live_config else {}
    entries = [entry for entry in source.ledger.cached_entries if entry.incident == incident.id]
    previous_config = next((entry.config for entry in entries if entry.config), live_config)
    if previous_config and previous_config not in models_by_config:
        models_by_config[previous_config] = source.control.read_models(previous_config) or {}
    then, now = models_by_config.get(previous_config, {}), models_by_config.get(live_config, {})
    split_after = _find_split_after(incident, entries)
    variants = sorted({*then, *now, *(incident.before.shares if incident.before else ())})

    def build_version(models: Mapping[str, DeployedModel], variant: str, split: Split | None) -> VariantVersion:
        return VariantVersion(models.get(variant), split.get_share(variant) if split else None)

    return {
        variant: VersionHistory(
            build_version(then, variant, incident.before),
            build_version(then, variant, split_after) if split_after else None,
            build_version(now, variant, state.split if state else None),
        )
        for variant in variants
    }


def _find_split_after(incident: Incident, entries: Sequence[LedgerEntry]) -> Split | None:
    """Returns the split of the last outcome among an incident's entries, or that of a change by somebody else."""
    outcomes = [entry.after for entry in entries if entry.kind == "outcome" and entry.after]
    return outcomes[-1] if outcomes else incident.after


def _read_impact(
    incident: Incident, source: IncidentSource, state: EndpointState | None, alarms: AlarmHistory, now: datetime
) -> Impact:
    variants = {*(state.variants if state else ()), *(incident.before.shares if incident.before else ())}
    return read_impact(
        source.clients.cloudwatch,
        source.resource_names.endpoint,
        variants,
        alarms.first_bad_at,
        incident.opened_at,
        get_flip_time(incident) or now,
    )


def measure_durations(incident: Incident, first_bad_at: datetime | None) -> dict[str, float | None]:
    """Returns the seconds between the steps, from the first bad datapoint to the traffic. None means unknown.

    `request_to_accepted` lasts until the platform accepted the weights and includes a wait for a busy endpoint.
    `accepted_to_weights` lasts from then until they were read back.
    """
    receipt, fired_at = incident.receipt, _parse_time(incident.alarm_at)

    def subtract(start: Any, end: Any) -> float | None:
        if start is None or end is None:
            return None
        found = end - start
        return round(found.total_seconds() if isinstance(found, timedelta) else found, 3)

    return {
        "bad_to_alarm": subtract(first_bad_at, fired_at),
        "alarm_to_request": subtract(fired_at, incident.opened_at),
        "request_to_accepted": receipt.api_accepted_s,
        "accepted_to_weights": subtract(receipt.api_accepted_s, receipt.weights_observed_s),
        "weights_to_traffic": subtract(receipt.weights_observed_s, receipt.traffic_observed_s),
    }


def _parse_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
