"""The whole stack in the order of its data: registry, endpoint, capture, drift, rollback, alarms, traffic, outputs."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

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
from stacks.host import prepare_process, read_config, read_secret_keys
from stacks.outputs import ServingResources
from stacks.preflight import PreflightError, PreflightResult, require_deployer, resolve
from tidewatch.registry import ResolvedVersion


def run() -> None:
    """Reads the config, refuses its mistakes, and declares the stack."""
    prepare_process()
    project, stack = pulumi.get_project(), pulumi.get_stack()
    try:
        settings = load(read_config(), stack, read_secret_keys())
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
