"""The steps of a rollback for each status of the endpoint and each state of the run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tidewatch.rollback.plan import RollbackPlan
from tidewatch.traffic.alarm_api import set_alarm_state
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import EndpointBusy, EndpointMissing, RecordingFailed, TrafficError
from tidewatch.traffic.incident_replay import TrafficSnapshot, build_quarantine, find_quarantine, replay_quarantines
from tidewatch.traffic.ledger import LedgerEntry, replay_split
from tidewatch.traffic.models import DeployedModel, EndpointState, EndpointStatus, Receipt, RollbackRun, RunState
from tidewatch.traffic.out_of_band import find_pending_intent
from tidewatch.traffic.split import Split

BLOCKED_RUNBOOK = "rollback-blocked.md"
TRAFFIC_WAIT = timedelta(minutes=15)
"""How long after the flip a run waits for requests that prove it."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class RollbackStateMachine:
    """Advances a run by one step. Each step is written to the run before it returns."""

    controller: TrafficController
    plan: RollbackPlan
    _models_by_config: dict[str, dict[str, DeployedModel]] = field(default_factory=dict[str, dict[str, DeployedModel]])

    def advance(self, run: RollbackRun) -> RollbackRun:
        """Returns the run after one step, or the one that another call wrote meanwhile; unchanged if it has to wait."""
        self._record_incident(run)
        if run.state in ("pending", "flipping", "blocked") and self._is_acknowledged(run):
            return self._close_acknowledged(run)
        try:
            state = self.controller.state()
        except EndpointMissing as missing:
            return self._block(run, str(missing))
        run = self._quarantine_variants(run, state)
        run = self._stop_deployment(run, state)
        return self._follow_traffic(run, state) if run.state == "rolled_back" else self._flip_weights(run, state)

    def _close_acknowledged(self, run: RollbackRun) -> RollbackRun:
        if run.abort_tripped:
            self._set_abort_alarm("OK", f"Incident {run.incident} was acknowledged.")
        message = "The incident was acknowledged before the weights changed: the rollback stops here."
        return self._save(run, "closed", message, abort_tripped=False)

    def _record_incident(self, run: RollbackRun) -> None:
        """Appends the incident's entry exactly once: an earlier call may have died after it claimed the run."""

        def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
            if any(entry.kind == "incident" and entry.incident == run.incident for entry in entries):
                return None
            why = run.reason + (f" (by {run.requested_by})" if run.requested_by else "")
            return LedgerEntry(
                "incident", run.who, run.requested_at, why, before=run.before, target=run.target,
                incident=run.incident, alarm=run.alarm_arn, alarm_at=run.alarm_at,
            )  # fmt: skip

        self.controller.ledger.append(compose, use_cache=True)

    def _is_acknowledged(self, run: RollbackRun) -> bool:
        entries = self.controller.ledger.cached_entries
        return any(entry.kind == "acknowledgement" and entry.incident == run.incident for entry in entries)

    def _quarantine_variants(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        """Quarantines, once each, what the variants other than the target serve, but never what the target holds.

        If no other variant serves any more, because the flip could not be recorded, it quarantines what served at the
        time of the request.
        """
        bad_variants = sorted(state.serving - {run.target})
        if not bad_variants and run.before is not None and not run.rolled_back_variants:
            bad_variants = sorted((run.before.serving - {run.target}) & state.variants.keys())
        if run.state == "rolled_back" or not bad_variants:
            return run
        models = self._read_models(state)
        notes = run.notes
        for variant in bad_variants:
            quarantine = build_quarantine(variant, state.config, models, run.incident, run.target)
            if quarantine is None:
                note = (
                    f"{variant} holds the same model as {run.target}: it was rolled back, but nothing was quarantined."
                )
                notes = notes if note in notes else (*notes, note)
                continue
            if not (quarantine.artifact or quarantine.content):
                note = (
                    f"No record shows which model {variant} held: the variant is quarantined in {state.config}, "
                    "not its artifact."
                )
                notes = notes if note in notes else (*notes, note)
            entry = LedgerEntry(
                "quarantine", run.who, self.controller.clock.now(), run.reason, incident=run.incident, variant=variant,
                artifact=quarantine.artifact, image=quarantine.image, content=quarantine.content, config=state.config,
            )  # fmt: skip
            self.controller.ledger.append(
                lambda entries, quarantine=quarantine, entry=entry: (
                    None if quarantine in replay_quarantines(entries) else entry
                ),
                use_cache=True,
            )
        rolled_back_variants = tuple(sorted({*run.rolled_back_variants, *bad_variants}))
        if (rolled_back_variants, notes) == (run.rolled_back_variants, run.notes):
            return run
        return self._write(replace(run, rolled_back_variants=rolled_back_variants, notes=notes))

    def _stop_deployment(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        """Trips the abort alarm while a deployment runs, and resets it afterwards."""
        if not self.plan.abort_alarm:
            return run
        is_deploying = state.deploying_config is not None or state.status == EndpointStatus.ROLLING_BACK
        if (
            state.deploying_config is not None
            and run.state != "rolled_back"
            and state.deploying_variants == frozenset(state.variants)
        ):
            if not run.abort_tripped:
                # Recorded first: an alarm that nobody resets would stop every later deployment.
                run = self._write(replace(run, abort_tripped=True))
            self._set_abort_alarm(
                "ALARM", f"The rollback of incident {run.incident} stops the deployment of {state.deploying_config}."
            )
        elif run.abort_tripped and not is_deploying:
            self._set_abort_alarm("OK", f"The deployment that incident {run.incident} stopped has ended.")
            run = self._write(replace(run, abort_tripped=False))
        return run

    def _set_abort_alarm(self, value: str, reason: str) -> None:
        set_alarm_state(self.controller.clients.cloudwatch, self.plan.abort_alarm, value, reason)

    def _flip_weights(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        """Flips the weights, or waits or blocks, depending on the endpoint's status."""
        if reason := self._find_blocker(run, state):
            return self._block(run, reason)
        if not state.is_in_service:
            return self._wait_for_in_service(run, state)
        if state.is_all_on(run.target):
            return self._confirm_flip(run, state)
        if run.state != "flipping":
            run = self._save(run, "flipping", f"All traffic of {state.name} is sent to {run.target}.")
            if run.state != "flipping":
                return run
        return self._submit_flip(run)

    def _find_blocker(self, run: RollbackRun, state: EndpointState) -> str:
        where = f"The endpoint {state.name}"
        if state.status.is_not_serving:
            why = f" ({state.failure_reason})" if state.failure_reason else ""
            return (
                f"{where} is {state.status}{why}: its weights cannot be changed. Follow "
                f"{self.plan.incidents.runbooks}/{BLOCKED_RUNBOOK}."
            )
        if run.target not in state.variants:
            variants = ", ".join(sorted(state.variants)) or "none"
            return (
                f"{where} has no variant {run.target} (its variants: {variants}): there is nothing to roll back to. "
                f"Follow {self.plan.incidents.runbooks}/{BLOCKED_RUNBOOK}."
            )
        if state.variants[run.target].instances < 1:
            return (
                f"Variant {run.target} of {state.name} has no instance, so the traffic stays where it is. Follow "
                f"{self.plan.incidents.runbooks}/{BLOCKED_RUNBOOK}."
            )
        if quarantine := find_quarantine(
            run.target,
            self._read_models(state).get(run.target),
            replay_quarantines(self.controller.ledger.cached_entries),
            state.config,
        ):
            return (
                f"Variant {run.target} of {state.name} holds {quarantine}, which incident {quarantine.incident} "
                "rolled back. "
                f"Follow {self.plan.incidents.runbooks}/{BLOCKED_RUNBOOK}."
            )
        return ""

    def _read_models(self, state: EndpointState) -> dict[str, DeployedModel]:
        if state.config not in self._models_by_config:
            self._models_by_config[state.config] = self.controller.control.read_models(state.config) or {}
        return self._models_by_config[state.config]

    def _wait_for_in_service(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        """Waits in Updating, SystemUpdating and RollingBack; at the next InService the weights are read again."""
        target_split = Split.from_single_variant(run.target)
        if (
            state.deploying_config is None
            and state.status == EndpointStatus.UPDATING
            and target_split.is_close_to(state.desired_split)
        ):
            accepted = run.accepted_at or self.controller.clock.now()
            message = f"The endpoint {state.name} is applying the weights: all traffic to {run.target}."
            return self._save(run, "flipping", message, accepted_at=accepted)
        status_text = state.status
        if state.deploying_config is not None:
            stop_text = "it was asked to stop" if run.abort_tripped else "it has no guardrails, so it cannot be stopped"
            status_text = f"{state.status} by the deployment of {state.deploying_config}: {stop_text}"
        message = f"The endpoint {state.name} is {status_text}; the traffic goes to {run.target} at its next InService."
        return self._save(run, "pending", message)

    def _submit_flip(self, run: RollbackRun) -> RollbackRun:
        def decide(snapshot: TrafficSnapshot) -> Split | None:
            state = snapshot.state
            if state is None or snapshot.active_run is None or snapshot.active_run.incident != run.incident:
                return None
            if not state.is_in_service or self._find_blocker(run, state) or state.is_all_on(run.target):
                return None
            self._quarantine_variants(run, state)
            return Split.from_single_variant(run.target, state.variants)

        who = run.who
        try:
            submitted = self.controller.writer.submit(
                decide, who=who, why=run.reason, incident=run.incident, alarm=run.alarm_arn
            )
        except EndpointBusy as busy:
            return self._save(run, "pending", f"{busy} The traffic goes to {run.target} at its next InService.")
        except RecordingFailed:
            raise
        except TrafficError as error:
            return self._block(run, f"{error} Follow {self.plan.incidents.runbooks}/{BLOCKED_RUNBOOK}.")
        if submitted is None:
            return run
        latest = self.controller.control.read_run() or run
        if latest.incident != run.incident or not latest.is_active:
            return latest
        return self._write(replace(latest, accepted_at=submitted.accepted_at))

    def _confirm_flip(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        """Records the outcome and the receipt of weights that were read back while the endpoint is InService."""
        now = self.controller.clock.now()
        accepted = run.accepted_at or now
        confirmed = replace(run, accepted_at=accepted, observed_at=now)
        intent = self._find_intent(run)
        receipt = Receipt(confirmed.receipt.api_accepted_s, confirmed.receipt.weights_observed_s)
        if intent is None:
            self._record_unrecorded_flip(run, receipt)
        else:
            outcome = self.controller.writer.record_outcome(intent, receipt)
            if outcome is not None and outcome.error:
                return self._save(run, "pending", outcome.error)
        message = f"{run.target} has all traffic of {state.name}."
        confirmed = self._save(run, "rolled_back", message, accepted_at=accepted, observed_at=now)
        return self._raise_to_floor(confirmed, state) if confirmed.state == "rolled_back" else confirmed

    def _record_unrecorded_flip(self, run: RollbackRun, receipt: Receipt) -> None:
        """Appends the outcome of a flip that was made by hand or could not be recorded before it was made."""

        def compose(entries: tuple[LedgerEntry, ...]) -> LedgerEntry | None:
            state = self.controller.state()
            live = state.split
            if (
                live is None
                or live.is_close_to(replay_split(entries, state.name))
                or find_pending_intent(entries, live, state.name)
            ):
                return None
            return LedgerEntry(
                "outcome", run.who, self.controller.clock.now(), run.reason, before=run.before, after=live,
                incident=run.incident, alarm=run.alarm_arn, receipt=receipt,
            )  # fmt: skip

        self.controller.ledger.append(compose)

    def _find_intent(self, run: RollbackRun) -> LedgerEntry | None:
        entries = self.controller.entries()
        intents = [entry for entry in entries if entry.kind == "intent" and entry.incident == run.incident]
        return intents[-1] if intents else None

    def _follow_traffic(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        """Raises the capacity to the floor, then looks for traffic."""
        run = self._raise_to_floor(run, state)
        if run.state != "rolled_back" or run.observed_at is None:
            return run
        if state.is_in_service and not state.is_all_on(run.target):
            self.controller.detect_out_of_band()
            message = (
                f"{run.target} had all traffic of {state.name}. The weights were changed again after the rollback: "
                f"{state.split}."
            )
            return self._save(run, "closed", message)
        now = self.controller.clock.now()
        if clean_minute := self._find_clean_minute(run, now):
            return self._save(
                run, "closed", f"All requests of {state.name} reach {run.target}.", traffic_at=clean_minute
            )
        if now >= run.observed_at + TRAFFIC_WAIT:
            return self._save(run, "closed", f"{run.target} has all traffic; no requests arrived to confirm it.")
        return run

    def _raise_to_floor(self, run: RollbackRun, state: EndpointState) -> RollbackRun:
        variant = state.variants.get(run.target)
        if variant is None or not state.is_in_service or variant.desired_instances >= self.plan.floor:
            return run
        try:
            self.controller.platform.set_capacity(run.target, self.plan.floor)
        except EndpointBusy:
            return run
        except TrafficError as error:
            note = f"The floor of {self.plan.floor} instances was not reached: {error}"
        else:
            note = (
                f"{run.target} is scaled from {variant.desired_instances} to its floor of {self.plan.floor} instances."
            )
        return run if note in run.notes else self._write(replace(run, notes=(*run.notes, note)))

    def _find_clean_minute(self, run: RollbackRun, now: datetime) -> datetime | None:
        """Returns the end of the first full minute with requests to the target and none to a rolled-back variant."""
        assert run.observed_at is not None
        first_minute = run.observed_at.replace(second=0, microsecond=0) + MINUTE
        if now < first_minute + MINUTE:
            return None
        variants = [run.target, *(variant for variant in run.rolled_back_variants if variant != run.target)]
        try:
            request_counts = self.controller.platform.read_invocations(variants, first_minute, now)
        except Exception:
            # Metrics come later or not at all; the weights were read back already.
            return None
        for minute in sorted(request_counts.get(run.target, {})):
            is_served = request_counts[run.target][minute] > 0 and first_minute <= minute <= now - MINUTE
            if is_served and not any(
                request_counts.get(variant, {}).get(minute, 0) for variant in run.rolled_back_variants
            ):
                return minute + MINUTE
        return None

    def _block(self, run: RollbackRun, reason: str) -> RollbackRun:
        return self._save(run, "blocked", reason)

    def _save(self, run: RollbackRun, state: RunState, message: str, **changes: Any) -> RollbackRun:
        updated = replace(run, state=state, message=message, **changes)
        return run if updated == run else self._write(updated)

    def _write(self, run: RollbackRun) -> RollbackRun:
        """Returns the run as written, or the present one if another call wrote first: the next step starts from it."""
        saved = self.controller.control.save_run(run)
        if saved is not None:
            return saved
        return self.controller.control.read_run() or run
