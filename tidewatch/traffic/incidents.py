"""Incidents and latches, as the ledger tells them: one is open, and its latches last, until it is acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tidewatch.traffic.head import Head
from tidewatch.traffic.ledger import Entry
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import NO_RECEIPT, Held, Receipt


@dataclass(frozen=True)
class Latch:
    """What gets no traffic until its incident is acknowledged: an artifact with its image, wherever it is put.

    Where the rollback target holds the same pair, the content hash of the slot instead; where nobody knows what the
    slot held, the slot of that endpoint configuration.
    """

    incident: str
    slot: str
    artifact: str = ""
    image: str = ""
    content: str = ""
    config: str = ""

    def holds(self, slot: str, held: Held | None, config: str = "") -> bool:
        """Whether a slot is latched that holds this, under this endpoint configuration."""
        if self.artifact:
            return held is not None and held.pair == (self.artifact, self.image)
        if self.content:
            return held is not None and held.content == self.content
        return slot == self.slot and config == self.config

    def __str__(self) -> str:
        if self.artifact:
            return f"the artifact {self.artifact[:12]} with the image {self.image[:19]}"
        if self.content:
            return f"the content {self.content}"
        return f"whatever {self.slot} holds in {self.config}"


@dataclass(frozen=True)
class Incident:
    """A rollback, or a change of traffic that nobody announced."""

    id: str
    opened_at: datetime
    who: str
    reason: str
    kind: str
    """`rollback`, or `observed` for weights that no entry explained."""
    target: str = ""
    alarm: str = ""
    alarm_at: str = ""
    before: Split | None = None
    after: Split | None = None
    acknowledged: str = ""
    """Who acknowledged it; "" while it is open."""
    state: str = "closed"
    sequence: int = 0
    receipt: Receipt = NO_RECEIPT

    @property
    def open(self) -> bool:
        return not self.acknowledged

    @property
    def unwritten(self) -> bool:
        """Whether it was only found so far: its entry, and so its name, is for the next sweep to write."""
        return self.kind == "observed" and self.sequence == 0

    @property
    def remedy(self) -> str:
        return f"read the incident, then `tidewatch acknowledge {self.id}`"


def incidents(entries: Iterable[Entry], head: Head | None = None) -> tuple[Incident, ...]:
    """All incidents, oldest first. A head whose ledger entry is still missing counts: its claim was the first write."""
    listed = tuple(entries)
    acknowledged = {entry.incident: entry.who for entry in listed if entry.kind == "acknowledgement"}
    found = {
        entry.incident: _incident(entry, acknowledged.get(entry.incident, ""), head)
        for entry in listed
        if entry.incident and entry.kind in ("incident", "observed")
    }
    if head is not None and head.incident not in found:
        found[head.incident] = _claimed(head, acknowledged.get(head.incident, ""))
    return tuple(found.values())


def _incident(entry: Entry, acknowledged: str, head: Head | None) -> Incident:
    driven = head if head is not None and head.incident == entry.incident else None
    return Incident(
        entry.incident,
        entry.at,
        entry.who,
        entry.why,
        "observed" if entry.kind == "observed" else "rollback",
        entry.target,
        entry.alarm,
        entry.alarm_at,
        entry.before,
        entry.after,
        acknowledged,
        driven.state if driven else "closed",
        entry.sequence,
        driven.receipt if driven else NO_RECEIPT,
    )


def _claimed(head: Head, acknowledged: str) -> Incident:
    return Incident(
        head.incident,
        head.requested_at,
        head.who,
        head.reason,
        "rollback",
        head.target,
        head.alarm_arn,
        head.alarm_at,
        head.before,
        None,
        acknowledged,
        head.state,
        receipt=head.receipt,
    )


def latches(entries: Iterable[Entry]) -> tuple[Latch, ...]:
    """The latches of incidents that nobody has acknowledged."""
    listed = tuple(entries)
    acknowledged = {entry.incident for entry in listed if entry.kind == "acknowledgement"}
    return tuple(_latch(entry) for entry in listed if entry.kind == "latch" and entry.incident not in acknowledged)


def _latch(entry: Entry) -> Latch:
    """The configuration is part of a latch only where nothing else names what it holds."""
    config = "" if entry.artifact or entry.content else entry.config
    return Latch(entry.incident, entry.slot, entry.artifact, entry.image, entry.content, config)


def latch_on(slot: str, config: str, held: Mapping[str, Held], incident: str, target: str) -> Latch | None:
    """What to latch of a slot that is rolled back; None where it holds exactly what the target holds."""
    bad, good = held.get(slot), held.get(target)
    if bad is None:
        return Latch(incident, slot, config=config)
    if good is None or bad.pair != good.pair:
        return Latch(incident, slot, artifact=bad.artifact, image=bad.image)
    if bad.content != good.content:
        return Latch(incident, slot, content=bad.content)
    return None


def latched_by(slot: str, held: Held | None, known: Iterable[Latch], config: str = "") -> Latch | None:
    """The latch that keeps a slot from traffic, if one does."""
    return next((latch for latch in known if latch.holds(slot, held, config)), None)
