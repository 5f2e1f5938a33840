"""The rollback if nothing can be recorded: it flips the weights first, and a later call records them.

Claim, ledger, lease and intent keep writers apart. While the tables take none of them, no other writer can do anything
either, and users suffer as long as the weights stay.
"""

from __future__ import annotations

from contextlib import suppress

from tidewatch.aws.errors import summarize_error
from tidewatch.incidents import notifications
from tidewatch.rollback.plan import RollbackPlan
from tidewatch.rollback.request import RollbackRequest, RollbackResult
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.incident_replay import find_quarantine
from tidewatch.traffic.models import EndpointState, Receipt
from tidewatch.traffic.split import Split


def flip(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan, cause: Exception
) -> RollbackResult:
    """Sends all traffic to the target without a record in the tables, and notifies people of the reason.

    Once a sweep can write again, it continues the incident if it was claimed; otherwise it finds an out-of-band change,
    which is an incident too. Raises `cause` if nobody requested a rollback, or if the target cannot take the traffic
    now or has all of it.
    """
    state = controller.state()
    is_requested = request.trigger in ("alarm", "operator") or _is_run_active(controller, plan)
    if (
        not is_requested
        or not state.is_in_service
        or state.is_all_on(plan.target)
        or not _can_take_traffic(state, controller, plan)
    ):
        _notify_active_run(controller, plan)
        raise cause
    controller.platform.set_weights(Split.from_single_variant(plan.target, state.variants))
    accepted = (controller.clock.now() - request.requested_at).total_seconds()
    message = (
        f"All traffic of {state.name} is sent to {plan.target}, but the change could not be recorded "
        f"({summarize_error(cause)}): it enters the ledger once the tables can be written again."
    )
    notes = notifications.notify_unrecorded_flip(request.reason, message, controller, plan.incidents)
    return RollbackResult("", "flipping", message, plan.target, Receipt(accepted), notes)


def _notify_active_run(controller: TrafficController, plan: RollbackPlan) -> None:
    """Notifies people of the running rollback before the call fails."""
    with suppress(Exception):
        run = controller.control.read_run()
        if run is not None and run.is_active and run.target == plan.target:
            notifications.notify(run, controller, plan.incidents)


def _is_run_active(controller: TrafficController, plan: RollbackPlan) -> bool:
    """Whether a rollback to the plan's target is running and its incident is open, as far as that can be read."""
    try:
        run = controller.control.read_run()
        if run is None or run.state not in ("pending", "flipping") or run.target != plan.target:
            return False
        return controller.get_incident(run.incident).is_open
    except Exception:
        return False


def _can_take_traffic(state: EndpointState, controller: TrafficController, plan: RollbackPlan) -> bool:
    """Whether the target has an instance and is not quarantined. Unreadable records do not count against it."""
    variant = state.variants.get(plan.target)
    if variant is None or variant.instances < 1:
        return False
    try:
        models = controller.control.read_models(state.config) or {}
        return find_quarantine(plan.target, models.get(plan.target), controller.quarantines(), state.config) is None
    except Exception:
        return True
