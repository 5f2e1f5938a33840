"""The whole of a stack, as the data flows: registry, endpoint, capture, drift, the way back, traffic, outputs."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Mapping

import pulumi
from pulumi.runtime import config as runtime_config

from components.alarms import Alarms, AlarmsArgs, guardrail_names
from components.dashboards import Dashboards, DashboardsArgs, links
from components.drift import LAYER, Drift, DriftArgs
from components.layer import LayerNotBuilt, layer
from components.registry import Registry, RegistryArgs
from components.rollback import Rollback, RollbackArgs
from components.sagemaker.endpoint import Endpoint, EndpointArgs
from components.sagemaker.gate import Gate
from components.sagemaker.traffic import Traffic
from components.scope import Scope
from components.storage import Storage, StorageArgs
from components.tables import Tables
from components.topics import Topics
from stacks import declare, outputs
from stacks.outputs import Serving, Shared
from stacks.preflight import PreflightError, Resolved, require_deployer, resolve
from stacks.schema import Settings
from stacks.settings import SettingsError, load
from tidewatch.alarms import Names
from tidewatch.alarms.operating import BREAK_GLASS
from tidewatch.naming import SLOTS
from tidewatch.registry import ResolvedVersion


def run() -> None:
    """Reads the config, refuses what is wrong with it, and declares the stack."""
    _die_quietly_when_interrupted()
    _collect_seldom()
    project, stack = pulumi.get_project(), pulumi.get_stack()
    try:
        settings = load(_config(), stack, _secret_keys())
        if not pulumi.runtime.is_dry_run():
            require_deployer(settings)
        resolved = resolve(settings, project, stack)
        if resolved.versions and settings.drift.enabled:
            layer(LAYER)
    except SettingsError as error:
        raise pulumi.RunError(f"The config of {stack} has mistakes:\n{error}") from None
    except PreflightError as error:
        raise pulumi.RunError(f"What the config of {stack} asks for cannot be deployed:\n{error}") from None
    except LayerNotBuilt as error:
        raise pulumi.RunError(str(error)) from None
    _declare(settings, resolved, declare.scope(settings, project, stack))


def _declare(settings: Settings, resolved: Resolved, scope: Scope) -> None:
    versions = resolved.versions
    kept, logged, access = settings.endpoint.capture_retention_days, settings.logs.retention_days, settings.access
    tables = Tables(scope)
    gate = Gate("gate", declare.declaration(scope, settings, versions, tables), declare.said(settings))
    storage = Storage(scope, StorageArgs(kept, logged, access.capture_readers), _behind(gate))
    days = settings.registry.object_lock_days
    locked = days if days or resolved.locked else None
    registry = Registry(scope, _registry(storage, settings, locked, resolved.bucket), _behind(gate))
    topics = Topics(scope, declare.audience(settings), _behind(gate))
    shared = Shared(registry, storage, tables, topics, gate)
    serving = _serve(scope, settings, versions, shared) if versions else None
    outputs.export(settings, scope, shared, serving)


def _behind(gate: Gate, *others: pulumi.Resource) -> pulumi.ResourceOptions:
    """Nothing is made, also without a preview, before the gate let the edit pass: a component's parts wait with it."""
    return pulumi.ResourceOptions(depends_on=[gate, *others])


def _serve(scope: Scope, settings: Settings, versions: Mapping[str, ResolvedVersion], shared: Shared) -> Serving:
    registry, storage, tables, topics = shared.registry, shared.storage, shared.tables, shared.topics
    gate = shared.gate
    # A `destroy` that is interrupted leaves the parameter, by which the next `up` finds what it is to serve.
    found = _behind(gate, registry.parameter)
    endpoint = Endpoint(scope, _endpoint(settings, versions, registry, storage, gate), found)
    watch = _drift(settings, endpoint, storage, registry, tables)
    drift = Drift(scope, watch, _behind(gate)) if settings.drift.enabled else None
    rollback = Rollback(scope, _rollback(scope, settings, endpoint, drift, shared), _behind(gate))
    watched = _alarms(scope, settings, endpoint, drift, rollback, registry, tables, topics)
    alarms = Alarms(scope, watched, _behind(gate))
    dashboards = Dashboards(scope, _dashboards(settings, watched, alarms, storage, drift), _behind(gate))
    guards = [registry, storage, tables, topics, *([drift] if drift else []), rollback, alarms, dashboards]
    traffic = Traffic(scope, endpoint, acknowledged=settings.acknowledged_incident, after=guards)
    return Serving(endpoint, rollback, alarms, dashboards, traffic, drift)


