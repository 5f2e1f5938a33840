"""The rules on which variant may get traffic. They raise errors and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tidewatch.naming import format_command
from tidewatch.traffic.errors import (
    ArtifactQuarantined,
    ChangeRefused,
    IncidentOpen,
    InvalidSplit,
    TargetUnavailable,
    UnknownIncident,
)
from tidewatch.traffic.incident_replay import TrafficSnapshot, find_quarantine
from tidewatch.traffic.models import DeployedModel, EndpointState
from tidewatch.traffic.split import TOLERANCE, Split


def require_known_incident(snapshot: TrafficSnapshot, incident: str, *, is_declared: bool = False) -> None:
    """Raises UnknownIncident if the ledger has no such incident.

    `is_declared` is whether the stack config names it.
    """
    if incident and all(known.id != incident for known in snapshot.incidents):
        remedy = f"take the id from `{format_command('status', snapshot.key)}`"
        if is_declared:
            remedy += (
                ", or remove tidewatch:acknowledgedIncident from the stack config: a stack that was destroyed gets a "
                "new ledger"
            )
        raise UnknownIncident(f"The ledger has no incident {incident}; {remedy}.")


def require_no_open_incident(snapshot: TrafficSnapshot) -> None:
    """Raises IncidentOpen while any incident is open."""
    if snapshot.open_incidents:
        first = snapshot.open_incidents[0]
        if first.is_unwritten:
            raise IncidentOpen(
                f"{first.reason} A declared split is not applied over this change: within a minute the sweep records "
                f"it as an incident, which `{format_command('status', snapshot.key)}` lists; read it and acknowledge "
                "it."
            )
        raise IncidentOpen(
            f"Incident {first.id} is open ({first.reason or first.kind}), and a declared split is not applied over an "
            f"open incident: {first.describe_remedy(snapshot.key)}."
        )


def require_not_quarantined(
    snapshot: TrafficSnapshot, variants: Iterable[str], models: Mapping[str, DeployedModel]
) -> None:
    """Raises ArtifactQuarantined if one of the variants holds what was rolled back."""
    for variant in sorted(variants):
        if quarantine := find_quarantine(variant, models.get(variant), snapshot.quarantines, snapshot.config):
            raise ArtifactQuarantined(
                f"Variant {variant} holds {quarantine}, which incident {quarantine.incident} rolled back: it gets no "
                "traffic until the incident is acknowledged; run "
                f"`{format_command(f'acknowledge {quarantine.incident}', snapshot.key)}`."
            )


def find_increased_variants(declared: Split, live: Split | None) -> frozenset[str]:
    """Returns the variants whose declared share is above their live one."""
    if live is None:
        return declared.serving
    return frozenset(
        variant for variant in declared.serving if declared.get_share(variant) > live.get_share(variant) + TOLERANCE
    )


def require_guardrails_ok(variants: Iterable[str], guardrails: Mapping[str, str], firing: frozenset[str]) -> None:
    """Raises ChangeRefused if the guardrail of one of these variants, which are to be raised, is in ALARM."""
    for variant in sorted(variants):
        if guardrails.get(variant) in firing:
            raise ChangeRefused(
                f"Variant {variant} cannot get more traffic while its guardrail {guardrails[variant]} is in ALARM; "
                "find out why, or lower its weight."
            )


def require_variants_ready(declared: Split, state: EndpointState, models: Mapping[str, DeployedModel]) -> None:
    """Raises if a variant that would serve is absent, is below its floor, or has no known model."""
    for variant in sorted(declared.serving):
        if variant not in state.variants:
            names = ", ".join(sorted(state.variants)) or "none"
            raise TargetUnavailable(
                f"Variant {variant} is not on the endpoint {state.name} (its variants: {names}); deploy it first."
            )
        if variant not in models:
            raise InvalidSplit(f"No record shows which model variant {variant} holds; add it to tidewatch:variants.")
    for variant in sorted(find_increased_variants(declared, state.split)):
        instances = state.variants[variant].instances
        if instances < max(models[variant].floor, 1):
            raise TargetUnavailable(
                f"Variant {variant} has {instances} of the {models[variant].floor} instances that it needs to take "
                "traffic; raise its instances, then its weight."
            )


def require_declaration_allowed(
    snapshot: TrafficSnapshot,
    *,
    declared: Split,
    previous: Split | None,
    models: Mapping[str, DeployedModel],
    live_models: Mapping[str, DeployedModel],
) -> None:
    """Checks the quarantines and open incidents of an `up`.

    It refuses only what changed, and only for variants that would get traffic from the change.
    """
    if previous is None or not declared.is_close_to(previous):
        require_not_quarantined(snapshot, declared.serving, models)
        require_no_open_incident(snapshot)
    elif snapshot.live_split is not None:
        changed = {variant for variant in models if not models[variant].is_same_declaration(live_models.get(variant))}
        require_not_quarantined(snapshot, snapshot.live_split.serving & changed, models)


def require_same_run_settings(
    snapshot: TrafficSnapshot, models: Mapping[str, DeployedModel], live_models: Mapping[str, DeployedModel]
) -> None:
    """Raises ArtifactQuarantined if a serving variant would run its model differently during a quarantine by content.

    A quarantine is by content if the rollback target holds the same artifact and image. It does not cover another
    content, which could differ from the rolled-back one in a single word.
    """
    content_quarantine = next(
        (quarantine for quarantine in snapshot.quarantines if quarantine.content and not quarantine.artifact), None
    )
    if content_quarantine is None or snapshot.live_split is None:
        return
    for variant in sorted(snapshot.live_split.serving & models.keys() & live_models.keys()):
        new_model, live_model = models[variant], live_models[variant]
        if new_model.is_same_model(live_model) and not new_model.is_same_declaration(live_model):
            raise ArtifactQuarantined(
                f"Variant {variant} serves the model that incident {content_quarantine.incident} rolled back because "
                f"of how {content_quarantine.variant} ran it: the settings of {variant} cannot be changed until the "
                "incident is acknowledged; run "
                f"`{format_command(f'acknowledge {content_quarantine.incident}', snapshot.key)}`."
            )


def require_champion_allowed(
    snapshot: TrafficSnapshot,
    champion: str,
    models: Mapping[str, DeployedModel],
    live_models: Mapping[str, DeployedModel],
) -> None:
    """Raises if the champion is quarantined, or would change while another variant serves.

    A rollback goes to the champion, so it must stay fit for traffic.
    """
    require_not_quarantined(snapshot, {champion} & models.keys(), models)
    require_champion_unchanged(snapshot, champion, models, live_models)


def require_champion_unchanged(
    snapshot: TrafficSnapshot,
    champion: str,
    models: Mapping[str, DeployedModel],
    live_models: Mapping[str, DeployedModel],
) -> None:
    """Raises ChangeRefused if a champion's version would change while another variant serves.

    The rule holds for the previous champion too: moving `rollbackTo` away in the same edit would replace the last good
    version together with its share of the traffic.
    """
    others = snapshot.live_split.serving - {champion} if snapshot.live_split else frozenset[str]()
    live_model = live_models.get(champion)
    if others and live_model is not None and champion in models and not live_model.is_same_model(models[champion]):
        raise ChangeRefused(
            f"Variant {champion} is the rollback target and {', '.join(sorted(others))} serves: its version cannot "
            f"change now. Put the new version into the other variant, or send all traffic to {champion} first; to "
            "make another variant the champion, change `tidewatch:rollbackTo` in a separate `up`."
        )


def require_no_active_rollback(snapshot: TrafficSnapshot) -> None:
    """Raises IncidentOpen while a rollback is running: a deployment would block the endpoint for it."""
    if (run := snapshot.active_run) and run.state in ("pending", "flipping", "blocked"):
        raise IncidentOpen(
            f"The rollback of incident {run.incident} is {run.state}: deploy when it has finished "
            f"(`{format_command('status', snapshot.key)}`), or end it with "
            f"`{format_command(f'acknowledge {run.incident}', snapshot.key)}`."
        )


def require_joinable(
    snapshot: TrafficSnapshot, state: EndpointState, variants: frozenset[str], models: Mapping[str, DeployedModel]
) -> None:
    """Raises if one of these variants would join the endpoint with traffic that it must not get."""
    require_not_quarantined(snapshot, variants, models)
    if variants:
        require_no_open_incident(snapshot)
    if variants and state.serving:
        raise ChangeRefused(
            f"Variant {', '.join(sorted(variants))} would join {state.name} with traffic before its share is set. "
            "Deploy it first, then change `tidewatch:rollbackTo` in a separate `up`."
        )


def compute_drained_split(
    snapshot: TrafficSnapshot,
    state: EndpointState,
    variants: frozenset[str],
    models: Mapping[str, DeployedModel],
    guardrails: Mapping[str, str],
    list_firing: Callable[[], frozenset[str]],
    excluded: frozenset[str] = frozenset(),
) -> Split:
    """Returns the live split without these variants.

    The remaining variants keep their ratio. If none serves, the first idle variant that can take traffic gets all of
    it, unless it is in `excluded` (an open incident withholds traffic from its model). Raises ChangeRefused if no
    variant can.
    """
    assert state.split is not None
    if state.split.serving - variants:
        return state.split.exclude(variants)
    firing = list_firing()
    for variant in sorted(state.variants.keys() - variants - excluded):
        is_ready = variant in models and state.variants[variant].instances >= max(models[variant].floor, 1)
        quarantine = find_quarantine(variant, models.get(variant), snapshot.quarantines, snapshot.config)
        if is_ready and not quarantine and guardrails.get(variant) not in firing:
            return Split.from_single_variant(variant, state.variants)
    names = ", ".join(sorted(variants))
    raise ChangeRefused(
        f"The model of {names} cannot be changed while it has all traffic of {state.name}: no other variant can take "
        "it. Put the new version into another variant and raise that variant's weight."
    )
