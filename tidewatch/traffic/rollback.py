"""The rollback: all traffic to the target slot, driven one step further by every call, from whatever it finds.

pending -> flipping -> observed -> closed, or blocked, which is tried again. The incident is claimed first (head,
ledger, latches), then the lease is taken and the weights flipped, so a writer that takes the lease afterwards sees the
claim.
Every step is written down before the next: a call that dies anywhere is continued by the next one.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from tidewatch.traffic import telling, unrecorded
from tidewatch.traffic.alarm_states import alarm_name
from tidewatch.traffic.alarms import in_alarm
from tidewatch.traffic.beginning import never_served
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import EndpointMissing, TrafficError, UnknownAlarm, Unwritable
from tidewatch.traffic.head import Head
from tidewatch.traffic.incidents import Incident
from tidewatch.traffic.observing import incident_id
from tidewatch.traffic.plan import RollbackPlan
from tidewatch.traffic.request import RollbackRequest, RollbackResult
from tidewatch.traffic.steps import Steps
from tidewatch.traffic.values import EndpointState
from tidewatch.traffic.waiting import Backoff

FIRST_POLL_SECONDS = 0.2
LONGEST_POLL_SECONDS = 2.0


def drive(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan, deadline: datetime | None = None
) -> RollbackResult:
    """Drives the endpoint's rollback as far as it goes: until the weights are observed, or the deadline has passed.

    Without a deadline it makes one pass and never waits for the platform. A request of an alarm or an operator opens an
    incident, or attaches to the one that is being driven; an alarm that was delivered before gets its incident back.
    Where the plan is not automatic, an alarm opens nothing: people are told the command, once.
    Where nothing can be written down, the weights are flipped all the same, see `tidewatch.traffic.unrecorded`.
    Raises EndpointMissing where there is nothing to roll back, for an alarm and an operator; UnknownAlarm for an alarm
    that is no guardrail of the plan.
    """
    if request.trigger == "alarm":
        _refuse_stranger(request, plan)
        if not plan.automatic:
            return _advise(request, controller, plan)
    try:
        return _drive_recorded(request, controller, plan, deadline)
    except Exception as trouble:
        if isinstance(trouble, TrafficError) and not isinstance(trouble, Unwritable):
            raise
        if request.trigger == "alarm" and _over(request, controller, plan):
            raise
        return unrecorded.flip(request, controller, plan, trouble)


def _refuse_stranger(request: RollbackRequest, plan: RollbackPlan) -> None:
    """Whoever may call the function can say that an alarm fired: only what guards this stack is asked about."""
    if alarm_name(request.alarm_arn) not in plan.guardrails:
        known = ", ".join(plan.guardrails) or "none"
        raise UnknownAlarm(
            f"{request.alarm_arn or 'An alarm without a name'} is no guardrail of this stack (those are {known}): "
            "nothing was changed. Take this function out of that alarm's actions; to roll back by hand, send "
            '{"action": "rollback"}.'
        )


def _drive_recorded(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan, deadline: datetime | None
) -> RollbackResult:
    if request.trigger in ("alarm", "operator"):
        answer = _claim(request, controller, plan)
        if isinstance(answer, RollbackResult):
            return answer
        head = answer
    else:
        head = believed(controller, plan)
        if head is None or not head.driven:
            return _watch(head, controller, plan)
    head = _drive(head, controller, plan, deadline)
    head = telling.tell(head, controller, plan)
    watched = _watch(head, controller, plan) if not head.driven else None
    result = _result(head)
    return replace(result, observed_incident=watched.observed_incident) if watched else result


def believed(controller: TrafficController, plan: RollbackPlan) -> Head | None:
    """The head, unless it sends traffic where this stack does not roll back to and its incident is in no ledger.

    Such a one was forged: it is set aside. A rollback that was begun before its target moved is in the ledger.
    """
    head = controller.control.head()
    if head is None or not head.driven or head.target == plan.target:
        return head
    if any(
        e.kind == "incident" and (e.incident, e.target) == (head.incident, head.target) for e in controller.entries()
    ):
        return head
    controller.control.set_aside("head", head.to_json())
    return None


def _over(request: RollbackRequest, controller: TrafficController, plan: RollbackPlan) -> RollbackResult | None:
    """What to answer an alarm that is not in ALARM now: it was not the alarm that called, or its call waited for
    concurrency and would roll back a version that is well. Where CloudWatch cannot tell, it is not over."""
    try:
        if in_alarm(controller.clients.cloudwatch, [alarm_name(request.alarm_arn)]):
            return None
    except Exception:
        return None
    message = f"{alarm_name(request.alarm_arn)} is not in ALARM as CloudWatch has it: nothing was changed."
    return RollbackResult("", "nothing", message, plan.target)


def _advise(request: RollbackRequest, controller: TrafficController, plan: RollbackPlan) -> RollbackResult:
    """Says what an alarm would have done. A rollback under way goes on without it; the ledger hears nothing of it.

    The guardrails of such a stack tell people themselves. A call still comes if it was waiting when `up` took the
    action from its alarm, or if somebody made this function an action by hand: then perhaps nobody was told.
    """
    head = believed(controller, plan)
    if head is not None and head.driven:
        return _result(head)
    if settled := _nothing_to_do(controller.state(), controller, plan):
        return settled
    advice = (
        f"{request.reason} Nothing rolls back by itself in this stack: traffic to {plan.target} is for you to decide, "
        f"by `{plan.command or 'tidewatch rollback'}`."
    )
    notes = telling.tell_advice(request.alarm_arn, request.alarm_at, advice, controller, plan)
    return RollbackResult("", "advised", advice, plan.target, notes=notes)


def _drive(head: Head, controller: TrafficController, plan: RollbackPlan, deadline: datetime | None) -> Head:
    wait = (deadline - controller.clock.now()).total_seconds() if deadline else 0.0
    backoff = Backoff(controller.clock, wait, FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS)
    steps = Steps(controller, plan)
    # An acknowledgement is looked for once a call, and again under the lease.
    controller.entries()
    while True:
        written = steps.advance(head)
        moved = written.state != head.state or written.incident != head.incident
        head = written
        done = head.state in ("closed", "blocked") or (head.state == "observed" and not moved)
        if done or (not moved and (deadline is None or not backoff.wait())):
            return head


def _claim(request: RollbackRequest, controller: TrafficController, plan: RollbackPlan) -> Head | RollbackResult:
    """The head of this request's incident, ours or one that others drive; a result where there is nothing to drive."""
    while True:
        head = believed(controller, plan)
        if repeated := _delivered_before(request, head, controller):
            return repeated
        if head is not None and head.driven and not _acknowledged(head, controller):
            steps = Steps(controller, plan)
            followed = steps.advance(head) if head.state == "observed" else head
            if followed.driven:
                return followed
            head = followed
        state = controller.state()
        if settled := _nothing_to_do(state, controller, plan):
            return settled
        if request.trigger == "alarm" and (over := _over(request, controller, plan)):
            return over
        claimed = controller.control.save_head(_new_head(request, state, head, controller, plan))
        if claimed is not None:
            return claimed


