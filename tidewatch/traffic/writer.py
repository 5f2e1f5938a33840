"""The one way to write weights: lease, check, intent, call, and after the wait an outcome.

The lease is held from the reading of ledger and head until the platform accepted the call. A rollback claims its
incident before it asks for the lease: a writer that takes the lease after the claim sees it, one that had it before is
flipped over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tidewatch.clock import Clock
from tidewatch.traffic.control import Control
from tidewatch.traffic.errors import EndpointBusy, EndpointUnusable, TrafficError
from tidewatch.traffic.gate import View
from tidewatch.traffic.ledger import Entry, Ledger
from tidewatch.traffic.life import Life
from tidewatch.traffic.platform import Platform
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Place, Receipt
from tidewatch.traffic.waiting import Backoff

Decide = Callable[[View], Split | None]
UNUSABLE = frozenset({"Deleting", "Failed", "OutOfService", "UpdateRollbackFailed"})
"""What an endpoint does not leave by itself."""


@dataclass(frozen=True)
class Submitted:
    """A change that the platform accepted."""

    intent: Entry
    split: Split
    accepted_at: datetime


@dataclass(frozen=True)
class Writer:
    """Writes the weights of one endpoint."""

    platform: Platform
    ledger: Ledger
    control: Control
    clock: Clock
    place: Place
    wait_seconds: float
    life: Life

    def backoff(self) -> Backoff:
        """The waits of this writer, which lives as long as it polls."""
        return Backoff(self.clock, self.wait_seconds, beat=self.life.beat)

    def view(self) -> View:
        """The head before the entries: an incident is claimed in the head first. Raises EndpointMissing."""
        head = self.control.head()
        return View(self.ledger.entries(), head, self.platform.state())

    def change(self, decide: Decide, *, who: str, why: str, incident: str = "") -> Receipt | None:
        """Brings a split about, waiting for its turn and for its end; None where `decide` says there is nothing to do.

        Raises what `decide` raises, EndpointBusy when the wait is over, EndpointUnusable, or TrafficError when the
        platform took the change back.
        """
        asked = self.clock.now()
        with self.life.lived():
            submitted = self._submitted(decide, who, why, incident)
            if submitted is None:
                return None
            self.confirm(submitted)
        return Receipt((submitted.accepted_at - asked).total_seconds(), (self.clock.now() - asked).total_seconds())

    def _submitted(self, decide: Decide, who: str, why: str, incident: str) -> Submitted | None:
        backoff = self.backoff()
        while True:
            try:
                return self.submit(decide, who=who, why=why, incident=incident)
            except EndpointBusy as busy:
                if not backoff.wait():
                    raise EndpointBusy(
                        f"{busy} It stayed so for {self.wait_seconds:g} s; nothing was changed: "
                        "try again when it is InService."
                    ) from busy

    def submit(self, decide: Decide, *, who: str, why: str, incident: str = "", alarm: str = "") -> Submitted | None:
        """One attempt. Raises EndpointBusy when the endpoint cannot take a change now, having changed nothing."""
        with self.control.traffic_lease() as lease:
            view = self.view()
            split = decide(view)
            state = view.state
            if split is None or state is None:
                return None
            refuse_unusable(state)
            if not state.in_service:
                raise EndpointBusy(f"The endpoint {state.name} is {state.status}.")
            split = split.among(state.slots)
            intent = self._append(
                Entry(
                    "intent",
                    who,
                    self.clock.now(),
                    why,
                    before=state.split,
                    after=split,
                    incident=incident,
                    alarm=alarm,
                    writer=self.life.name,
                )
            )
            try:
                lease.refuse_stale()
                self.platform.set_weights(split)
            except Exception as error:
                self._answer(intent, error=str(error) or type(error).__name__)
                raise
            return Submitted(intent, split, self.clock.now())

    def confirm(self, submitted: Submitted) -> None:
        """Waits for InService, compares and appends the outcome; raises TrafficError where the split is another."""
        state = self.settled()
        refuse_unusable(state)
        outcome = self.record_outcome(submitted.intent)
        if outcome is not None and outcome.error:
            raise TrafficError(
                f"The endpoint {state.name} did not keep {submitted.split}: {outcome.error} "
                "Look at `tidewatch status`, then try again."
            )

    def record_outcome(self, intent: Entry, receipt: Receipt | None = None) -> Entry | None:
        """Answers an intent with what the endpoint says now; None where it was answered already."""

        def compose(entries: tuple[Entry, ...]) -> Entry | None:
            if any(entry.answers == intent.sequence for entry in entries):
                return None
            state = self.platform.state()
            live, error = state.split if state.in_service else None, ""
            if live is None:
                error = f"another change began before this one was read back (status {state.status})."
            elif not live.close_to(intent.after):
                reason = f": {state.failure_reason}" if state.failure_reason else ""
                back = live.close_to(intent.before)
                error = f"SageMaker took the change back{reason}." if back else f"it is {live}, by another hand."
                live = live if back else None
            return self._outcome(intent, live, error, receipt)

        return self.ledger.append(compose, known=True)

    def settled(self) -> EndpointState:
        """Waits until no change is in progress; raises EndpointBusy when the wait is over."""
        backoff = self.backoff()
        state = self.platform.state()
        while not state.in_service and state.status not in UNUSABLE:
            if not backoff.wait():
                raise EndpointBusy(
                    f"The endpoint {state.name} is still {state.status} after {self.wait_seconds:g} s; what was asked "
                    "for may yet complete: run the same command again later, it continues from there."
                )
            state = self.platform.state()
        return state

    def _append(self, entry: Entry) -> Entry:
        appended = self.ledger.append(lambda _entries: entry, known=True)
        assert appended is not None
        return appended

    def _answer(self, intent: Entry, error: str) -> None:
        self._append(self._outcome(intent, None, error, None))

    def _outcome(self, intent: Entry, live: Split | None, error: str, receipt: Receipt | None) -> Entry:
        return Entry(
            "outcome", intent.who, self.clock.now(), intent.why, before=intent.before, after=live, error=error,
            answers=intent.sequence, incident=intent.incident, alarm=intent.alarm, receipt=receipt,
        )  # fmt: skip


def refuse_unusable(state: EndpointState) -> None:
    """Raises EndpointUnusable for a status that waiting does not mend."""
    if state.status in UNUSABLE:
        reason = f": {state.failure_reason}" if state.failure_reason else ""
        raise EndpointUnusable(
            f"The endpoint {state.name} is {state.status}{reason}. It does not leave this status by itself: read the "
            "runbook, replace the endpoint or deploy a configuration that starts."
        )
