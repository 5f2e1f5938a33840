"""The rules on who may get traffic. They raise sentences and change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tidewatch.traffic.errors import IncidentOpen, InvalidSplit, Latched, NoTarget, Refused, UnknownIncident
from tidewatch.traffic.head import Head
from tidewatch.traffic.incidents import Incident, Latch, incidents, latched_by, latches
from tidewatch.traffic.ledger import Entry
from tidewatch.traffic.split import TOLERANCE, Split
from tidewatch.traffic.values import EndpointState, Held


@dataclass(frozen=True)
class View:
    """Everything a decision on traffic rests on, read at one moment."""

    entries: tuple[Entry, ...]
    head: Head | None
    state: EndpointState | None
    acknowledged: frozenset[str] = field(default_factory=frozenset[str])
    """Incidents that the stack config acknowledges and the ledger does not yet."""

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return incidents(self.entries, self.head)

    @property
    def open(self) -> tuple[Incident, ...]:
        return tuple(one for one in self.incidents if one.open and one.id not in self.acknowledged)

    @property
    def latches(self) -> tuple[Latch, ...]:
        return tuple(one for one in latches(self.entries) if one.incident not in self.acknowledged)

    @property
    def driven(self) -> Head | None:
        """The head, while its rollback is under way and nobody has acknowledged it."""
        if self.head is None or not self.head.driven:
            return None
        return self.head if any(one.id == self.head.incident for one in self.open) else None

    @property
    def config(self) -> str:
        return self.state.config if self.state else ""

    @property
    def live(self) -> Split | None:
        return self.state.split if self.state else None


def refuse_unknown(view: View, incident: str, *, declared: bool = False) -> None:
    """Raises UnknownIncident for something that never happened. declared: the stack config acknowledges it."""
    if incident and all(one.id != incident for one in view.incidents):
        remedy = "take the id from `tidewatch status`"
        if declared:
            remedy += (
                ", or remove tidewatch:acknowledgedIncident from the stack config: after a `pulumi destroy` the ledger "
                "is another one"
            )
        raise UnknownIncident(f"The ledger has no incident {incident}; {remedy}.")


def refuse_open(view: View) -> None:
    """Raises IncidentOpen while any incident is open."""
    if view.open:
        first = view.open[0]
        if first.unwritten:
            raise IncidentOpen(
                f"{first.reason} A declared split is not applied over that: within a minute the sweep writes it down "
                "as an incident, which `tidewatch status` names; read it and acknowledge it."
            )
        raise IncidentOpen(
            f"Incident {first.id} is open ({first.reason or first.kind}), and a declared split is not applied over an "
            f"open incident: {first.remedy}."
        )


def refuse_latched(view: View, slots: Iterable[str], held: Mapping[str, Held]) -> None:
    """Raises Latched where one of the slots holds what was rolled back."""
    for slot in sorted(slots):
        if latch := latched_by(slot, held.get(slot), view.latches, view.config):
            raise Latched(
                f"Slot {slot} holds {latch}, which incident {latch.incident} rolled back: it gets no traffic until "
                f"`tidewatch acknowledge {latch.incident}` names that incident."
            )


def raised(declared: Split, live: Split | None) -> frozenset[str]:
    """The slots that get more than they have."""
    if live is None:
        return declared.serving
    return frozenset(slot for slot in declared.serving if declared.share(slot) > live.share(slot) + TOLERANCE)


def refuse_alarmed(slots: Iterable[str], guardrails: Mapping[str, str], alarmed: frozenset[str]) -> None:
    """Raises Refused where a slot that would be raised has its own guardrail in ALARM."""
    for slot in sorted(slots):
        if guardrails.get(slot) in alarmed:
            raise Refused(
                f"Slot {slot} is not raised while its guardrail {guardrails[slot]} is in ALARM; "
                "find out why, or lower the slot's weight."
            )


def refuse_unfit(declared: Split, state: EndpointState, held: Mapping[str, Held]) -> None:
    """Raises where a slot that would serve is absent, is below its floor, or holds nobody knows what."""
    for slot in sorted(declared.serving):
        if slot not in state.slots:
            there = ", ".join(sorted(state.slots)) or "none"
            raise NoTarget(f"Slot {slot} is not on the endpoint {state.name} (its slots: {there}); deploy it first.")
        if slot not in held:
            raise InvalidSplit(f"Nothing says what slot {slot} holds; add it to tidewatch:variants.")
    for slot in sorted(raised(declared, state.split)):
        have = state.slots[slot].instances
        if have < max(held[slot].floor, 1):
            raise NoTarget(
                f"Slot {slot} has {have} of the {held[slot].floor} instances it needs to take traffic; "
                "raise its capacity, then its weight."
            )


def refuse_declaration(
    view: View, *, declared: Split, previously: Split | None, held: Mapping[str, Held], live_held: Mapping[str, Held]
) -> None:
    """The rule of `pulumi up`: only what changed is refused, and only for what would get traffic by it."""
    if previously is None or not declared.close_to(previously):
        refuse_latched(view, declared.serving, held)
        refuse_open(view)
    elif view.live is not None:
        changed = {slot for slot in held if not held[slot].same_declared(live_held.get(slot))}
        refuse_latched(view, view.live.serving & changed, held)


def refuse_rerun(view: View, held: Mapping[str, Held], live_held: Mapping[str, Held]) -> None:
    """Raises Latched where a slot that serves would be run in another way, while it was the way that was rolled back.

    Such a latch is on the content of a slot whose model the target holds too. Another content is not latched by it, and
    could still be what was rolled back, but for a word.
    """
    how = next((latch for latch in view.latches if latch.content and not latch.artifact), None)
    if how is None or view.live is None:
        return
    for slot in sorted(view.live.serving & held.keys() & live_held.keys()):
        now, was = held[slot], live_held[slot]
        if now.same_model(was) and not now.same_declared(was):
            raise Latched(
                f"Slot {slot} serves the model that incident {how.incident} rolled back for the way {how.slot} ran it: "
                f"how {slot} runs it is not changed until `tidewatch acknowledge {how.incident}` names that incident."
            )


def refuse_champion(view: View, champion: str, held: Mapping[str, Held], live_held: Mapping[str, Held]) -> None:
    """The champion is where a rollback goes: it is never latched, and stays as it is while another slot serves."""
    refuse_latched(view, {champion} & held.keys(), held)
    refuse_edited(view, champion, held, live_held)


def refuse_edited(view: View, champion: str, held: Mapping[str, Held], live_held: Mapping[str, Held]) -> None:
    """Raises Refused where a champion's version would change while another slot serves.

    That goes for the champion until now too: moving `rollbackTo` away in the same edit would replace the last good
    version, with the share of the traffic that it has.
    """
    others = view.live.serving - {champion} if view.live else frozenset[str]()
    was = live_held.get(champion)
    if others and was is not None and champion in held and not was.same_model(held[champion]):
        raise Refused(
            f"Slot {champion} is the rollback target and {', '.join(sorted(others))} serves: its version cannot be "
            f"edited now. Put the new version into the other slot, or send all traffic to {champion} first; "
            "to make another slot the champion, move `tidewatch:rollbackTo` in an `up` of its own."
        )
