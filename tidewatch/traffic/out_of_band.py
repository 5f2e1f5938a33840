"""Finds out-of-band changes: live weights that no entry of the ledger explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tidewatch.clock import Clock
from tidewatch.content_hash import compute_content_hash
from tidewatch.naming import extract_model_name
from tidewatch.traffic.ledger import Ledger, LedgerEntry, replay_split
from tidewatch.traffic.models import EndpointState
from tidewatch.traffic.platform import Platform
from tidewatch.traffic.split import Split


def build_incident_id(key: str, at: datetime, *distinct: object) -> str:
    """Returns an incident's id: the model's name and the time, with a suffix from the stack's key and `distinct`."""
    return f"{extract_model_name(key)}-{at:%Y%m%d-%H%M%S}-{compute_content_hash([key, at.isoformat(), *distinct])[:6]}"


def reconcile_ledger(
    platform: Platform, ledger: Ledger, clock: Clock, key: str, resource: str, is_alive: Callable[[LedgerEntry], bool]
) -> LedgerEntry | None:
    """Appends the entry that explains the live split, if it is missing. Returns the entry, or None.

    Raises EndpointMissing.

    Nothing is appended while the endpoint is changing, or for an intent whose writer is alive according to `is_alive`:
    that writer appends the outcome itself. Every writer appends its intent before its call, and an append fails if
    another entry came in between, so a change in progress is never taken for an out-of-band one.
    """

    def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
        state = platform.state()
        if not state.is_in_service or state.split is None:
            return None
        return find_missing_entry(entries, state, state.split, clock.now(), key, resource, is_alive)

    return ledger.append(compose)


def find_missing_entry(
    entries: Sequence[LedgerEntry],
    state: EndpointState,
    live: Split,
    now: datetime,
    key: str,
    resource: str,
    is_alive: Callable[[LedgerEntry], bool],
) -> LedgerEntry | None:
    """Returns the entry that is missing between the ledger and this live split.

    Returns None if none is missing or its writer is alive.
    """
    recorded_split = replay_split(entries, resource)
    if live.is_close_to(recorded_split):
        return None
    if recorded_split is None:
        return LedgerEntry("out_of_band", "out_of_band", now, "The first observed split of the endpoint.", after=live)
    if intent := find_pending_intent(entries, live, resource):
        if is_alive(intent):
            return None
        why = "Completed after its writer died." if intent.writer else intent.why
        return LedgerEntry(
            "outcome", intent.who, now, why, before=intent.before, after=live, intent=intent.sequence,
            incident=intent.incident, alarm=intent.alarm,
        )  # fmt: skip
    sequence = entries[-1].sequence + 1 if entries else 1
    why = f"The live split became {live} without an entry in the ledger; it was {recorded_split}."
    return LedgerEntry(
        "out_of_band", "out_of_band", now, why, before=recorded_split, after=live, config=state.config,
        incident=build_incident_id(key, now, sequence),
    )  # fmt: skip


def find_pending_intent(entries: Sequence[LedgerEntry], live: Split, resource: str) -> LedgerEntry | None:
    """Returns the newest intent for this split that has no outcome and follows the last known live split, or None."""
    answered_sequences = {entry.intent for entry in entries if entry.kind == "outcome"}
    for entry in reversed(entries):
        if entry.resource != resource:
            continue
        if entry.kind in ("outcome", "out_of_band") and entry.after:
            return None
        if entry.kind == "intent" and entry.sequence not in answered_sequences and live.is_close_to(entry.after):
            return entry
    return None
