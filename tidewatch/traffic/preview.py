"""What an `up` would meet on its way, asked before its first step: a preview refuses what `up` would refuse midway.

Every rule here is the one that the step itself asks when it comes to it; only the state it is asked about is foreseen.
What nobody can know before (whether AWS has instances, whether an alarm fires meanwhile) stays an error of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tidewatch.traffic import guard
from tidewatch.traffic.errors import ChangeRefused
from tidewatch.traffic.guard import TrafficSnapshot
from tidewatch.traffic.models import DeployedModel, EndpointState, VariantState
from tidewatch.traffic.split import Split


@dataclass(frozen=True)
class PlannedChange:
    """What is declared, and which of it is to be done.

    deploys: another configuration comes live. moves: the declared split is another. settles: a split is to be brought
    about that was declared before. instances: the counts that are changed on the way.
    """

    declared_split: Split
    models: Mapping[str, DeployedModel]
    champion: str = ""
    needs_deployment: bool = False
    changes_split: bool = False
    restores_split: bool = False
    instances: Mapping[str, int] = field(default_factory=dict[str, int])


def require_feasible(
    snapshot: TrafficSnapshot,
    change: PlannedChange,
    live_models: Mapping[str, DeployedModel],
    guardrails: Mapping[str, str],
    list_firing: Callable[[], frozenset[str]],
    excluded: frozenset[str] = frozenset(),
) -> None:
    """Raises the TrafficError that a step of this `up` would raise. Without an endpoint there is nothing to foresee.

    barred: the variants whose model an open incident keeps from serving.
    """
    state = snapshot.state
    if state is None or state.split is None:
        return
    replaced_variants = _find_replaced_variants(change.models, live_models)
    if change.needs_deployment:
        drained_variants = (replaced_variants & state.variants.keys()) | (state.variants.keys() - change.models.keys())
        _require_deployable(snapshot, state, change)
        state = _predict_state(
            state,
            change,
            _predict_drained_split(snapshot, state, drained_variants, change, guardrails, list_firing, excluded),
        )
    restores_split = change.restores_split or (
        change.needs_deployment and (bool(replaced_variants) or change.models.keys() != live_models.keys())
    )
    if not change.changes_split and (not restores_split or snapshot.open_incidents):
        return
    if change.declared_split.is_close_to(state.split):
        return
    # A deployment mends what a change of weights cannot.
    if not change.needs_deployment:
        guard.require_usable(state)
    guard.require_not_quarantined(snapshot, change.declared_split.serving, change.models)
    guard.require_variants_ready(change.declared_split, _apply_instances(state, change.instances), change.models)
    guard.require_guardrails_ok(
        guard.find_increased_variants(change.declared_split, state.split), guardrails, list_firing()
    )


def _find_replaced_variants(
    models: Mapping[str, DeployedModel], live_models: Mapping[str, DeployedModel]
) -> frozenset[str]:
    return frozenset(
        variant
        for variant in models.keys() & live_models.keys()
        if not models[variant].is_same_model(live_models[variant])
    )


def _require_deployable(snapshot: TrafficSnapshot, state: EndpointState, change: PlannedChange) -> None:
    guard.require_updatable(state)
    guard.require_no_active_rollback(snapshot)
    # A configuration starts with everything on the champion.
    guard.require_joinable(
        snapshot, state, frozenset({change.champion}) & (change.models.keys() - state.variants.keys()), change.models
    )


def _predict_drained_split(
    snapshot: TrafficSnapshot,
    state: EndpointState,
    variants: frozenset[str],
    change: PlannedChange,
    guardrails: Mapping[str, str],
    list_firing: Callable[[], frozenset[str]],
    excluded: frozenset[str],
) -> Split:
    assert state.split is not None
    if not variants & state.serving:
        return state.split
    if snapshot.active_run and snapshot.active_run.target in variants:
        raise ChangeRefused(
            f"Variant {snapshot.active_run.target} is the target of the rollback {snapshot.active_run.incident}."
        )
    return guard.compute_drained_split(snapshot, state, variants, change.models, guardrails, list_firing, excluded)


def _predict_state(state: EndpointState, change: PlannedChange, split: Split) -> EndpointState:
    """The endpoint after the deployment: the variants that are declared, those that join with their declared counts."""
    shares = split.restrict_to(change.models)

    def predict_variant(name: str) -> VariantState:
        existing, share = state.variants.get(name), shares.get_share(name)
        count = existing.instances if existing else change.instances.get(name, 1)
        return VariantState(share, share, count, count)

    return replace(state, variants={name: predict_variant(name) for name in change.models})


def _apply_instances(state: EndpointState, instances: Mapping[str, int]) -> EndpointState:
    """The endpoint after its counts were changed, which comes before its weights."""
    variants = {
        name: replace(variant_state, instances=instances.get(name, variant_state.instances))
        for name, variant_state in state.variants.items()
    }
    return replace(state, variants=variants)
