"""The whole of a stack, as the data flows: registry, endpoint, capture, drift, the way back, traffic, outputs."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Mapping

import pulumi
from pulumi.runtime import config as runtime_config

from components.alarms import Alarms, AlarmsArgs, build_guardrail_names
from components.dashboards import Dashboards, DashboardsArgs, build_links
from components.drift_monitor import LAYER, DriftArgs, DriftMonitor
from components.lambda_layer import LayerNotBuilt, build_layer
from components.registry_bucket import RegistryArgs, RegistryBucket
from components.rollback_function import RollbackArgs, RollbackFunction
from components.sagemaker.endpoint import EndpointArgs, ServingEndpoint
from components.sagemaker.gate import Gate
from components.sagemaker.traffic import Traffic
from components.stack_context import StackContext
from components.storage import Storage, StorageArgs
from components.tables import Tables
from components.topics import Topics
from stacks import component_args, outputs
from stacks.config.schema import StackSettings
from stacks.config.settings import SettingsError, load
from stacks.outputs import ServingResources, SharedResources
from stacks.preflight import PreflightError, PreflightResult, require_deployer, resolve
from tidewatch.alarms import DimensionResolver
from tidewatch.alarms.control_plane_alarms import BREAK_GLASS
from tidewatch.naming import VARIANTS
from tidewatch.registry import ResolvedVersion


def run() -> None:
    """Reads the config, refuses what is wrong with it, and declares the stack."""
    _silence_sigint_traceback()
    _relax_garbage_collection()
    project, stack = pulumi.get_project(), pulumi.get_stack()
    try:
        settings = load(_read_config(), stack, _read_secret_keys())
        if not pulumi.runtime.is_dry_run():
            require_deployer(settings)
        resolved = resolve(settings, project, stack)
        if resolved.versions and settings.drift.enabled:
            build_layer(LAYER)
    except SettingsError as error:
        raise pulumi.RunError(f"The config of {stack} has mistakes:\n{error}") from None
    except PreflightError as error:
        raise pulumi.RunError(f"What the config of {stack} asks for cannot be deployed:\n{error}") from None
    except LayerNotBuilt as error:
        raise pulumi.RunError(str(error)) from None
    _declare_stack(settings, resolved, component_args.build_stack_context(settings, project, stack))


def _declare_stack(settings: StackSettings, preflight: PreflightResult, context: StackContext) -> None:
    versions = preflight.versions
    capture_days, log_days, access = (
        settings.endpoint.capture_retention_days,
        settings.logs.retention_days,
        settings.access,
    )
    tables = Tables(context)
    gate = Gate(
        "gate",
        component_args.build_traffic_inputs(context, settings, versions, tables),
        component_args.build_gate_inputs(settings),
    )
    storage = Storage(context, StorageArgs(capture_days, log_days, access.capture_readers), _depend_on_gate(gate))
    days = settings.registry.object_lock_days
    lock_days = days if days or preflight.locked else None
    registry = RegistryBucket(
        context, _build_registry_args(storage, settings, lock_days, preflight.bucket), _depend_on_gate(gate)
    )
    topics = Topics(context, component_args.build_subscribers(settings), _depend_on_gate(gate))
    shared = SharedResources(registry, storage, tables, topics, gate)
    serving = _declare_serving(context, settings, versions, shared) if versions else None
    outputs.export(settings, context, shared, serving)


def _depend_on_gate(gate: Gate, *others: pulumi.Resource) -> pulumi.ResourceOptions:
    """Nothing is made, also without a preview, before the gate let the edit pass: a component's parts wait with it."""
    return pulumi.ResourceOptions(depends_on=[gate, *others])


def _declare_serving(
    context: StackContext, settings: StackSettings, versions: Mapping[str, ResolvedVersion], shared: SharedResources
) -> ServingResources:
    registry, storage, tables, topics = shared.registry, shared.storage, shared.tables, shared.topics
    gate = shared.gate
    # A `destroy` that is interrupted leaves the parameter, by which the next `up` finds what it is to serve.
    endpoint_opts = _depend_on_gate(gate, registry.parameter)
    endpoint = ServingEndpoint(
        context, _build_endpoint_args(settings, versions, registry, storage, gate), endpoint_opts
    )
    drift_args = _build_drift_args(settings, endpoint, storage, registry, tables)
    drift = DriftMonitor(context, drift_args, _depend_on_gate(gate)) if settings.drift.enabled else None
    rollback = RollbackFunction(
        context, _build_rollback_args(context, settings, endpoint, drift, shared), _depend_on_gate(gate)
    )
    alarms_args = _build_alarms_args(context, settings, endpoint, drift, rollback, registry, tables, topics)
    alarms = Alarms(context, alarms_args, _depend_on_gate(gate))
    dashboards = Dashboards(
        context, _build_dashboards_args(settings, alarms_args, alarms, storage, drift), _depend_on_gate(gate)
    )
    safeguards = [registry, storage, tables, topics, *([drift] if drift else []), rollback, alarms, dashboards]
    traffic = Traffic(context, endpoint, acknowledged=settings.acknowledged_incident, safeguards=safeguards)
    return ServingResources(endpoint, rollback, alarms, dashboards, traffic, drift)


def _build_registry_args(
    storage: Storage, settings: StackSettings, lock_days: int | None, source_bucket: str
) -> RegistryArgs:
    access = settings.access
    return RegistryArgs(storage.logs, lock_days, access.break_glass, access.deployers, source_bucket)


