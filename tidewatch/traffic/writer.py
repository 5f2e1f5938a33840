"""Writes weights: lease, check, intent, call, wait, outcome.

No other code does, except tidewatch/rollback/unrecorded.py where nothing can be recorded (ADR 30).

The writer holds the lease from the reading of ledger and run until the platform accepted the call. A rollback claims
its incident before it takes the lease: a writer that takes the lease later sees the claim, and the rollback overwrites
the change of one that had it before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tidewatch.clock import Clock
from tidewatch.naming import format_command
from tidewatch.traffic.backoff import Backoff
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.errors import EndpointBusy, NoCapacity, TargetUnavailable, TrafficError
from tidewatch.traffic.heartbeat import Heartbeat
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.ledger import Ledger, LedgerEntry
from tidewatch.traffic.models import EndpointState, Receipt, ResourceNames
from tidewatch.traffic.platform import Platform
from tidewatch.traffic.split import Split

Decide = Callable[[TrafficSnapshot], Split | None]


@dataclass(frozen=True)
class SubmittedChange:
    """A change that the platform accepted."""

    intent: LedgerEntry
    split: Split
    accepted_at: datetime


@dataclass(frozen=True)
class Writer:
    """Writes the weights of one endpoint and the instance counts of its variants."""

    platform: Platform
    ledger: Ledger
    control: ControlTable
    clock: Clock
    resource_names: ResourceNames
    wait_seconds: float
    heartbeat: Heartbeat

    def start_backoff(self) -> Backoff:
        """Returns a backoff whose polls renew this writer's heartbeat."""
        return Backoff(self.clock, self.wait_seconds, beat=self.heartbeat.beat)

    def read_snapshot(self) -> TrafficSnapshot:
        """Reads run, ledger and state. Raises EndpointMissing.

        The run is read before the entries, because a rollback claims its incident in the run first.
        """
        run = self.control.read_run()
        return TrafficSnapshot(self.ledger.entries(), run, self.platform.state(), key=self.resource_names.key)

    def change(self, decide: Decide, *, who: str, why: str, incident: str = "") -> Receipt | None:
        """Changes the split: waits for its turn and for the end. Returns None if `decide` finds nothing to do.

        Raises what `decide` raises, EndpointBusy when the wait is over, EndpointUnusable, or TrafficError if the
        platform reverted the change.
        """
        requested_at = self.clock.now()
        with self.heartbeat.keep_alive():
            submitted = self._submit_with_retry(decide, who, why, incident)
            if submitted is None:
                return None
            self.confirm(submitted)
        return Receipt(
            (submitted.accepted_at - requested_at).total_seconds(), (self.clock.now() - requested_at).total_seconds()
        )

    def _submit_with_retry(self, decide: Decide, who: str, why: str, incident: str) -> SubmittedChange | None:
        backoff = self.start_backoff()
        while True:
            try:
                return self.submit(decide, who=who, why=why, incident=incident)
            except EndpointBusy as busy:
                if not backoff.wait():
                    raise EndpointBusy(
                        f"{busy} It stayed busy for {self.wait_seconds:g} s; nothing was changed: try again "
                        "when it is InService."
                    ) from busy

    def submit(
        self, decide: Decide, *, who: str, why: str, incident: str = "", alarm: str = ""
    ) -> SubmittedChange | None:
        """Makes one attempt. Raises EndpointBusy, with nothing changed, if the endpoint cannot take a change now."""
        with self.control.hold_traffic_lease() as lease:
            snapshot = self.read_snapshot()
            split = decide(snapshot)
            state = snapshot.state
            if split is None or state is None:
                return None
            state.require_usable()
            if not state.is_in_service:
                raise EndpointBusy(f"The endpoint {state.name} is {state.status}.")
            split = split.restrict_to(state.variants)
            intent = self._append(
                LedgerEntry(
                    "intent",
                    who,
                    self.clock.now(),
                    why,
                    before=state.split,
                    after=split,
                    incident=incident,
                    alarm=alarm,
                    writer=self.heartbeat.name,
                )
            )
            try:
                lease.require_valid()
                self.platform.set_weights(split)
            except Exception as error:
                self._record_error(intent, error=str(error) or type(error).__name__)
                raise
            return SubmittedChange(intent, split, self.clock.now())

    def confirm(self, submitted: SubmittedChange) -> None:
        """Waits for InService, compares and appends the outcome. Raises TrafficError if the live split differs."""
        state = self.wait_until_stable()
        state.require_usable()
        outcome = self.record_outcome(submitted.intent)
        if outcome is not None and outcome.error:
            raise TrafficError(
                f"The endpoint {state.name} did not keep {submitted.split}: {outcome.error} Run "
                f"`{format_command('status', self.resource_names.key)}`, then try again."
            )

    def record_outcome(self, intent: LedgerEntry, receipt: Receipt | None = None) -> LedgerEntry | None:
        """Appends the outcome of an intent from the endpoint's present state.

        Returns None if it has an outcome already.
        """

        def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
            if any(entry.intent == intent.sequence for entry in entries):
                return None
            state = self.platform.state()
            live, error = state.split if state.is_in_service else None, ""
            if live is None:
                error = f"another change began before this one was read back (status {state.status})."
            elif not live.is_close_to(intent.after):
                reason = f": {state.failure_reason}" if state.failure_reason else ""
                is_reverted = live.is_close_to(intent.before)
                error = (
                    f"SageMaker took the change back{reason}."
                    if is_reverted
                    else f"it is {live}: somebody else changed it."
                )
                live = live if is_reverted else None
            return self._build_outcome(intent, live, error, receipt)

        return self.ledger.append(compose, use_cache=True)

    def wait_until_stable(self) -> EndpointState:
        """Waits until no change is in progress. Raises EndpointBusy when the wait is over."""
        backoff = self.start_backoff()
        state = self.platform.state()
        while not state.is_in_service and not state.status.is_unusable:
            if not backoff.wait():
                raise EndpointBusy(
                    f"The endpoint {state.name} is still {state.status} after {self.wait_seconds:g} s; the change "
                    "may still complete: run the same command again later to continue."
                )
            state = self.platform.state()
        return state

    def set_capacity(self, variant: str, instances: int) -> None:
        """Sets a variant's instance count: waits for its turn and until the variant has the instances."""
        backoff = self.start_backoff()
        while True:
            state = self.wait_until_stable()
            state.require_usable()
            if variant not in state.variants:
                raise TargetUnavailable(f"Variant {variant} is not on the endpoint {state.name}; deploy it first.")
            if state.variants[variant].desired_instances == instances:
                return
            try:
                self.platform.set_capacity(variant, instances)
                break
            except EndpointBusy:
                if not backoff.wait():
                    raise
        final_state = self.wait_until_stable()
        final_state.require_usable()
        if final_state.variants[variant].instances != instances:
            reason = f" ({final_state.failure_reason})" if final_state.failure_reason else ""
            have = final_state.variants[variant].instances
            raise NoCapacity(
                f"Variant {variant} of {final_state.name} has {have} instances, not {instances}{reason}; AWS may "
                "have no capacity: try again later or ask for fewer."
            )

    def _append(self, entry: LedgerEntry) -> LedgerEntry:
        appended = self.ledger.append(lambda _entries: entry, use_cache=True)
        assert appended is not None
        return appended

    def _record_error(self, intent: LedgerEntry, error: str) -> None:
        self._append(self._build_outcome(intent, None, error, None))

    def _build_outcome(
        self, intent: LedgerEntry, live: Split | None, error: str, receipt: Receipt | None
    ) -> LedgerEntry:
        return LedgerEntry(
            "outcome", intent.who, self.clock.now(), intent.why, before=intent.before, after=live, error=error,
            intent=intent.sequence, incident=intent.incident, alarm=intent.alarm, receipt=receipt,
        )  # fmt: skip
