"""Finds out-of-band changes: live weights that no entry of the ledger explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tidewatch.content_hash import compute_content_hash
from tidewatch.naming import extract_model_name
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.ledger import LedgerEntry, replay_split
from tidewatch.traffic.models import EndpointState
from tidewatch.traffic.split import Split
from tidewatch.traffic.writer import Writer


def build_incident_id(key: str, at: datetime, *distinct: object) -> str:
    """Returns an incident's id: the model's name and the time, with a suffix from the stack's key and `distinct`."""
    return f"{extract_model_name(key)}-{at:%Y%m%d-%H%M%S}-{compute_content_hash([key, at.isoformat(), *distinct])[:6]}"


def reconcile_ledger(writer: Writer) -> LedgerEntry | None:
    """Appends the entry that explains the live split, if it is missing. Returns the entry, or None.

    Raises EndpointMissing.

    Nothing is appended while the endpoint is changing, or for an intent whose writer is alive: that writer appends the
    outcome itself. Every writer appends its intent before its call, and an append fails if another entry came in
    between, so a change in progress is never taken for an out-of-band one.
    """

    def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
        state = writer.platform.state()
        if not state.is_in_service or state.split is None:
            return None
        return _find_missing_entry(writer, entries, state, state.split)

    return writer.ledger.append(compose)


def add_missing_entry(writer: Writer, snapshot: TrafficSnapshot) -> TrafficSnapshot:
    """Returns the snapshot with the entry that the next sweep will write about an out-of-band change, if any.

    Nothing is added before the first split of the endpoint is recorded.
    """
    state = snapshot.state
    if (
        state is None
        or not state.is_in_service
        or state.split is None
        or replay_split(snapshot.entries, writer.resource_names.endpoint) is None
    ):
        return snapshot
    found = _find_missing_entry(writer, snapshot.entries, state, state.split)
    return replace(snapshot, entries=(*snapshot.entries, found)) if found else snapshot


def _find_missing_entry(
    writer: Writer, entries: Sequence[LedgerEntry], state: EndpointState, live: Split
) -> LedgerEntry | None:
    """Returns the entry that is missing between the ledger and this live split.

    Returns None if none is missing or its writer is alive.
    """
    now, key, endpoint = writer.clock.now(), writer.resource_names.key, writer.resource_names.endpoint
    recorded_split = replay_split(entries, endpoint)
    if live.is_close_to(recorded_split):
        return None
    if recorded_split is None:
        return LedgerEntry("out_of_band", "out_of_band", now, "The first observed split of the endpoint.", after=live)
    if intent := find_pending_intent(entries, live, endpoint):
        if _is_intent_active(writer, intent):
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


def find_pending_intent(entries: Sequence[LedgerEntry], live: Split, endpoint: str) -> LedgerEntry | None:
    """Returns the newest intent for this split that has no outcome and follows the last known live split, or None."""
    answered_sequences = {entry.intent for entry in entries if entry.kind == "outcome"}
    for entry in reversed(entries):
        if entry.endpoint != endpoint:
            continue
        if entry.kind in ("outcome", "out_of_band") and entry.after:
            return None
        if entry.kind == "intent" and entry.sequence not in answered_sequences and live.is_close_to(entry.after):
            return entry
    return None


def _is_intent_active(writer: Writer, intent: LedgerEntry) -> bool:
    """Whether the writer of an intent is alive, or its rollback is still running."""
    if intent.writer:
        return writer.heartbeat.is_other_alive(intent.writer)
    run = writer.control.read_run() if intent.incident else None
    return run is not None and run.is_active and run.incident == intent.incident
