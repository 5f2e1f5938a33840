"""Runs a rollback: sends all traffic to the target variant. Each call advances it from the state that it finds.

The states are pending -> flipping -> rolled_back -> closed, or blocked, which is retried. A call first claims the
incident (run, ledger, quarantines), then takes the lease and flips the weights, so a writer that takes the lease later
sees the claim. Every step is recorded before the next one, so the next call continues after a crash.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from tidewatch.aws.cloudwatch import list_in_alarm
from tidewatch.incidents import notifications
from tidewatch.incidents.alarm_history import parse_alarm_name
from tidewatch.naming import format_command
from tidewatch.rollback import unrecorded
from tidewatch.rollback.plan import RollbackPlan
from tidewatch.rollback.repeated_request import answer_repeated_request
from tidewatch.rollback.request import RollbackRequest, RollbackResult
from tidewatch.rollback.state_machine import RollbackStateMachine
from tidewatch.traffic.backoff import Backoff
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import EndpointMissing, RecordingFailed, TrafficError, UnknownAlarm
from tidewatch.traffic.first_endpoint import has_never_served
from tidewatch.traffic.incident_replay import Incident
from tidewatch.traffic.models import EndpointState, EndpointStatus, RollbackRun
from tidewatch.traffic.out_of_band import build_incident_id

FIRST_POLL_SECONDS = 0.2
LONGEST_POLL_SECONDS = 2.0


def run_rollback(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan, deadline: datetime | None = None
) -> RollbackResult:
    """Advances the endpoint's rollback until the weights are observed or the deadline has passed.

    Without a deadline it makes one pass and never waits for the platform. A request of an alarm or an operator opens an
    incident, or attaches to the running one; a repeated delivery of an alarm returns its incident. If the plan is not
    automatic, an alarm opens nothing: people get the command, once. If nothing can be recorded, the weights are flipped
    anyway; see `tidewatch.rollback.unrecorded`.

    Raises EndpointMissing if an alarm or an operator requests a rollback and there is no endpoint, and UnknownAlarm for
    an alarm that is no guardrail of the plan.
    """
    if request.trigger == "alarm":
        _require_known_alarm(request, plan)
        if not plan.automatic:
            return _advise(request, controller, plan)
    try:
        return _run_recorded(request, controller, plan, deadline)
    except Exception as trouble:
        if isinstance(trouble, TrafficError) and not isinstance(trouble, RecordingFailed):
            raise
        if request.trigger == "alarm" and _check_stale_alarm(request, controller, plan):
            raise
        return unrecorded.flip(request, controller, plan, trouble)


def _require_known_alarm(request: RollbackRequest, plan: RollbackPlan) -> None:
    """Raises UnknownAlarm unless the alarm is a guardrail: every caller of the function can claim that one fired."""
    if parse_alarm_name(request.alarm_arn) not in plan.guardrails:
        guardrails = ", ".join(plan.guardrails) or "none"
        raise UnknownAlarm(
            f"{request.alarm_arn or 'An alarm without a name'} is not a guardrail of this stack (its guardrails: "
            f"{guardrails}): nothing was changed. Take this function out of that alarm's actions; to roll back by "
            'hand, send {"action": "rollback"}.'
        )


def _run_recorded(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan, deadline: datetime | None
) -> RollbackResult:
    if request.trigger in ("alarm", "operator"):
        claim = _claim_incident(request, controller, plan)
        if isinstance(claim, RollbackResult):
            return answer_repeated_request(request, claim, controller, plan.incidents)
        run = claim
    else:
        run = read_trusted_run(controller, plan)
        if run is None or not run.is_active:
            return _run_sweep_tasks(run, controller, plan)
    run = _advance_until_done(run, controller, plan, deadline)
    run = notifications.notify(run, controller, plan.incidents)
    sweep_result = _run_sweep_tasks(run, controller, plan) if not run.is_active else None
    result = answer_repeated_request(request, _build_result(run), controller, plan.incidents)
    return replace(result, out_of_band_incident=sweep_result.out_of_band_incident) if sweep_result else result


def read_trusted_run(controller: TrafficController, plan: RollbackPlan) -> RollbackRun | None:
    """Returns the run, unless its target is not this stack's and the ledger does not have its incident.

    Such a run was forged and is set aside. A rollback that began before its target was changed is in the ledger.
    """
    run = controller.control.read_run()
    if run is None or not run.is_active or run.target == plan.target:
        return run
    if any(
        entry.kind == "incident" and (entry.incident, entry.target) == (run.incident, run.target)
        for entry in controller.entries()
    ):
        return run
    controller.control.set_aside("run", run.to_json())
    return None


def _check_stale_alarm(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan
) -> RollbackResult | None:
    """Returns the result for an alarm that is not in ALARM now, or None if it is.

    Either somebody else made the call, or it waited for concurrency and would roll back a healthy version. If
    CloudWatch cannot be read, the alarm counts as firing.
    """
    try:
        if list_in_alarm(controller.clients.cloudwatch, [parse_alarm_name(request.alarm_arn)]):
            return None
    except Exception:
        return None
    message = f"{parse_alarm_name(request.alarm_arn)} is not in ALARM in CloudWatch: nothing was changed."
    return RollbackResult("", "no_incident", message, plan.target)


def _advise(request: RollbackRequest, controller: TrafficController, plan: RollbackPlan) -> RollbackResult:
    """Notifies people of a rollback that an alarm would have made. Leaves a running rollback and the ledger alone.

    The guardrails of such a stack notify people themselves. A call still comes if it was waiting when `up` removed the
    action from its alarm, or if somebody added this function as an action by hand: then perhaps nobody was notified.
    """
    run = read_trusted_run(controller, plan)
    if run is not None and run.is_active:
        return _build_result(run)
    if result := _check_nothing_to_do(controller.state(), controller, plan):
        return result
    advice = (
        f"{request.reason} Automatic rollback is off in this stack: to send all traffic to {plan.target}, run "
        f"`{plan.command or format_command('rollback', controller.resource_names.key)}`."
    )
    notes = notifications.notify_advice(request.alarm_arn, request.alarm_at, advice, controller, plan.incidents)
    return RollbackResult("", "advised", advice, plan.target, notes=notes)


def _advance_until_done(
    run: RollbackRun, controller: TrafficController, plan: RollbackPlan, deadline: datetime | None
) -> RollbackRun:
    wait = (deadline - controller.clock.now()).total_seconds() if deadline else 0.0
    backoff = Backoff(controller.clock, wait, FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS)
    machine = RollbackStateMachine(controller, plan)
    # Acknowledgements are read once per call, and again under the lease.
    controller.entries()
    while True:
        advanced = machine.advance(run)
        has_moved = advanced.state != run.state or advanced.incident != run.incident
        run = advanced
        is_done = run.state in ("closed", "blocked") or (run.state == "rolled_back" and not has_moved)
        if is_done or (not has_moved and (deadline is None or not backoff.wait())):
            return run


def _claim_incident(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan
) -> RollbackRun | RollbackResult:
    """Returns the run of this request's incident, new or already running, or a result if there is nothing to do."""
    while True:
        run = read_trusted_run(controller, plan)
        if earlier := _find_earlier_delivery(request, run, controller):
            return earlier
        if run is not None and run.is_active and not _is_acknowledged(run, controller):
            machine = RollbackStateMachine(controller, plan)
            advanced = machine.advance(run) if run.state == "rolled_back" else run
            if advanced.is_active:
                return advanced
            run = advanced
        state = controller.state()
        if result := _check_nothing_to_do(state, controller, plan):
            return result
        if request.trigger == "alarm" and (stale := _check_stale_alarm(request, controller, plan)):
            return stale
        saved = controller.control.save_run(_create_run(request, state, run, controller, plan))
        if saved is not None:
            return saved


