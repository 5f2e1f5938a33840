"""The whole stack in the order of its data: registry, endpoint, capture, drift, rollback, alarms, traffic, outputs."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Mapping

import pulumi
from pulumi.runtime import config as runtime_config

from components.alarms import Alarms
from components.alarms_args import AlarmsArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.drift_monitor import LAYER, DriftArgs, DriftMonitor
from components.lambda_layer import LayerNotBuilt, build_layer
from components.registry_bucket import RegistryArgs, RegistryBucket
from components.rollback_function import RollbackArgs, RollbackFunction
from components.sagemaker.endpoint import EndpointArgs, ServingEndpoint
from components.sagemaker.gate import Gate, GateInputs
from components.sagemaker.traffic import Traffic
from components.sagemaker.traffic_inputs import TrafficInputs
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.storage import Storage, StorageArgs
from components.tables import Tables
from components.topics import Subscribers, Topics
from stacks import outputs
from stacks.config.schema import StackSettings
from stacks.config.settings import SettingsError, load
from stacks.outputs import ServingResources
from stacks.preflight import PreflightError, PreflightResult, require_deployer, resolve
from tidewatch.registry import ResolvedVersion


def run() -> None:
    """Reads the config, refuses its mistakes, and declares the stack."""
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
        raise pulumi.RunError(f"The config of {stack} is invalid:\n{error}") from None
    except PreflightError as error:
        raise pulumi.RunError(f"The config of {stack} cannot be deployed:\n{error}") from None
    except LayerNotBuilt as error:
        raise pulumi.RunError(str(error)) from None
    declare_stack(settings, resolved, StackContext.from_settings(settings, project, stack))


def declare_stack(settings: StackSettings, preflight: PreflightResult, context: StackContext) -> None:
    """Declares every resource of the stack, and its outputs."""
    versions = preflight.versions
    tables = Tables(context)
    traffic_inputs = TrafficInputs.from_settings(context, settings, tables, versions)
    gate = Gate("gate", traffic_inputs, GateInputs.from_settings(settings))
    storage = Storage(context, StorageArgs.from_settings(settings), _wait_for(gate))
    registry_args = RegistryArgs.from_settings(settings, storage.logs, preflight.locked, preflight.bucket)
    registry = RegistryBucket(context, registry_args, _wait_for(gate))
    topics = Topics(context, Subscribers.from_settings(settings), _wait_for(gate))
    shared = SharedResources(registry, storage, tables, topics, gate)
    serving = _declare_serving(context, settings, versions, shared) if versions else None
    outputs.export(settings, context, shared, serving)


def _declare_serving(
    context: StackContext, settings: StackSettings, versions: Mapping[str, ResolvedVersion], shared: SharedResources
) -> ServingResources:
    """Declares the resources that exist only once a version is declared."""
    gate, registry = shared.gate, shared.registry
    # An interrupted `destroy` leaves the parameter, so that the next `up` finds the versions to serve.
    endpoint_args = EndpointArgs.from_settings(settings, versions, shared)
    endpoint = ServingEndpoint(context, endpoint_args, _wait_for(gate, registry.parameter))
    drift = None
    if settings.drift.enabled:
        drift = DriftMonitor(context, DriftArgs.from_settings(settings, shared, endpoint), _wait_for(gate))
    rollback_args = RollbackArgs.from_settings(context, settings, shared, endpoint, drift)
    rollback = RollbackFunction(context, rollback_args, _wait_for(gate))
    alarms_args = AlarmsArgs.from_settings(context, settings, shared, endpoint, drift, rollback)
    alarms = Alarms(context, alarms_args, _wait_for(gate))
    dashboards_args = DashboardsArgs.from_settings(settings, shared, drift, rollback, alarms)
    dashboards = Dashboards(context, dashboards_args, _wait_for(gate))
    watch = [*([drift] if drift else []), rollback, alarms, dashboards]
    safeguards = [registry, shared.storage, shared.tables, shared.topics, *watch]
    traffic = Traffic(context, endpoint, acknowledged=settings.acknowledged_incident, safeguards=safeguards)
    return ServingResources(endpoint, rollback, alarms, dashboards, traffic, drift)


def _wait_for(gate: Gate, *others: pulumi.Resource) -> pulumi.ResourceOptions:
    """Makes a component, with its children, wait until the gate has accepted the edit, with or without a preview."""
    return pulumi.ResourceOptions(depends_on=[gate, *others])


def _read_config() -> dict[str, object]:
    """Returns the whole stack config, of the engine or of an embedding host, so that unknown keys are found."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


def _read_secret_keys() -> frozenset[str]:
    """Returns the keys of the config that contain a secret; the engine reports no more than the keys."""
    engine_keys = runtime_config.get_config_secret_keys_env()
    return frozenset(
        [*engine_keys, *(key for key in runtime_config.CONFIG.get() if runtime_config.is_config_secret(key))]
    )


def _silence_sigint_traceback() -> None:
    """Restores the default handling of SIGINT.

    After a failure the language host interrupts the program, and a traceback would bury the error message.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _relax_garbage_collection() -> None:
    """Makes garbage collection rarer.

    Hundreds of resources leave little garbage, but scanning them takes a fifth of the time otherwise.
    """
    gc.set_threshold(100_000, 50, 50)
