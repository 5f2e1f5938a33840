"""Finding what nobody announced: live weights that no entry of the ledger explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tidewatch.clock import Clock
from tidewatch.content import content_hash
from tidewatch.naming import model_in
from tidewatch.traffic.ledger import Entry, Ledger, replay
from tidewatch.traffic.platform import Platform
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState


def incident_id(key: str, at: datetime, *distinct: object) -> str:
    """A name for an incident that says which model and when, and is told apart by its stack's key and by what is
    distinct about it."""
    return f"{model_in(key)}-{at:%Y%m%d-%H%M%S}-{content_hash([key, at.isoformat(), *distinct])[:6]}"


def observe(
    platform: Platform, ledger: Ledger, clock: Clock, key: str, resource: str, alive: Callable[[Entry], bool]
) -> Entry | None:
    """Appends what explains the live split, if nothing does yet; the entry, or None. Raises EndpointMissing.

    Nothing is said of an endpoint that is being changed, nor for an intent whose writer is `alive`: that one will.
    Since every writer appends its intent before its call, and an append fails when anything came in between, a change
    under way is not taken for an unannounced one.
    """

    def compose(entries: tuple[Entry, ...]) -> Entry | None:
        state = platform.state()
        if not state.in_service or state.split is None:
            return None
        return explanation(entries, state, state.split, clock.now(), key, resource, alive)

    return ledger.append(compose)


def explanation(
    entries: Sequence[Entry],
    state: EndpointState,
    live: Split,
    now: datetime,
    key: str,
    resource: str,
    alive: Callable[[Entry], bool],
) -> Entry | None:
    """The entry that is missing between the ledger and this live split; None where nothing is, or its writer lives."""
    known = replay(entries, resource)
    if live.close_to(known):
        return None
    if known is None:
        return Entry("observed", "observed", now, "The split that the endpoint was first seen with.", after=live)
    if intent := unanswered(entries, live, resource):
        if alive(intent):
            return None
        why = "Completed after its writer had gone." if intent.writer else intent.why
        return Entry(
            "outcome", intent.who, now, why, before=intent.before, after=live, answers=intent.sequence,
            incident=intent.incident, alarm=intent.alarm,
        )  # fmt: skip
    sequence = entries[-1].sequence + 1 if entries else 1
    why = f"The live split became {live} without an entry in the ledger; it was {known}."
    return Entry(
        "observed", "observed", now, why, before=known, after=live, config=state.config,
        incident=incident_id(key, now, sequence),
    )  # fmt: skip


def unanswered(entries: Sequence[Entry], live: Split, resource: str) -> Entry | None:
    """The newest intent without an outcome that would have made this split, after all that is known of the live one."""
    answered = {entry.answers for entry in entries if entry.kind == "outcome"}
    for entry in reversed(entries):
        if entry.resource != resource:
            continue
        if entry.kind in ("outcome", "observed") and entry.after:
            return None
        if entry.kind == "intent" and entry.sequence not in answered and live.close_to(entry.after):
            return entry
    return None