def _registry(storage: Storage, settings: Settings, locked: int | None, found: str) -> RegistryArgs:
    access = settings.access
    return RegistryArgs(storage.logs, locked, access.break_glass, access.deployers, found)


def _endpoint(
    settings: Settings,
    versions: Mapping[str, ResolvedVersion],
    registry: Registry,
    storage: Storage,
    gate: Gate,
) -> EndpointArgs:
    return EndpointArgs(
        gate=gate,
        slots=declare.slots(settings, versions),
        champion=settings.champion,
        acknowledged=settings.acknowledged_incident,
        hosting=declare.hosting(settings),
        capture=declare.capture(settings),
        policy=declare.policy(settings),
        registry_key=registry.key_arn,
        capture_bucket=storage.capture.bucket,
        capture_arn=storage.capture.arn,
        capture_key=storage.capture.encryption_key,
        monitoring=storage.monitoring.bucket,
        log_days=settings.logs.retention_days,
        network=declare.network(settings),
        scaling=declare.scaling(settings),
    )


def _drift(settings: Settings, endpoint: Endpoint, storage: Storage, registry: Registry, tables: Tables) -> DriftArgs:
    return DriftArgs(
        endpoint=endpoint.name,
        capture_prefix=settings.endpoint.capture_prefix,
        storage=storage,
        registry=registry,
        tables=tables,
        thresholds=declare.thresholds(settings),
        lag_minutes=settings.drift.lag_minutes,
        look_back_hours=settings.drift.look_back_hours,
        log_days=settings.logs.retention_days,
    )


def _rollback(
    scope: Scope, settings: Settings, endpoint: Endpoint, drift: Drift | None, shared: Shared
) -> RollbackArgs:
    tables, monitoring = shared.tables, shared.storage.monitoring
    return RollbackArgs(
        endpoint=endpoint.name,
        endpoint_arn=endpoint.arn,
        slots=sorted(settings.variants),
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
        guardrails=guardrail_names(tables, SLOTS, settings.champion),
        objectives=settings.slo.objectives(),
        runbooks=settings.notify.runbooks,
        dashboard=links(scope, tables)["oncall"],
        reports=drift.reports if drift else "",
        log_days=settings.logs.retention_days,
    )


def _alarms(
    scope: Scope,
    settings: Settings,
    endpoint: Endpoint,
    drift: Drift | None,
    rollback: Rollback,
    registry: Registry,
    tables: Tables,
    topics: Topics,
) -> AlarmsArgs:
    watched = {"rollback": rollback} if drift is None else {"rollback": rollback, "drift": drift}
    return AlarmsArgs(
        slots=declare.slot_alarms(settings),
        endpoint=declare.shared_alarms(settings),
        objectives=settings.slo.objectives(),
        names=Names(
            key=scope.key,
            endpoint=endpoint.name,
            champion=settings.champion,
            functions={purpose: one.function.name for purpose, one in watched.items()},
            queues={purpose: one.failures.name for purpose, one in watched.items()},
            rules={BREAK_GLASS: registry.used.name},
        ),
        tables=tables,
        topics=topics,
        rollback=rollback,
        runbooks=settings.notify.runbooks,
    )


def _dashboards(
    settings: Settings,
    watched: AlarmsArgs,
    alarms: Alarms,
    storage: Storage,
    drift: Drift | None,
) -> DashboardsArgs:
    return DashboardsArgs(
        slots=watched.slots,
        endpoint=watched.endpoint,
        objectives=watched.objectives,
        names=watched.names,
        alarm_arns=alarms.arns,
        tables=watched.tables,
        log_group=watched.rollback.function.log_group,
        runbooks=watched.runbooks,
        capture=storage.capture.bucket,
        monitoring=storage.monitoring.bucket,
        instance_type=settings.endpoint.instance_type,
        reports=drift.reports if drift else None,
        price_per_hour=settings.endpoint.hourly_price,
    )


def _config() -> dict[str, object]:
    """Everything in the stack's config, so that unknown keys are found: the engine's, or an embedding host's."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


def _secret_keys() -> frozenset[str]:
    """The keys of the config in which something is secret: the engine says no more than that."""
    told = runtime_config.get_config_secret_keys_env()
    return frozenset([*told, *(key for key in runtime_config.CONFIG.get() if runtime_config.is_config_secret(key))])


def _die_quietly_when_interrupted() -> None:
    """After a failure the language host interrupts the program, whose traceback would bury the sentence."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _collect_seldom() -> None:
    """Hundreds of resources leave little garbage and much to look through: a fifth of the time goes there otherwise."""
    gc.set_threshold(100_000, 50, 50)
