"""Settings in the components' words: what the config declares, as the values that components take."""

from __future__ import annotations

from collections.abc import Mapping

from components.alarms import build_guardrail_names
from components.sagemaker.autoscaling import TargetTracking
from components.sagemaker.configuration import Configuration, DataCaptureConfig, HostConfig
from components.sagemaker.gate import GateInputs
from components.sagemaker.traffic_inputs import TrafficInputs
from components.sagemaker.variant_model import Network, ProductionVariant
from components.stack_context import StackContext
from components.tables import Tables
from components.topics import ESCALATION, Slack, Subscribers
from stacks.config import instance_types as instance_types
from stacks.config.schema import StackSettings, VariantSettings
from tidewatch import alarms
from tidewatch.alarms import Alarm
from tidewatch.naming import VARIANTS
from tidewatch.registry import ResolvedVersion
from tidewatch.traffic import DeploymentPolicy


def build_stack_context(settings: StackSettings, project: str, stack: str) -> StackContext:
    """The names, tags and protection of everything in the stack."""
    return StackContext.of(
        project=project,
        stack=stack,
        model=settings.model.name,
        owner=settings.model.owner,
        region=settings.region,
        tags=settings.tags,
        protect=settings.protect,
        force_destroy=settings.force_destroy,
    )


def build_variants(settings: StackSettings, versions: Mapping[str, ResolvedVersion]) -> dict[str, ProductionVariant]:
    """Each declared variant with the version that was found for it."""
    return {
        name: ProductionVariant(
            name=name,
            version=variant.version,
            artifact_url=versions[name].artifact_url,
            artifact=versions[name].artifact,
            image=versions[name].image,
            weight=variant.weight,
            instances=variant.instances,
            floor=settings.floor if name == settings.champion else 1,
            environment={**settings.endpoint.environment, **variant.environment},
            secrets=_find_secret_variables(settings, variant),
        )
        for name, variant in sorted(settings.variants.items())
    }


def build_traffic_inputs(
    context: StackContext, settings: StackSettings, versions: Mapping[str, ResolvedVersion], tables: Tables
) -> TrafficInputs:
    """What is declared of the traffic, of no variant where nothing serves."""
    variants = build_variants(settings, versions) if versions else {}
    return TrafficInputs(
        key=context.key,
        ledger=tables.ledger.name,
        control=tables.control.name,
        weights={name: variant.weight for name, variant in variants.items()},
        models={
            name: variant.to_deployed_model(context.model, build_network(settings))
            for name, variant in variants.items()
        },
        champion=settings.rollback_to or "",
        guardrails=build_guardrail_names(tables, VARIANTS, settings.champion) if variants else {},
        configuration=build_endpoint_configuration(context, settings, variants).content if variants else "",
        # Scaling owns the counts where it is on: what is declared is only where it begins.
        counts={} if settings.autoscaling else {name: variant.instances for name, variant in variants.items()},
    )


def build_endpoint_configuration(
    context: StackContext, settings: StackSettings, variants: Mapping[str, ProductionVariant]
) -> Configuration:
    """The endpoint's configuration as declared."""
    return Configuration(
        variants=[variants[name] for name in sorted(variants)],
        contents={
            name: variant.compute_content(context.model, build_network(settings)) for name, variant in variants.items()
        },
        hosting=build_host_config(settings),
        capture=build_data_capture_config(settings),
        champion=settings.champion,
    )


def build_gate_inputs(settings: StackSettings) -> GateInputs:
    """What the gate hears beside the traffic."""
    return GateInputs(settings.model.name, settings.acknowledged_incident, settings.retire, settings.protect)


def _find_secret_variables(settings: StackSettings, variant: VariantSettings) -> frozenset[str]:
    """Pulumi tells which top-level values hold a secret, not where in them: all variables in one count as secret."""
    shared = settings.endpoint.environment if "endpoint" in settings.secret else {}
    own = variant.environment if "variants" in settings.secret else {}
    return frozenset({*shared, *own})


def build_host_config(settings: StackSettings) -> HostConfig:
    """What the hosts of all variants have in common."""
    endpoint = settings.endpoint
    return HostConfig(
        endpoint.instance_type,
        endpoint.startup_seconds,
        endpoint.download_seconds,
        endpoint.volume_key,
        endpoint.inference_ami_version,
    )


def build_data_capture_config(settings: StackSettings) -> DataCaptureConfig:
    """What the endpoint captures."""
    endpoint = settings.endpoint
    return DataCaptureConfig(
        endpoint.capture_sampling, endpoint.capture_prefix, endpoint.csv_content_types, endpoint.json_content_types
    )


def build_deployment_policy(settings: StackSettings) -> DeploymentPolicy:
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


def build_drift_thresholds(settings: StackSettings) -> dict[str, float]:
    """What counts as drift, by the names of tidewatch.drift.statistics.verdict.Thresholds: points and percent as
    fractions."""
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


def build_network(settings: StackSettings) -> Network | None:
    """Where the containers run, where the config says so."""
    return Network(settings.vpc.subnets, settings.vpc.security_groups) if settings.vpc else None


def build_target_tracking(settings: StackSettings) -> TargetTracking | None:
    """Target tracking, where the config asks for it."""
    autoscaling = settings.autoscaling
    if autoscaling is None:
        return None
    return TargetTracking(
        autoscaling.maximum,
        autoscaling.invocations_per_instance,
        autoscaling.scale_in_seconds,
        autoscaling.scale_out_seconds,
    )


def build_variant_alarms(settings: StackSettings) -> dict[str, tuple[Alarm, ...]]:
    """The alarms of each variant, with the user's own guardrails: also of one that is empty yet, as what guards is
    there before what it guards, and a promotion changes no alarm."""
    alarm_settings = settings.alarms
    return alarms.build_variant_alarms(
        alarm_settings.thresholds,
        VARIANTS,
        settings.champion,
        gpu_count=instance_types.count_gpus(settings.endpoint.instance_type),
        custom=alarm_settings.guardrails,
    )


def build_endpoint_alarms(settings: StackSettings) -> tuple[Alarm, ...]:
    """The alarms of the endpoint as a whole."""
    escalation = settings.notify.escalation
    return alarms.build_endpoint_alarms(
        settings.alarms.thresholds,
        VARIANTS,
        drift=settings.drift.enabled,
        capture_percent=settings.endpoint.capture_sampling,
        escalation_minutes=escalation.after_minutes if escalation else None,
    )


def build_subscribers(settings: StackSettings) -> Subscribers:
    """Who is told."""
    notify = settings.notify
    escalation = {ESCALATION: notify.escalation.to} if notify.escalation else {}
    slack = Slack(notify.chat.slack_team, notify.chat.slack_channel, notify.chat.severities) if notify.chat else None
    return Subscribers({**notify.recipients, **escalation}, slack, "notify" in settings.secret)
