"""What an incident's document says besides the ledger: alarms, versions, impact, links. Read after the flip, and only
for as long as people wait for it; what could not be read is a sentence, and nothing else follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tidewatch.traffic import links
from tidewatch.traffic.alarm_states import NO_ALARMS, AlarmRecord, alarm_name, read_alarms
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import EndpointMissing
from tidewatch.traffic.impact import Impact, read_impact
from tidewatch.traffic.incidents import Incident
from tidewatch.traffic.ledger import Entry
from tidewatch.traffic.plan import RollbackPlan
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Held

DUE = timedelta(hours=48)
PATIENCE = timedelta(seconds=15)
"""After this long nothing more is read: the function has its own end, and the document is written before it."""

Read = TypeVar("Read")


@dataclass(frozen=True)
class SlotVersion:
    """What a slot held and which share of the traffic it had; None: not known, or the slot is not there."""

    held: Held | None
    share: float | None

    def to_json(self) -> dict[str, object]:
        return {
            "version": self.held.version if self.held else None,
            "artifact": self.held.artifact if self.held else None,
            "image": self.held.image if self.held else None,
            "share": self.share,
        }


@dataclass(frozen=True)
class Evidence:
    """What was found. `missing`: sentences on what was not. `versions`: by slot, before and after."""

    alarms: AlarmRecord = NO_ALARMS
    versions: Mapping[str, tuple[SlotVersion, SlotVersion]] = field(
        default_factory=dict[str, tuple[SlotVersion, SlotVersion]]
    )
    impact: Impact | None = None
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: tuple[str, ...] = ()


NO_EVIDENCE = Evidence()


def gather(incident: Incident, controller: TrafficController, plan: RollbackPlan) -> Evidence:
    """All there is to find. Raises nothing that AWS raises."""
    until = controller.clock.now() + PATIENCE
    missing: list[str] = []

    def patient() -> bool:
        return controller.clock.now() < until

    def read(what: str, reading: Callable[[], Read], otherwise: Read) -> Read:
        if not patient():
            missing.append(f"{what} could not be read in time.")
            return otherwise
        try:
            return reading()
        except Exception as error:
            missing.append(f"{what} could not be read: {error}")
            return otherwise

    now = controller.clock.now()
    alarms = read("The alarms", lambda: _alarms(incident, controller, plan, now, patient), NO_ALARMS)
    state = read("The endpoint", lambda: _state(controller), None)
    versions = read("The versions", lambda: _versions(incident, controller, state), {})
    impact = read("The impact", lambda: _impact(incident, controller, state, alarms, now), None)
    found = links.of(incident, plan, cause=links.runbook_in(alarms.says))
    return Evidence(alarms, versions, impact, found, tuple(missing))


def flipped_at(incident: Incident) -> datetime | None:
    """When the weights were read back."""
    seconds = incident.receipt.weights_observed_s
    return None if seconds is None else incident.opened_at + timedelta(seconds=seconds)


def _alarms(
    incident: Incident, controller: TrafficController, plan: RollbackPlan, now: datetime, patient: Callable[[], bool]
) -> AlarmRecord:
    fired = alarm_name(incident.alarm)
    return read_alarms(controller.clients.cloudwatch, plan.alarm, fired, incident.opened_at, now, patient)


def _state(controller: TrafficController) -> EndpointState | None:
    try:
        return controller.state()
    except EndpointMissing:
        return None


def _versions(
    incident: Incident, controller: TrafficController, state: EndpointState | None
) -> dict[str, tuple[SlotVersion, SlotVersion]]:
    """What was rolled back is held by the configuration that its latch names: a later one may hold something else."""
    live = state.config if state else ""
    known = {live: controller.control.held(live) or {}} if live else {}
    was = next((config for config in _configs(incident, controller.ledger.known)), live)
    if was and was not in known:
        known[was] = controller.control.held(was) or {}
    before, after = known.get(was, {}), known.get(live, {})
    slots = sorted({*before, *after, *(incident.before.shares if incident.before else ())})

    def of(held: Mapping[str, Held], slot: str, split: Split | None) -> SlotVersion:
        return SlotVersion(held.get(slot), split.share(slot) if split else None)

    split = state.split if state else None
    return {slot: (of(before, slot, incident.before), of(after, slot, split)) for slot in slots}


def _configs(incident: Incident, entries: tuple[Entry, ...]) -> list[str]:
    return [entry.config for entry in entries if entry.incident == incident.id and entry.config]


def _impact(
    incident: Incident, controller: TrafficController, state: EndpointState | None, alarms: AlarmRecord, now: datetime
) -> Impact:
    slots = {*(state.slots if state else ()), *(incident.before.shares if incident.before else ())}
    return read_impact(
        controller.clients.cloudwatch,
        controller.place.endpoint,
        slots,
        alarms.first_bad,
        incident.opened_at,
        flipped_at(incident) or now,
    )


def seconds(incident: Incident, first_bad: datetime | None) -> dict[str, float | None]:
    """Where the time went, in seconds, from the first bad datapoint to the traffic; None: not known.

    `own` is from the request until the platform accepted the weights, a wait for a busy endpoint included; `platform`
    from then until they were read back.
    """
    receipt, fired = incident.receipt, _moment(incident.alarm_at)

    def between(start: Any, end: Any) -> float | None:
        if start is None or end is None:
            return None
        found = end - start
        return round(found.total_seconds() if isinstance(found, timedelta) else found, 3)

    return {
        "bad_until_alarm": between(first_bad, fired),
        "alarm_until_request": between(fired, incident.opened_at),
        "own": receipt.api_accepted_s,
        "platform": between(receipt.api_accepted_s, receipt.weights_observed_s),
        "weights_until_traffic": between(receipt.weights_observed_s, receipt.traffic_observed_s),
    }


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
