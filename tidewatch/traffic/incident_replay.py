"""Incidents and quarantines, replayed from the ledger: both last until the incident is acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidewatch.naming import format_command
from tidewatch.traffic.ledger import LedgerEntry
from tidewatch.traffic.models import NO_RECEIPT, DeployedModel, EndpointState, Receipt, RollbackRun
from tidewatch.traffic.split import Split

_STATE_DESCRIPTIONS = {
    "pending": "rollback pending",
    "flipping": "rolling back",
    "rolled_back": "rolled back",
    "closed": "rolled back",
    "blocked": "rollback blocked",
}
"""What the state of a rollback means for its incident, which is open until it is acknowledged, also after the flip."""


def describe_incident_state(kind: str, state: str) -> str:
    """Returns the state of an incident in words; `state` is that of its rollback."""
    return "weights changed by somebody else" if kind == "out_of_band" else _STATE_DESCRIPTIONS.get(state, state)


@dataclass(frozen=True)
class Quarantine:
    """What gets no traffic until its incident is acknowledged: an artifact with its image, in any variant.

    If the rollback target holds the same pair, the quarantine is by the content hash of the variant instead. If nobody
    knows what the variant held, it is by the variant's name under that endpoint configuration.
    """

    incident: str
    variant: str
    artifact: str = ""
    image: str = ""
    content: str = ""
    config: str = ""

    def is_blocking(self, variant: str, model: DeployedModel | None, config: str = "") -> bool:
        """Whether a variant that holds this model under this endpoint configuration is quarantined."""
        if self.artifact:
            return model is not None and model.identity == (self.artifact, self.image)
        if self.content:
            return model is not None and model.content == self.content
        return variant == self.variant and config == self.config

    def __str__(self) -> str:
        if self.artifact:
            return f"the artifact {self.artifact[:12]} with the image {self.image[:19]}"
        if self.content:
            return f"the content {self.content}"
        return f"whatever {self.variant} holds in {self.config}"


@dataclass(frozen=True)
class Incident:
    """A rollback, or a change of traffic that no entry explains."""

    id: str
    opened_at: datetime
    who: str
    reason: str
    kind: str
    """`rollback`, or `out_of_band` for weights that no entry explained."""
    target: str = ""
    """The variant that the rollback sends all traffic to."""
    alarm: str = ""
    """The ARN of the alarm that asked for it; "" if a person did."""
    alarm_at: str = ""
    """When that alarm changed its state, ISO 8601."""
    before: Split | None = None
    after: Split | None = None
    """What somebody else left; None for a rollback, whose outcome is an entry of its own."""
    acknowledged_by: str = ""
    """Who acknowledged it; "" while it is open."""
    state: str = "closed"
    """The state of its rollback."""
    sequence: int = 0
    """The place of its entry in the ledger; 0 until that is appended."""
    receipt: Receipt = NO_RECEIPT

    @property
    def is_open(self) -> bool:
        return not self.acknowledged_by

    @property
    def is_unwritten(self) -> bool:
        """Whether the next sweep is still to write its entry, and so its id."""
        return self.kind == "out_of_band" and self.sequence == 0

    def describe_remedy(self, key: str) -> str:
        """Says what closes the incident in the stack with that key."""
        return f"read the incident, then `{format_command(f'acknowledge {self.id}', key)}`"


def replay_incidents(entries: Iterable[LedgerEntry], run: RollbackRun | None = None) -> tuple[Incident, ...]:
    """Returns all incidents, oldest first.

    A run whose ledger entry is still missing counts too: a rollback claims its run before it appends.
    """
    all_entries = tuple(entries)
    acknowledged = {entry.incident: entry.who for entry in all_entries if entry.kind == "acknowledgement"}
    found = {
        entry.incident: _build_incident(entry, acknowledged.get(entry.incident, ""), run)
        for entry in all_entries
        if entry.incident and entry.kind in ("incident", "out_of_band")
    }
    if run is not None and run.incident not in found:
        found[run.incident] = _build_claimed_incident(run, acknowledged.get(run.incident, ""))
    return tuple(found.values())


def _build_incident(entry: LedgerEntry, acknowledged_by: str, run: RollbackRun | None) -> Incident:
    own_run = run if run is not None and run.incident == entry.incident else None
    return Incident(
        entry.incident,
        entry.at,
        entry.who,
        entry.why,
        "out_of_band" if entry.kind == "out_of_band" else "rollback",
        entry.target,
        entry.alarm,
        entry.alarm_at,
        entry.before,
        entry.after,
        acknowledged_by,
        own_run.state if own_run else "closed",
        entry.sequence,
        own_run.receipt if own_run else NO_RECEIPT,
    )


def _build_claimed_incident(run: RollbackRun, acknowledged_by: str) -> Incident:
    return Incident(
        run.incident,
        run.requested_at,
        run.who,
        run.reason,
        "rollback",
        run.target,
        run.alarm_arn,
        run.alarm_at,
        run.before,
        None,
        acknowledged_by,
        run.state,
        receipt=run.receipt,
    )


def replay_quarantines(entries: Iterable[LedgerEntry]) -> tuple[Quarantine, ...]:
    """Returns the quarantines of incidents that are not acknowledged."""
    all_entries = tuple(entries)
    acknowledged = {entry.incident for entry in all_entries if entry.kind == "acknowledgement"}
    return tuple(
        _parse_quarantine(entry)
        for entry in all_entries
        if entry.kind == "quarantine" and entry.incident not in acknowledged
    )


def _parse_quarantine(entry: LedgerEntry) -> Quarantine:
    """Returns the quarantine of an entry, with the configuration only if nothing else names what it holds."""
    config = "" if entry.artifact or entry.content else entry.config
    return Quarantine(entry.incident, entry.variant, entry.artifact, entry.image, entry.content, config)


def build_quarantine(
    variant: str, config: str, models: Mapping[str, DeployedModel], incident: str, target: str
) -> Quarantine | None:
    """Returns the quarantine of a variant that is rolled back, or None if it holds exactly what the target holds."""
    bad, good = models.get(variant), models.get(target)
    if bad is None:
        return Quarantine(incident, variant, config=config)
    if good is None or bad.identity != good.identity:
        return Quarantine(incident, variant, artifact=bad.artifact, image=bad.image)
    if bad.content != good.content:
        return Quarantine(incident, variant, content=bad.content)
    return None


def find_quarantine(
    variant: str, model: DeployedModel | None, quarantines: Iterable[Quarantine], config: str = ""
) -> Quarantine | None:
    """Returns the quarantine that blocks a variant, or None."""
    return next((quarantine for quarantine in quarantines if quarantine.is_blocking(variant, model, config)), None)


@dataclass(frozen=True)
class TrafficSnapshot:
    """Everything that a decision on traffic needs, read at one moment."""

    entries: tuple[LedgerEntry, ...]
    run: RollbackRun | None
    state: EndpointState | None
    acknowledged_incidents: frozenset[str] = field(default_factory=frozenset[str])
    """Incidents that the stack config acknowledges and the ledger does not yet."""
    key: str = ""
    """The stack's key, for the commands in messages."""

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return replay_incidents(self.entries, self.run)

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        return tuple(
            incident
            for incident in self.incidents
            if incident.is_open and incident.id not in self.acknowledged_incidents
        )

    @property
    def quarantines(self) -> tuple[Quarantine, ...]:
        return tuple(
            quarantine
            for quarantine in replay_quarantines(self.entries)
            if quarantine.incident not in self.acknowledged_incidents
        )

    @property
    def active_run(self) -> RollbackRun | None:
        """The run, while it is not closed and its incident is open."""
        if self.run is None or not self.run.is_active:
            return None
        return self.run if any(incident.id == self.run.incident for incident in self.open_incidents) else None

    @property
    def config(self) -> str:
        return self.state.config if self.state else ""

    @property
    def live_split(self) -> Split | None:
        return self.state.split if self.state else None
