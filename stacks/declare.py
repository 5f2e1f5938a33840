"""Settings in the components' words: what the config declares, as the values that components take."""

from __future__ import annotations

from collections.abc import Mapping

from components.alarms import guardrail_names
from components.sagemaker.autoscaling import Scaling
from components.sagemaker.configuration import Capture, Configuration, Hosting
from components.sagemaker.declaration import Declaration
from components.sagemaker.gate import Said
from components.sagemaker.slots import Network, Slot
from components.scope import Scope
from components.tables import Tables
from components.topics import ESCALATION, Audience, Slack
from stacks import hosting as hosts
from stacks.schema import Settings, Variant
from tidewatch.alarms import Alarm, endpoint_alarms, variant_alarms
from tidewatch.naming import SLOTS
from tidewatch.registry import ResolvedVersion
from tidewatch.traffic import DeploymentPolicy


def scope(settings: Settings, project: str, stack: str) -> Scope:
    """The names, tags and protection of everything in the stack."""
    return Scope.of(
        project=project,
        stack=stack,
        model=settings.model.name,
        owner=settings.model.owner,
        region=settings.region,
        tags=settings.tags,
        protect=settings.protect,
        force_destroy=settings.force_destroy,
    )


def slots(settings: Settings, versions: Mapping[str, ResolvedVersion]) -> dict[str, Slot]:
    """Each declared slot with the version that was found for it."""
    return {
        name: Slot(
            name=name,
            version=variant.version,
            artifact_url=versions[name].artifact_url,
            artifact=versions[name].artifact,
            image=versions[name].image,
            weight=variant.weight,
            instances=variant.instances,
            floor=settings.floor if name == settings.champion else 1,
            environment={**settings.endpoint.environment, **variant.environment},
            secrets=_secret_variables(settings, variant),
        )
        for name, variant in sorted(settings.variants.items())
    }


def declaration(
    scope: Scope, settings: Settings, versions: Mapping[str, ResolvedVersion], tables: Tables
) -> Declaration:
    """What is declared of the traffic, of no slot where nothing serves."""
    declared = slots(settings, versions) if versions else {}
    return Declaration(
        key=scope.key,
        ledger=tables.ledger.name,
        control=tables.control.name,
        weights={name: slot.weight for name, slot in declared.items()},
        held={name: slot.held(scope.model, network(settings)) for name, slot in declared.items()},
        champion=settings.rollback_to or "",
        guardrails=guardrail_names(tables, SLOTS, settings.champion) if declared else {},
        configuration=configuration(scope, settings, declared).content if declared else "",
        # Scaling owns the counts where it is on: what is declared is only where it begins.
        counts={} if settings.autoscaling else {name: slot.instances for name, slot in declared.items()},
    )


def configuration(scope: Scope, settings: Settings, slots: Mapping[str, Slot]) -> Configuration:
    """The endpoint's configuration as declared."""
    return Configuration(
        slots=[slots[name] for name in sorted(slots)],
        contents={name: slot.content(scope.model, network(settings)) for name, slot in slots.items()},
        hosting=hosting(settings),
        capture=capture(settings),
        champion=settings.champion,
    )


def said(settings: Settings) -> Said:
    """What the gate hears beside the traffic."""
    return Said(settings.model.name, settings.acknowledged_incident, settings.retire, settings.protect)


def _secret_variables(settings: Settings, variant: Variant) -> frozenset[str]:
    """Pulumi tells which top-level values hold a secret, not where in them: all variables in one count as secret."""
    shared = settings.endpoint.environment if "endpoint" in settings.secret else {}
    own = variant.environment if "variants" in settings.secret else {}
    return frozenset({*shared, *own})


def hosting(settings: Settings) -> Hosting:
    """What the hosts of all slots have in common."""
    endpoint = settings.endpoint
    return Hosting(
        endpoint.instance_type,
        endpoint.startup_seconds,
        endpoint.download_seconds,
        endpoint.volume_key,
        endpoint.inference_ami_version,
    )


def capture(settings: Settings) -> Capture:
    """What the endpoint captures."""
    endpoint = settings.endpoint
    return Capture(
        endpoint.capture_sampling, endpoint.capture_prefix, endpoint.csv_content_types, endpoint.json_content_types
    )


def policy(settings: Settings) -> DeploymentPolicy:
    """How a new fleet takes over."""
    rollout = settings.endpoint.rollout
    if rollout.strategy == "allAtOnce":
        return DeploymentPolicy(termination_wait_seconds=rollout.termination_wait_seconds)
    return DeploymentPolicy(
        type="CANARY" if rollout.strategy == "canary" else "LINEAR",
        size_percent=rollout.step_percent,
        wait_seconds=rollout.wait_seconds,
        termination_wait_seconds=rollout.termination_wait_seconds,
    )


def thresholds(settings: Settings) -> dict[str, float]:
    """What counts as drift, by the names of tidewatch.drift.verdict.Thresholds: points and percent as fractions."""
    drift = settings.drift
    return {
        "psi_warn": drift.psi[0],
        "psi_drift": drift.psi[1],
        "share_warn": drift.share[0] / 100,
        "share_drift": drift.share[1] / 100,
        "rate_warn": drift.rate[0] / 100,
        "rate_drift": drift.rate[1] / 100,
        "false_discovery_rate": drift.false_discovery_rate,
        "ticket_share": drift.ticket_share / 100,
        "page_share": drift.page_share / 100,
    }


def network(settings: Settings) -> Network | None:
    """Where the containers run, where the config says so."""
    return Network(settings.vpc.subnets, settings.vpc.security_groups) if settings.vpc else None


def scaling(settings: Settings) -> Scaling | None:
    """Target tracking, where the config asks for it."""
    wanted = settings.autoscaling
    if wanted is None:
        return None
    return Scaling(wanted.maximum, wanted.invocations_per_instance, wanted.scale_in_seconds, wanted.scale_out_seconds)


def slot_alarms(settings: Settings) -> dict[str, tuple[Alarm, ...]]:
    """The alarms of each slot, with the user's own guardrails: also of one that is empty yet, as what guards is there
    before what it guards, and a promotion changes no alarm."""
    watched = settings.alarms
    return variant_alarms(
        watched.limits,
        SLOTS,
        settings.champion,
        gpus=hosts.devices(settings.endpoint.instance_type),
        custom=watched.guardrails,
    )


def shared_alarms(settings: Settings) -> tuple[Alarm, ...]:
    """The alarms of the endpoint as a whole."""
    escalation = settings.notify.escalation
    return endpoint_alarms(
        settings.alarms.limits,
        SLOTS,
        drift=settings.drift.enabled,
        capture_percent=settings.endpoint.capture_sampling,
        escalation_minutes=escalation.after_minutes if escalation else None,
    )


def audience(settings: Settings) -> Audience:
    """Who is told."""
    notify = settings.notify
    escalation = {ESCALATION: notify.escalation.to} if notify.escalation else {}
    slack = Slack(notify.chat.slack_team, notify.chat.slack_channel, notify.chat.severities) if notify.chat else None
    return Audience({**notify.recipients, **escalation}, slack, "notify" in settings.secret)