def _is_acknowledged(run: RollbackRun, controller: TrafficController) -> bool:
    return any(entry.kind == "acknowledgement" and entry.incident == run.incident for entry in controller.entries())


def _find_earlier_delivery(
    request: RollbackRequest, run: RollbackRun | None, controller: TrafficController
) -> RollbackResult | RollbackRun | None:
    """Returns the incident that an alarm's delivery belongs to, or None.

    An alarm that changed its state before an incident's flip belongs to that incident, however late it is delivered.
    """
    if not request.alarm_arn or not request.alarm_at:
        return None
    if run is not None and _is_delivery_of(run, request):
        return run if run.is_active else _build_result(run)
    for entry in controller.entries():
        if entry.kind == "incident" and (entry.alarm, entry.alarm_at) == (request.alarm_arn, request.alarm_at):
            return _build_incident_result(
                controller.get_incident(entry.incident), "This delivery of the alarm was already handled."
            )
    return None


def _is_delivery_of(run: RollbackRun, request: RollbackRequest) -> bool:
    if (run.alarm_arn, run.alarm_at) == (request.alarm_arn, request.alarm_at):
        return True
    return run.observed_at is not None and _parse_time(request.alarm_at, request.requested_at) <= run.observed_at


def _parse_time(text: str, fallback: datetime) -> datetime:
    """Parses CloudWatch's `2013-03-01T12:00:00.000+0000`. Returns `fallback` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return fallback
    return moment if moment.tzinfo else fallback


def _check_nothing_to_do(
    state: EndpointState, controller: TrafficController, plan: RollbackPlan
) -> RollbackResult | None:
    if state.status == EndpointStatus.FAILED and has_never_served(state, controller.entries()):
        message = (
            f"{state.name} is Failed and has never served: there is nothing to roll back. The next `pulumi up` "
            "creates it again."
        )
        return RollbackResult("", "no_incident", message, plan.target)
    is_idle = (
        state.status in (EndpointStatus.IN_SERVICE, EndpointStatus.UPDATING, EndpointStatus.SYSTEM_UPDATING)
        and state.deploying_config is None
    )
    if not (is_idle and state.is_all_on(plan.target)):
        return None
    open_incidents = [incident for incident in controller.open_incidents() if incident.target == plan.target]
    if open_incidents:
        return _build_incident_result(
            open_incidents[-1], f"{plan.target} already has all traffic: incident {open_incidents[-1].id} is open."
        )
    message = (
        f"{plan.target} already has all traffic of {state.name}, and no deployment is running: there is nothing "
        "to roll back."
    )
    return RollbackResult("", "no_incident", message, plan.target)


def _create_run(
    request: RollbackRequest,
    state: EndpointState,
    previous: RollbackRun | None,
    controller: TrafficController,
    plan: RollbackPlan,
) -> RollbackRun:
    distinct = (request.alarm_arn, request.alarm_at) if request.alarm_arn else (uuid.uuid4().hex,)
    return RollbackRun(
        incident=build_incident_id(controller.resource_names.key, request.requested_at, *distinct),
        state="pending",
        target=plan.target,
        requested_at=request.requested_at,
        trigger=request.trigger,
        who="rollback" if request.trigger == "alarm" else "operator",
        reason=request.reason,
        requested_by=request.requested_by,
        alarm_arn=request.alarm_arn,
        alarm_at=request.alarm_at,
        before=state.split,
        # This run has to reset the abort alarm if the previous one did not.
        abort_tripped=previous.abort_tripped if previous else False,
        message=f"Claimed; {state.name} is {state.status}.",
        revision=previous.revision if previous else 0,
    )


def _run_sweep_tasks(run: RollbackRun | None, controller: TrafficController, plan: RollbackPlan) -> RollbackResult:
    """Does what remains without a running rollback: notifies, finds out-of-band changes, undoes abandoned drains."""
    if run is not None:
        run = notifications.notify(run, controller, plan.incidents)
    try:
        found = controller.detect_out_of_band()
    except EndpointMissing as missing:
        return RollbackResult("", "no_incident", str(missing), plan.target)
    except TrafficError as trouble:
        return RollbackResult("", "no_incident", str(trouble), plan.target)
    notes = (*notifications.notify_out_of_band(controller, plan.incidents), *_finish_abandoned_drain(controller))
    if found is None:
        return RollbackResult("", "no_incident", "No rollback is under way.", plan.target, notes=notes)
    return RollbackResult("", "no_incident", found.reason, plan.target, notes=notes, out_of_band_incident=found.id)


def _finish_abandoned_drain(controller: TrafficController) -> tuple[str, ...]:
    """Advances an abandoned drain by one step. Returns its error, which the next sweep retries."""
    try:
        controller.finish_abandoned_drain()
    except TrafficError as trouble:
        return (str(trouble),)
    return ()


def _build_result(run: RollbackRun) -> RollbackResult:
    return RollbackResult(run.incident, run.state, run.message, run.target, run.receipt, run.notes)


def _build_incident_result(incident: Incident, message: str) -> RollbackResult:
    return RollbackResult(incident.id, incident.state, message, incident.target, incident.receipt)
