"""The deletion of an endpoint, before the resources that guard it are deleted.

The Pulumi resource that represents the deletion owns it under a name of its own. When that resource is replaced, the
old one no longer owns the deletion and does not delete what the new one took over.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tidewatch.traffic.backoff import Backoff
from tidewatch.traffic.errors import EndpointBusy, EndpointMissing, EndpointUnusable, TrafficError
from tidewatch.traffic.ledger import LedgerEntry
from tidewatch.traffic.models import EndpointState, EndpointStatus
from tidewatch.traffic.writer import Writer

DELETION_OWNER_KEY = "deletion-owner"
"""The key of the control table's item that names the owner."""


@dataclass(frozen=True)
class EndpointDeletion:
    """Deletes the endpoint of a writer."""

    writer: Writer

    def claim(self, owner: str) -> None:
        """Records the owner of the endpoint's deletion."""
        self.writer.control.put(DELETION_OWNER_KEY, {"owner": owner})

    def is_owner(self, owner: str) -> bool:
        """Whether `owner` owns the deletion of the endpoint. True if no owner is recorded."""
        found = self.writer.control.read(DELETION_OWNER_KEY, lambda found: str(found["owner"]))
        return found is None or found == owner

    def delete(self, owner: str, *, who: str) -> bool:
        """Deletes the endpoint and waits until it is gone.

        Returns False if it is missing or `owner` does not own its deletion.

        Raises EndpointBusy if it cannot be deleted within the wait, and EndpointUnusable if SageMaker fails to delete
        it.
        """
        if not self.is_owner(owner):
            return False
        with self.writer.heartbeat.keep_alive():
            return self._delete_and_wait(who)

    def _delete_and_wait(self, who: str) -> bool:
        backoff = self.writer.start_backoff()
        try:
            state = self.writer.wait_until_stable()
            while state.status != EndpointStatus.DELETING and not self._try_delete(state, who):
                if not backoff.wait():
                    raise EndpointBusy(
                        f"The endpoint {state.name} was busy for {self.writer.wait_seconds:g} s; try again."
                    )
                state = self.writer.wait_until_stable()
            self._wait_until_deleted(backoff)
        except EndpointMissing:
            return False
        return True

    def _try_delete(self, state: EndpointState, who: str) -> bool:
        """Makes one attempt. Returns False if another change is in progress."""
        why = f"The endpoint {state.name} is being deleted: the config no longer declares any traffic for it."
        intent = self._append(
            LedgerEntry(
                "intent", who, self.writer.clock.now(), why, before=state.split, writer=self.writer.heartbeat.name
            )
        )
        try:
            self.writer.platform.delete()
        except EndpointBusy as busy:
            self._record_outcome(intent, error=str(busy))
            return False
        except Exception as error:
            self._record_outcome(intent, error=str(error) or type(error).__name__)
            raise
        self._record_outcome(intent)
        return True

    def _wait_until_deleted(self, backoff: Backoff) -> None:
        with suppress(EndpointMissing):
            while (state := self.writer.platform.state()).status == EndpointStatus.DELETING:
                if not backoff.wait():
                    raise EndpointBusy(
                        f"The endpoint {state.name} is still Deleting; run the same command again later."
                    )
            reason = state.failure_reason or "SageMaker gave no reason"
            raise EndpointUnusable(f"The endpoint {state.name} was not deleted; it is {state.status}: {reason}.")

    @staticmethod
    def is_requested(entries: Sequence[LedgerEntry], endpoint: str) -> bool:
        """Whether the newest intent is the deletion of this endpoint and SageMaker accepted it."""
        intent = next((entry for entry in reversed(entries) if entry.kind == "intent"), None)
        if intent is None or intent.endpoint != endpoint or intent.after is not None:
            return False
        return not any(entry.intent == intent.sequence and entry.error for entry in entries)

    def _append(self, entry: LedgerEntry) -> LedgerEntry | None:
        """Appends an entry. A missing ledger must not prevent the deletion."""
        with suppress(TrafficError):
            return self.writer.ledger.append(lambda _entries: entry, use_cache=True)
        return None

    def _record_outcome(self, intent: LedgerEntry | None, error: str = "") -> None:
        if intent is not None:
            self._append(
                LedgerEntry(
                    "outcome", intent.who, self.writer.clock.now(), intent.why, before=intent.before, error=error,
                    intent=intent.sequence,
                )
            )  # fmt: skip
