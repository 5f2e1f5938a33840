"""What an `up` would meet on its way, asked before its first step: a preview refuses what `up` would refuse midway.

Every rule here is the one that the step itself asks when it comes to it; only the state it is asked about is foreseen.
What nobody can know before (whether AWS has instances, whether an alarm fires meanwhile) stays an error of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tidewatch.traffic import gate
from tidewatch.traffic.deployment import refuse_driven, refuse_joining, refuse_unusable_for_update
from tidewatch.traffic.drain import drained
from tidewatch.traffic.errors import Refused
from tidewatch.traffic.gate import View
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState, Held, SlotState
from tidewatch.traffic.writer import refuse_unusable


@dataclass(frozen=True)
class Wish:
    """What is declared, and which of it is to be done.

    deploys: another configuration comes live. moves: the declared split is another. settles: a split is to be brought
    about that was declared before. instances: the counts that are changed on the way.
    """

    declared: Split
    held: Mapping[str, Held]
    champion: str = ""
    deploys: bool = False
    moves: bool = False
    settles: bool = False
    instances: Mapping[str, int] = field(default_factory=dict[str, int])


def refuse(
    view: View,
    wish: Wish,
    live_held: Mapping[str, Held],
    guardrails: Mapping[str, str],
    alarmed: Callable[[], frozenset[str]],
    barred: frozenset[str] = frozenset(),
) -> None:
    """Raises the TrafficError that a step of this `up` would raise. Without an endpoint there is nothing to foresee.

    barred: the slots whose model an open incident keeps from serving.
    """
    state = view.state
    if state is None or state.split is None:
        return
    replaced = _replaced(wish.held, live_held)
    if wish.deploys:
        emptied = (replaced & state.slots.keys()) | (state.slots.keys() - wish.held.keys())
        _refuse_deployment(view, state, wish)
        state = _after(state, wish, _drained(view, state, emptied, wish, guardrails, alarmed, barred))
    settles = wish.settles or (wish.deploys and (bool(replaced) or wish.held.keys() != live_held.keys()))
    if not wish.moves and (not settles or view.open):
        return
    if wish.declared.close_to(state.split):
        return
    # A deployment mends what a change of weights cannot.
    if not wish.deploys:
        refuse_unusable(state)
    gate.refuse_latched(view, wish.declared.serving, wish.held)
    gate.refuse_unfit(wish.declared, _counted(state, wish.instances), wish.held)
    gate.refuse_alarmed(gate.raised(wish.declared, state.split), guardrails, alarmed())


def _replaced(held: Mapping[str, Held], live_held: Mapping[str, Held]) -> frozenset[str]:
    return frozenset(slot for slot in held.keys() & live_held.keys() if not held[slot].same_model(live_held[slot]))


def _refuse_deployment(view: View, state: EndpointState, wish: Wish) -> None:
    refuse_unusable_for_update(state)
    refuse_driven(view)
    # A configuration starts with everything on the champion.
    refuse_joining(view, state, frozenset({wish.champion}) & (wish.held.keys() - state.slots.keys()), wish.held)


def _drained(
    view: View,
    state: EndpointState,
    slots: frozenset[str],
    wish: Wish,
    guardrails: Mapping[str, str],
    alarmed: Callable[[], frozenset[str]],
    barred: frozenset[str],
) -> Split:
    assert state.split is not None
    if not slots & state.serving:
        return state.split
    if view.driven and view.driven.target in slots:
        raise Refused(f"Slot {view.driven.target} is the target of the rollback {view.driven.incident}.")
    return drained(view, state, slots, wish.held, guardrails, alarmed, barred)


def _after(state: EndpointState, wish: Wish, split: Split) -> EndpointState:
    """The endpoint after the deployment: the slots that are declared, those that join with their declared counts."""
    shares = split.among(wish.held)

    def slot(name: str) -> SlotState:
        there, share = state.slots.get(name), shares.share(name)
        count = there.instances if there else wish.instances.get(name, 1)
        return SlotState(share, share, count, count)

    return replace(state, slots={name: slot(name) for name in wish.held})


def _counted(state: EndpointState, instances: Mapping[str, int]) -> EndpointState:
    """The endpoint after its counts were changed, which comes before its weights."""
    slots = {name: replace(one, instances=instances.get(name, one.instances)) for name, one in state.slots.items()}
    return replace(state, slots=slots)
