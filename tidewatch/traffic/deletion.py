"""The end of an endpoint: before anything goes that guards it.

What stands for the end in the state owns it, under a name of its own. So one that took another's place, as when that
resource is replaced, keeps what it took over.
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
"""Of the item in the control table that says who owns it."""


@dataclass(frozen=True)
class EndpointDeletion:
    """Ends the endpoint of a writer."""

    writer: Writer

    def claim(self, owner: str) -> None:
        """Writes down what owns the end of the endpoint."""
        self.writer.control.put(DELETION_OWNER_KEY, {"owner": owner})

    def is_owner(self, owner: str) -> bool:
        """Whether it owns the end of the endpoint; True where nobody wrote down who does."""
        found = self.writer.control.read(DELETION_OWNER_KEY, lambda found: str(found["owner"]))
        return found is None or found == owner

    def delete(self, owner: str, *, who: str) -> bool:
        """Deletes the endpoint and waits until it is gone; False where there was none, or something else owns its end.

        Raises EndpointBusy where it cannot be deleted within the wait, EndpointUnusable where SageMaker failed to.
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
        """One attempt; False while something else changes the endpoint."""
        why = f"The endpoint {state.name} ends: nothing declares its traffic any more."
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
            reason = state.failure_reason or "SageMaker does not say why"
            raise EndpointUnusable(f"The endpoint {state.name} was not deleted, it is {state.status}: {reason}.")

    @staticmethod
    def is_requested(entries: Sequence[LedgerEntry], endpoint: str) -> bool:
        """Whether the newest thing that anybody asked for is the end of this endpoint, and SageMaker took it."""
        intent = next((entry for entry in reversed(entries) if entry.kind == "intent"), None)
        if intent is None or intent.resource != endpoint or intent.after is not None:
            return False
        return not any(entry.intent == intent.sequence and entry.error for entry in entries)

    def _append(self, entry: LedgerEntry) -> LedgerEntry | None:
        """A ledger that is gone keeps no endpoint alive."""
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
