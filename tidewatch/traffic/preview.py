"""Checks before the first step of an `up` what its later steps would refuse, so that a preview refuses it too.

The rules are those of the steps themselves; only the state they are applied to is predicted. What nobody can know
before, such as whether AWS has instances or an alarm fires meanwhile, stays an error of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tidewatch.traffic import guard
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.drain import Drain
from tidewatch.traffic.errors import ChangeRefused
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.models import DeployedModel, EndpointState, VariantState
from tidewatch.traffic.split import Split


@dataclass(frozen=True)
class Declaration:
    """What the stack config declares about the traffic, and how it differs from the previous declaration."""

    split: Split
    previous: Split | None
    """The split that was declared before."""
    models: Mapping[str, DeployedModel]
    champion: str | None
    previous_champion: str | None
    """The champion that was declared before."""
    config: str | None
    """The configuration that is to be live, by its name or content hash. "" does not exist yet; None follows from
    `models`."""
    instances: Mapping[str, int]
    """The counts that change."""
    restores_split: bool
    """Whether a split that was declared before is to be applied."""


@dataclass(frozen=True)
class UpdateCheck:
    """Checks what a declaration would meet during `pulumi up`. Changes nothing."""

    control: ControlTable
    drain: Drain

    def require_allowed(self, snapshot: TrafficSnapshot, declaration: Declaration) -> None:
        """Raises what `TrafficController.require_update_allowed` raises, for this snapshot of the traffic."""
        live_record = self.control.read_models_and_content(snapshot.config) if snapshot.config else None
        live_models, content = live_record or ({}, "")
        is_live = bool(declaration.config) and declaration.config in (snapshot.config, content)
        if is_live:
            # Without a deployment the live models get the traffic, whatever is declared.
            declaration = replace(declaration, models=merge_live_models(declaration.models, live_models))
        declared, previous, models = declaration.split, declaration.previous, declaration.models
        changes_split = previous is None or not declared.is_close_to(previous)
        guard.require_declaration_allowed(
            snapshot, declared=declared, previous=previous, models=models, live_models=live_models
        )
        guard.require_same_run_settings(snapshot, models, live_models)
        if declaration.champion:
            guard.require_champion_allowed(snapshot, declaration.champion, models, live_models)
        if declaration.previous_champion:
            guard.require_champion_unchanged(snapshot, declaration.previous_champion, models, live_models)
        guardrails, list_firing = self.drain.guardrails, self.drain.list_firing
        if changes_split and snapshot.state is None:
            guard.require_guardrails_ok(guard.find_increased_variants(declared, previous), guardrails, list_firing())
        replaced_variants = self.drain.find_replaced_variants() if snapshot.state else frozenset[str]()
        change = PlannedChange(
            declaration,
            needs_deployment=not is_live and _needs_deployment(declaration.config, models, live_models),
            changes_split=changes_split,
            restores_split=declaration.restores_split or (bool(replaced_variants) and not snapshot.open_incidents),
        )
        excluded = replaced_variants if snapshot.open_incidents else frozenset[str]()
        require_feasible(snapshot, change, live_models, guardrails, list_firing, excluded)


@dataclass(frozen=True)
class PlannedChange:
    """A declaration, and which of it an `up` has to do."""

    declaration: Declaration
    needs_deployment: bool
    """Whether another configuration goes live."""
    changes_split: bool
    """Whether the declared split changed."""
    restores_split: bool
    """Whether a split that was declared before is to be applied."""


def require_feasible(
    snapshot: TrafficSnapshot,
    change: PlannedChange,
    live_models: Mapping[str, DeployedModel],
    guardrails: Mapping[str, str],
    list_firing: Callable[[], frozenset[str]],
    excluded: frozenset[str] = frozenset(),
) -> None:
    """Raises the TrafficError that a step of this `up` would raise. Without an endpoint there is nothing to predict.

    `excluded` are the variants whose model gets no traffic because of an open incident.
    """
    state = snapshot.state
    if state is None or state.split is None:
        return
    declared, models = change.declaration.split, change.declaration.models
    replaced_variants = _find_replaced_variants(models, live_models)
    if change.needs_deployment:
        drained_variants = (replaced_variants & state.variants.keys()) | (state.variants.keys() - models.keys())
        _require_deployable(snapshot, state, change)
        state = _predict_state(
            state,
            change,
            _predict_drained_split(snapshot, state, drained_variants, change, guardrails, list_firing, excluded),
        )
    restores_split = change.restores_split or (
        change.needs_deployment and (bool(replaced_variants) or models.keys() != live_models.keys())
    )
    if not change.changes_split and (not restores_split or snapshot.open_incidents):
        return
    if declared.is_close_to(state.split):
        return
    # A deployment repairs what a change of weights cannot.
    if not change.needs_deployment:
        state.require_usable()
    guard.require_not_quarantined(snapshot, declared.serving, models)
    guard.require_variants_ready(declared, _apply_instances(state, change.declaration.instances), models)
    guard.require_guardrails_ok(guard.find_increased_variants(declared, state.split), guardrails, list_firing())


def _find_replaced_variants(
    models: Mapping[str, DeployedModel], live_models: Mapping[str, DeployedModel]
) -> frozenset[str]:
    return frozenset(
        variant
        for variant in models.keys() & live_models.keys()
        if not models[variant].is_same_model(live_models[variant])
    )


def _require_deployable(snapshot: TrafficSnapshot, state: EndpointState, change: PlannedChange) -> None:
    state.require_updatable()
    guard.require_no_active_rollback(snapshot)
    # A new configuration gives the champion all weight.
    models, champion = change.declaration.models, frozenset(filter(None, (change.declaration.champion,)))
    guard.require_joinable(snapshot, state, champion & (models.keys() - state.variants.keys()), models)


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
    return guard.compute_drained_split(
        snapshot, state, variants, change.declaration.models, guardrails, list_firing, excluded
    )


def _predict_state(state: EndpointState, change: PlannedChange, split: Split) -> EndpointState:
    """Returns the endpoint after the deployment: the declared variants, with the declared counts of those that join."""
    shares = split.restrict_to(change.declaration.models)

    def predict_variant(name: str) -> VariantState:
        existing, share = state.variants.get(name), shares.get_share(name)
        count = existing.instances if existing else change.declaration.instances.get(name, 1)
        return VariantState(share, share, count, count)

    return replace(state, variants={name: predict_variant(name) for name in change.declaration.models})


def _apply_instances(state: EndpointState, instances: Mapping[str, int]) -> EndpointState:
    """Returns the endpoint after its counts were changed, which happens before the weights change."""
    variants = {
        name: replace(variant_state, instances=instances.get(name, variant_state.instances))
        for name, variant_state in state.variants.items()
    }
    return replace(state, variants=variants)


def merge_live_models(
    models: Mapping[str, DeployedModel], live_models: Mapping[str, DeployedModel]
) -> dict[str, DeployedModel]:
    """Returns the live models with their declared floors, or the declared model if the live one is unknown."""
    return {variant: replace(live_models.get(variant, model), floor=model.floor) for variant, model in models.items()}


def _needs_deployment(
    config: str | None, models: Mapping[str, DeployedModel], live_models: Mapping[str, DeployedModel]
) -> bool:
    """Whether a declaration whose configuration is not live deploys one. Without a name, the models decide."""
    if config is not None:
        return True
    is_same = models.keys() == live_models.keys() and all(
        models[variant].is_same_declaration(live_models[variant]) for variant in models
    )
    return bool(live_models) and not is_same
