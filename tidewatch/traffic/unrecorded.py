"""The rollback where nothing can be written down: the weights come first, the records by a later call.

Claim, ledger, lease and intent keep writers from each other's way. Where the tables take none of them, no other writer
gets any further either, and users are hurt for as long as the weights stay.
"""

from __future__ import annotations

from contextlib import suppress

from tidewatch.items import described
from tidewatch.traffic import telling
from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.incidents import latched_by
from tidewatch.traffic.plan import RollbackPlan
from tidewatch.traffic.request import RollbackRequest, RollbackResult
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Receipt


def flip(
    request: RollbackRequest, controller: TrafficController, plan: RollbackPlan, trouble: Exception
) -> RollbackResult:
    """Sends all traffic to the target without a word in the tables, and tells people why.

    A sweep that can write again goes on with the incident, if it was claimed; otherwise it finds a change that nobody
    announced, which is an incident too. Raises `trouble` where nobody asks for a rollback, and where the target cannot
    take the traffic now or has it.
    """
    state = controller.state()
    asked = request.trigger in ("alarm", "operator") or _under_way(controller, plan)
    if not asked or not state.in_service or state.is_all_on(plan.target) or not _fit(state, controller, plan):
        _tell(controller, plan)
        raise trouble
    controller.platform.set_weights(Split.only(plan.target, state.slots))
    accepted = (controller.clock.now() - request.requested_at).total_seconds()
    message = (
        f"All traffic of {state.name} is sent to {plan.target}, and nothing could be written down "
        f"({described(trouble)}): the ledger hears of it once its tables can be written again."
    )
    notes = telling.tell_unrecorded(request, message, controller, plan)
    return RollbackResult("", "flipping", message, plan.target, Receipt(accepted), notes)


def _tell(controller: TrafficController, plan: RollbackPlan) -> None:
    """What is under way is told before the call fails, if it was not."""
    with suppress(Exception):
        head = controller.control.head()
        if head is not None and head.driven and head.target == plan.target:
            telling.tell(head, controller, plan)


def _under_way(controller: TrafficController, plan: RollbackPlan) -> bool:
    """Whether a rollback is under way, as far as it can be read; no forged one, and none that was given up."""
    try:
        head = controller.control.head()
        if head is None or head.state not in ("pending", "flipping") or head.target != plan.target:
            return False
        return controller.incident(head.incident).open
    except Exception:
        return False


def _fit(state: EndpointState, controller: TrafficController, plan: RollbackPlan) -> bool:
    """Whether the target can take the traffic, and is not what was rolled back before, as far as that can be read."""
    slot = state.slots.get(plan.target)
    if slot is None or slot.instances < 1:
        return False
    try:
        held = controller.control.held(state.config) or {}
        return latched_by(plan.target, held.get(plan.target), controller.latches(), state.config) is None
    except Exception:
        return True