def _build_endpoint_args(
    settings: StackSettings,
    versions: Mapping[str, ResolvedVersion],
    registry: RegistryBucket,
    storage: Storage,
    gate: Gate,
) -> EndpointArgs:
    return EndpointArgs(
        gate=gate,
        variants=component_args.build_variants(settings, versions),
        champion=settings.champion,
        acknowledged=settings.acknowledged_incident,
        hosting=component_args.build_host_config(settings),
        capture=component_args.build_data_capture_config(settings),
        policy=component_args.build_deployment_policy(settings),
        registry_key=registry.key_arn,
        capture_bucket=storage.capture.bucket,
        capture_arn=storage.capture.arn,
        capture_key=storage.capture.encryption_key,
        monitoring=storage.monitoring.bucket,
        log_days=settings.logs.retention_days,
        network=component_args.build_network(settings),
        scaling=component_args.build_target_tracking(settings),
    )


def _build_drift_args(
    settings: StackSettings, endpoint: ServingEndpoint, storage: Storage, registry: RegistryBucket, tables: Tables
) -> DriftArgs:
    return DriftArgs(
        endpoint=endpoint.name,
        capture_prefix=settings.endpoint.capture_prefix,
        storage=storage,
        registry=registry,
        tables=tables,
        thresholds=component_args.build_drift_thresholds(settings),
        lag_minutes=settings.drift.lag_minutes,
        look_back_hours=settings.drift.look_back_hours,
        log_days=settings.logs.retention_days,
    )


def _build_rollback_args(
    context: StackContext,
    settings: StackSettings,
    endpoint: ServingEndpoint,
    drift: DriftMonitor | None,
    shared: SharedResources,
) -> RollbackArgs:
    tables, monitoring = shared.tables, shared.storage.monitoring
    return RollbackArgs(
        endpoint=endpoint.name,
        endpoint_arn=endpoint.arn,
        variants=sorted(settings.variants),
        target=settings.champion,
        floor=settings.floor,
        abort_alarm=endpoint.abort.name,
        abort_alarm_arn=endpoint.abort.arn,
        tables=tables,
        topics=shared.topics,
        monitoring=monitoring.bucket,
        monitoring_arn=monitoring.arn,
        monitoring_key=monitoring.encryption_key,
        registry=shared.registry,
        automatic=settings.rollback.automatic,
        guardrails=build_guardrail_names(tables, VARIANTS, settings.champion),
        objectives=settings.slo.objectives(),
        runbooks=settings.notify.runbooks,
        dashboard=build_links(context, tables)["oncall"],
        reports=drift.reports if drift else "",
        log_days=settings.logs.retention_days,
    )


def _build_alarms_args(
    context: StackContext,
    settings: StackSettings,
    endpoint: ServingEndpoint,
    drift: DriftMonitor | None,
    rollback: RollbackFunction,
    registry: RegistryBucket,
    tables: Tables,
    topics: Topics,
) -> AlarmsArgs:
    functions = {"rollback": rollback} if drift is None else {"rollback": rollback, "drift": drift}
    return AlarmsArgs(
        variants=component_args.build_variant_alarms(settings),
        endpoint=component_args.build_endpoint_alarms(settings),
        objectives=settings.slo.objectives(),
        names=DimensionResolver(
            key=context.key,
            endpoint=endpoint.name,
            champion=settings.champion,
            functions={purpose: component.function.name for purpose, component in functions.items()},
            queues={purpose: component.dead_letter_queue.name for purpose, component in functions.items()},
            rules={BREAK_GLASS: registry.usage_rule.name},
        ),
        tables=tables,
        topics=topics,
        rollback=rollback,
        runbooks=settings.notify.runbooks,
    )


def _build_dashboards_args(
    settings: StackSettings,
    alarms_args: AlarmsArgs,
    alarms: Alarms,
    storage: Storage,
    drift: DriftMonitor | None,
) -> DashboardsArgs:
    return DashboardsArgs(
        variants=alarms_args.variants,
        endpoint=alarms_args.endpoint,
        objectives=alarms_args.objectives,
        names=alarms_args.names,
        alarm_arns=alarms.arns,
        tables=alarms_args.tables,
        log_group=alarms_args.rollback.function.log_group,
        runbooks=alarms_args.runbooks,
        capture=storage.capture.bucket,
        monitoring=storage.monitoring.bucket,
        instance_type=settings.endpoint.instance_type,
        reports=drift.reports if drift else None,
        price_per_hour=settings.endpoint.hourly_price,
    )


def _read_config() -> dict[str, object]:
    """Everything in the stack's config, so that unknown keys are found: the engine's, or an embedding host's."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


def _read_secret_keys() -> frozenset[str]:
    """The keys of the config in which something is secret: the engine says no more than that."""
    engine_keys = runtime_config.get_config_secret_keys_env()
    return frozenset(
        [*engine_keys, *(key for key in runtime_config.CONFIG.get() if runtime_config.is_config_secret(key))]
    )


def _silence_sigint_traceback() -> None:
    """After a failure the language host interrupts the program, whose traceback would bury the sentence."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _relax_garbage_collection() -> None:
    """Hundreds of resources leave little garbage and much to look through: a fifth of the time goes there otherwise."""
    gc.set_threshold(100_000, 50, 50)