def _acknowledged(head: Head, controller: TrafficController) -> bool:
    return any(entry.kind == "acknowledgement" and entry.incident == head.incident for entry in controller.entries())


def _delivered_before(
    request: RollbackRequest, head: Head | None, controller: TrafficController
) -> RollbackResult | Head | None:
    """An alarm whose state change lies before the flip of an incident belongs to it, however late it is delivered."""
    if not request.alarm_arn or not request.alarm_at:
        return None
    if head is not None and _covers(head, request):
        return head if head.driven else _result(head)
    for entry in controller.entries():
        if entry.kind == "incident" and (entry.alarm, entry.alarm_at) == (request.alarm_arn, request.alarm_at):
            return _of_incident(controller.incident(entry.incident), "This delivery of the alarm was answered before.")
    return None


def _covers(head: Head, request: RollbackRequest) -> bool:
    if (head.alarm_arn, head.alarm_at) == (request.alarm_arn, request.alarm_at):
        return True
    return head.observed_at is not None and _moment(request.alarm_at, request.requested_at) <= head.observed_at


def _moment(text: str, otherwise: datetime) -> datetime:
    """CloudWatch writes `2013-03-01T12:00:00.000+0000`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else otherwise


def _nothing_to_do(state: EndpointState, controller: TrafficController, plan: RollbackPlan) -> RollbackResult | None:
    if state.status == "Failed" and never_served(state, controller.entries()):
        message = (
            f"{state.name} is Failed and has never served: there is nothing to roll back. "
            "The next `pulumi up` makes it again."
        )
        return RollbackResult("", "nothing", message, plan.target)
    calm = state.status in ("InService", "Updating", "SystemUpdating") and state.deploying is None
    if not (calm and state.is_all_on(plan.target)):
        return None
    opened = [one for one in controller.incidents() if one.target == plan.target]
    if opened:
        return _of_incident(opened[-1], f"{plan.target} has all traffic already: incident {opened[-1].id} is open.")
    message = (
        f"{plan.target} has all traffic of {state.name} and no deployment is running: there is nothing to roll back."
    )
    return RollbackResult("", "nothing", message, plan.target)


def _new_head(
    request: RollbackRequest, state: EndpointState, last: Head | None, controller: TrafficController, plan: RollbackPlan
) -> Head:
    distinct = (request.alarm_arn, request.alarm_at) if request.alarm_arn else (uuid.uuid4().hex,)
    return Head(
        incident=incident_id(controller.place.key, request.requested_at, *distinct),
        state="pending",
        target=plan.target,
        requested_at=request.requested_at,
        trigger=request.trigger,
        who="rollback" if request.trigger == "alarm" else "operator",
        reason=request.reason,
        by=request.by,
        alarm_arn=request.alarm_arn,
        alarm_at=request.alarm_at,
        before=state.split,
        # What the last one left of the abort alarm is ours to put back.
        abort_tripped=last.abort_tripped if last else False,
        message=f"Claimed; {state.name} is {state.status}.",
        revision=last.revision if last else 0,
    )


def _watch(head: Head | None, controller: TrafficController, plan: RollbackPlan) -> RollbackResult:
    """Nothing to drive: what is left to tell is told, a change of traffic that nobody announced is found, and a drain
    that its writer left behind is undone."""
    if head is not None:
        head = telling.tell(head, controller, plan)
    try:
        found = controller.observe()
    except EndpointMissing as missing:
        return RollbackResult("", "nothing", str(missing), plan.target)
    except TrafficError as trouble:
        return RollbackResult("", "nothing", str(trouble), plan.target)
    notes = (*telling.tell_observed(controller, plan), *_settled(controller))
    if found is None:
        return RollbackResult("", "nothing", "No rollback is under way.", plan.target, notes=notes)
    return RollbackResult("", "nothing", found.reason, plan.target, notes=notes, observed_incident=found.id)


def _settled(controller: TrafficController) -> tuple[str, ...]:
    """Takes a drain that its writer left behind one step further; what keeps it from that is for the next sweep."""
    try:
        controller.settle_left()
    except TrafficError as trouble:
        return (str(trouble),)
    return ()


def _result(head: Head) -> RollbackResult:
    return RollbackResult(head.incident, head.state, head.message, head.target, head.receipt, head.notes)


def _of_incident(incident: Incident, message: str) -> RollbackResult:
    return RollbackResult(incident.id, incident.state, message, incident.target, incident.receipt)


__all__ = ["RollbackPlan", "RollbackRequest", "RollbackResult", "drive"]
