"""The steps of a rollback: what each status of the endpoint and each state of the incident lead to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tidewatch.traffic.alarms import set_state
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import EndpointBusy, EndpointMissing, TrafficError, Unwritable
from tidewatch.traffic.gate import View
from tidewatch.traffic.head import Head, State
from tidewatch.traffic.incidents import latch_on, latched_by, latches
from tidewatch.traffic.ledger import Entry, replay
from tidewatch.traffic.observing import unanswered
from tidewatch.traffic.plan import RollbackPlan
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Held, Receipt

BLOCKED = frozenset({"Creating", "Deleting", "Failed", "OutOfService", "UpdateRollbackFailed"})
RUNBOOK = "rollback-blocked.md"
TRAFFIC_WAIT = timedelta(minutes=15)
"""How long after the weights an incident waits for requests to look at."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Steps:
    """Takes the incident of a head one step further. Each step is written to the head before it returns."""

    controller: TrafficController
    plan: RollbackPlan
    _holdings: dict[str, dict[str, Held]] = field(default_factory=dict[str, dict[str, Held]])

    def advance(self, head: Head) -> Head:
        """The head after one step, or the one that somebody else wrote in between; unchanged where it has to wait."""
        self._record(head)
        if head.state in ("pending", "flipping", "blocked") and self._acknowledged(head):
            return self._end_acknowledged(head)
        try:
            state = self.controller.state()
        except EndpointMissing as missing:
            return self._block(head, str(missing))
        head = self._latch(head, state)
        head = self._stop_deployment(head, state)
        return self._follow(head, state) if head.state == "observed" else self._flip(head, state)

    def _end_acknowledged(self, head: Head) -> Head:
        if head.abort_tripped:
            self._set_alarm("OK", f"Incident {head.incident} was acknowledged.")
        message = "Acknowledged before the weights were flipped: nothing more is done."
        return self._save(head, "closed", message, abort_tripped=False)

    def _record(self, head: Head) -> None:
        """The incident's entry, exactly once: the claim of the head was the first write and may have been the last."""

        def compose(entries: tuple[Entry, ...]) -> Entry | None:
            if any(entry.kind == "incident" and entry.incident == head.incident for entry in entries):
                return None
            why = head.reason + (f" (by {head.by})" if head.by else "")
            return Entry(
                "incident", head.who, head.requested_at, why, before=head.before, target=head.target,
                incident=head.incident, alarm=head.alarm_arn, alarm_at=head.alarm_at,
            )  # fmt: skip

        self.controller.ledger.append(compose, known=True)

    def _acknowledged(self, head: Head) -> bool:
        entries = self.controller.ledger.known
        return any(entry.kind == "acknowledgement" and entry.incident == head.incident for entry in entries)

    def _latch(self, head: Head, state: EndpointState) -> Head:
        """Latches whatever serves besides the target, each thing once. Never what the target holds.

        Where nothing does any more, as the flip could not be written down, what served when it was asked for.
        """
        bad = sorted(state.serving - {head.target})
        if not bad and head.before is not None and not head.rolled_back:
            bad = sorted((head.before.serving - {head.target}) & state.slots.keys())
        if head.state == "observed" or not bad:
            return head
        held = self._held(state)
        notes = head.notes
        for slot in bad:
            latch = latch_on(slot, state.config, held, head.incident, head.target)
            if latch is None:
                note = f"{slot} holds exactly what {head.target} holds: it was rolled back, and nothing was latched."
                notes = notes if note in notes else (*notes, note)
                continue
            if not (latch.artifact or latch.content):
                note = f"Nothing says what {slot} held: the slot is latched in {state.config}, not its artifact."
                notes = notes if note in notes else (*notes, note)
            entry = Entry(
                "latch", head.who, self.controller.clock.now(), head.reason, incident=head.incident, slot=slot,
                artifact=latch.artifact, image=latch.image, content=latch.content, config=state.config,
            )  # fmt: skip
            self.controller.ledger.append(
                lambda entries, latch=latch, entry=entry: None if latch in latches(entries) else entry, known=True
            )
        rolled_back = tuple(sorted({*head.rolled_back, *bad}))
        if (rolled_back, notes) == (head.rolled_back, head.notes):
            return head
        return self._write(replace(head, rolled_back=rolled_back, notes=notes))

    def _stop_deployment(self, head: Head, state: EndpointState) -> Head:
        """Trips the abort alarm while a deployment runs, and puts it back when it has ended."""
        if not self.plan.abort_alarm:
            return head
        running = state.deploying is not None or state.status == "RollingBack"
        if state.deploying is not None and head.state != "observed" and state.deploying_slots == frozenset(state.slots):
            if not head.abort_tripped:
                # Written before it is done: an alarm that nobody remembers would stop every later deployment.
                head = self._write(replace(head, abort_tripped=True))
            self._set_alarm(
                "ALARM", f"The rollback of incident {head.incident} stops the deployment of {state.deploying}."
            )
        elif head.abort_tripped and not running:
            self._set_alarm("OK", f"The deployment that incident {head.incident} stopped has ended.")
            head = self._write(replace(head, abort_tripped=False))
        return head

    def _set_alarm(self, value: str, reason: str) -> None:
        set_state(self.controller.clients.cloudwatch, self.plan.abort_alarm, value, reason)

    def _flip(self, head: Head, state: EndpointState) -> Head:
        """The busy table."""
        if reason := self._blocked(head, state):
            return self._block(head, reason)
        if not state.in_service:
            return self._wait(head, state)
        if state.is_all_on(head.target):
            return self._observed(head, state)
        if head.state != "flipping":
            head = self._save(head, "flipping", f"All traffic of {state.name} is sent to {head.target}.")
            if head.state != "flipping":
                return head
        return self._submit(head)

    def _blocked(self, head: Head, state: EndpointState) -> str:
        where = f"The endpoint {state.name}"
        if state.status in BLOCKED:
            why = f" ({state.failure_reason})" if state.failure_reason else ""
            return f"{where} is {state.status}{why}: weights cannot be changed. Follow {self.plan.runbooks}/{RUNBOOK}."
        if head.target not in state.slots:
            slots = ", ".join(sorted(state.slots)) or "none"
            return (
                f"{where} has no slot {head.target} (its slots: {slots}): there is nothing to roll back to. "
                f"Follow {self.plan.runbooks}/{RUNBOOK}."
            )
        if state.slots[head.target].instances < 1:
            return (
                f"Slot {head.target} of {state.name} has no instance: sending traffic to nothing is worse than what "
                f"serves. Follow {self.plan.runbooks}/{RUNBOOK}."
            )
        if latch := latched_by(
            head.target, self._held(state).get(head.target), latches(self.controller.ledger.known), state.config
        ):
            return (
                f"Slot {head.target} of {state.name} holds {latch}, which incident {latch.incident} rolled back. "
                f"Follow {self.plan.runbooks}/{RUNBOOK}."
            )
        return ""

    def _held(self, state: EndpointState) -> dict[str, Held]:
        if state.config not in self._holdings:
            self._holdings[state.config] = self.controller.control.held(state.config) or {}
        return self._holdings[state.config]

    def _wait(self, head: Head, state: EndpointState) -> Head:
        """Updating, SystemUpdating, RollingBack: at the next InService the weights are read again."""
        wanted = Split.only(head.target)
        if state.deploying is None and state.status == "Updating" and wanted.close_to(state.desired):
            accepted = head.accepted_at or self.controller.clock.now()
            message = f"The endpoint {state.name} takes over the weights: all traffic to {head.target}."
            return self._save(head, "flipping", message, accepted_at=accepted)
        what = state.status
        if state.deploying is not None:
            stopped = "it was asked to stop" if head.abort_tripped else "it has no guardrails, so nothing can stop it"
            what = f"{state.status} by the deployment of {state.deploying}: {stopped}"
        message = f"The endpoint {state.name} is {what}; the traffic goes to {head.target} at its next InService."
        return self._save(head, "pending", message)

    def _submit(self, head: Head) -> Head:
        def decide(view: View) -> Split | None:
            state = view.state
            if state is None or view.driven is None or view.driven.incident != head.incident:
                return None
            if not state.in_service or self._blocked(head, state) or state.is_all_on(head.target):
                return None
            self._latch(head, state)
            return Split.only(head.target, state.slots)

        who = head.who
        try:
            submitted = self.controller.writer.submit(
                decide, who=who, why=head.reason, incident=head.incident, alarm=head.alarm_arn
            )
        except EndpointBusy as busy:
            return self._save(head, "pending", f"{busy} The traffic goes to {head.target} at its next InService.")
        except Unwritable:
            raise
        except TrafficError as refused:
            return self._block(head, f"{refused} Follow {self.plan.runbooks}/{RUNBOOK}.")
        if submitted is None:
            return head
        fresh = self.controller.control.head() or head
        if fresh.incident != head.incident or not fresh.driven:
            return fresh
        return self._write(replace(fresh, accepted_at=submitted.accepted_at))

    def _observed(self, head: Head, state: EndpointState) -> Head:
        """The weights were read back InService: the outcome and the receipt."""
        now = self.controller.clock.now()
        accepted = head.accepted_at or now
        done = replace(head, accepted_at=accepted, observed_at=now)
        intent = self._intent(head)
        receipt = Receipt(done.receipt.api_accepted_s, done.receipt.weights_observed_s)
        if intent is None:
            self._record_unannounced(head, receipt)
        else:
            outcome = self.controller.writer.record_outcome(intent, receipt)
            if outcome is not None and outcome.error:
                return self._save(head, "pending", outcome.error)
        message = f"{head.target} has all traffic of {state.name}."
        done = self._save(head, "observed", message, accepted_at=accepted, observed_at=now)
        return self._raise_to_floor(done, state) if done.state == "observed" else done

    def _record_unannounced(self, head: Head, receipt: Receipt) -> None:
        """The outcome of a flip that could not be written down before it was made, or that somebody made by hand."""

        def compose(entries: tuple[Entry, ...]) -> Entry | None:
            state = self.controller.state()
            live = state.split
            if live is None or live.close_to(replay(entries, state.name)) or unanswered(entries, live, state.name):
                return None
            return Entry(
                "outcome", head.who, self.controller.clock.now(), head.reason, before=head.before, after=live,
                incident=head.incident, alarm=head.alarm_arn, receipt=receipt,
            )  # fmt: skip

        self.controller.ledger.append(compose)

    def _intent(self, head: Head) -> Entry | None:
        entries = self.controller.entries()
        mine = [entry for entry in entries if entry.kind == "intent" and entry.incident == head.incident]
        return mine[-1] if mine else None

    def _follow(self, head: Head, state: EndpointState) -> Head:
        """After the weights: capacity, then the traffic itself."""
        head = self._raise_to_floor(head, state)
        if head.state != "observed" or head.observed_at is None:
            return head
        if state.in_service and not state.is_all_on(head.target):
            self.controller.observe()
            return self._save(head, "closed", f"The weights were changed again after the rollback: {state.split}.")
        now = self.controller.clock.now()
        if quiet := self._quiet_minute(head, now):
            return self._save(head, "closed", f"All requests of {state.name} reach {head.target}.", traffic_at=quiet)
        if now >= head.observed_at + TRAFFIC_WAIT:
            return self._save(
                head, "closed", f"{head.target} has all traffic; no requests came by which to observe it."
            )
        return head

    def _raise_to_floor(self, head: Head, state: EndpointState) -> Head:
        slot = state.slots.get(head.target)
        if slot is None or not state.in_service or slot.desired_instances >= self.plan.floor:
            return head
        try:
            self.controller.platform.set_capacity(head.target, self.plan.floor)
        except EndpointBusy:
            return head
        except TrafficError as refused:
            note = f"The floor of {self.plan.floor} instances was not reached: {refused}"
        else:
            note = f"{head.target} is raised from {slot.desired_instances} to its floor of {self.plan.floor} instances."
        return head if note in head.notes else self._write(replace(head, notes=(*head.notes, note)))

    def _quiet_minute(self, head: Head, now: datetime) -> datetime | None:
        """The end of the first whole minute in which the target had requests and what was rolled back had none."""
        assert head.observed_at is not None
        first = head.observed_at.replace(second=0, microsecond=0) + MINUTE
        if now < first + MINUTE:
            return None
        slots = [head.target, *(slot for slot in head.rolled_back if slot != head.target)]
        try:
            seen = self.controller.platform.invocations(slots, first, now)
        except Exception:
            # Metrics are told afterwards or not at all; the weights were read back.
            return None
        for minute in sorted(seen.get(head.target, {})):
            served = seen[head.target][minute] > 0 and first <= minute <= now - MINUTE
            if served and not any(seen.get(slot, {}).get(minute, 0) for slot in head.rolled_back):
                return minute + MINUTE
        return None

    def _block(self, head: Head, reason: str) -> Head:
        return self._save(head, "blocked", reason)

    def _save(self, head: Head, state: State, message: str, **changes: Any) -> Head:
        written = replace(head, state=state, message=message, **changes)
        return head if written == head else self._write(written)

    def _write(self, head: Head) -> Head:
        """The head as written; where somebody else wrote first, theirs: the next step starts from it."""
        saved = self.controller.control.save_head(head)
        if saved is not None:
            return saved
        return self.controller.control.head() or head
