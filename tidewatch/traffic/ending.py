"""The end of an endpoint: before anything goes that guards it.

What stands for the end in the state owns it, under a name of its own. So one that took another's place, as when that
resource is replaced, keeps what it took over.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewatch.traffic.errors import EndpointBusy, EndpointMissing, EndpointUnusable, TrafficError
from tidewatch.traffic.ledger import Entry
from tidewatch.traffic.waiting import Backoff
from tidewatch.traffic.writer import Writer

if TYPE_CHECKING:
    from tidewatch.traffic.values import EndpointState

KEY = "end"
"""Of the item in the control table that says who owns it."""


@dataclass(frozen=True)
class Ending:
    """Ends the endpoint of a writer."""

    writer: Writer

    def own(self, owner: str) -> None:
        """Writes down what owns the end of the endpoint."""
        self.writer.control.put(KEY, {"name": owner})

    def owns(self, owner: str) -> bool:
        """Whether it owns the end of the endpoint; True where nobody wrote down who does."""
        found = self.writer.control.read(KEY, lambda found: str(found["name"]))
        return found is None or found == owner

    def end(self, owner: str, *, who: str) -> bool:
        """Deletes the endpoint and waits until it is gone; False where there was none, or something else owns its end.

        Raises EndpointBusy where it cannot be deleted within the wait, EndpointUnusable where SageMaker failed to.
        """
        if not self.owns(owner):
            return False
        with self.writer.life.lived():
            return self._ended(who)

    def _ended(self, who: str) -> bool:
        backoff = self.writer.backoff()
        try:
            state = self.writer.settled()
            while state.status != "Deleting" and not self._deleted(state, who):
                if not backoff.wait():
                    raise EndpointBusy(
                        f"The endpoint {state.name} was busy for {self.writer.wait_seconds:g} s; try again."
                    )
                state = self.writer.settled()
            self._gone(backoff)
        except EndpointMissing:
            return False
        return True

    def _deleted(self, state: EndpointState, who: str) -> bool:
        """One attempt; False while something else changes the endpoint."""
        why = f"The endpoint {state.name} ends: nothing declares its traffic any more."
        intent = self._append(
            Entry("intent", who, self.writer.clock.now(), why, before=state.split, writer=self.writer.life.name)
        )
        try:
            self.writer.platform.end()
        except EndpointBusy as busy:
            self._answer(intent, error=str(busy))
            return False
        except Exception as error:
            self._answer(intent, error=str(error) or type(error).__name__)
            raise
        self._answer(intent)
        return True

    def _gone(self, backoff: Backoff) -> None:
        with suppress(EndpointMissing):
            while (state := self.writer.platform.state()).status == "Deleting":
                if not backoff.wait():
                    raise EndpointBusy(
                        f"The endpoint {state.name} is still Deleting; run the same command again later."
                    )
            reason = state.failure_reason or "SageMaker does not say why"
            raise EndpointUnusable(f"The endpoint {state.name} was not deleted, it is {state.status}: {reason}.")

    @staticmethod
    def ends(entries: Sequence[Entry], endpoint: str) -> bool:
        """Whether the newest thing that anybody asked for is the end of this endpoint, and SageMaker took it."""
        intent = next((one for one in reversed(entries) if one.kind == "intent"), None)
        if intent is None or intent.resource != endpoint or intent.after is not None:
            return False
        return not any(one.answers == intent.sequence and one.error for one in entries)

    def _append(self, entry: Entry) -> Entry | None:
        """A ledger that is gone keeps no endpoint alive."""
        with suppress(TrafficError):
            return self.writer.ledger.append(lambda _entries: entry, known=True)
        return None

    def _answer(self, intent: Entry | None, error: str = "") -> None:
        if intent is not None:
            self._append(
                Entry(
                    "outcome", intent.who, self.writer.clock.now(), intent.why, before=intent.before, error=error,
                    answers=intent.sequence,
                )
            )  # fmt: skip
