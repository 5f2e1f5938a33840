"""The resource monitor and engine for the program's Pulumi SDK, in place of the CLI's."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, resource_pb2

from rehearsal.engine.registration import Registration, build_goal
from rehearsal.engine.results import EngineError, RunAborted
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.serialization import from_struct, mark_secrets, to_struct
from rehearsal.engine.urns import STACK

FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
)
"""The supported features: the SDK refuses an option that needs others, instead of dropping it silently."""


class ResourceMonitor:
    """The methods of the protocol's ResourceMonitor. The SDK calls them from several threads."""

    def __init__(self, run: DeploymentRun) -> None:
        self._run = run

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: ARG002
        return resource_pb2.DeploymentInfo(supportedFeatures=FEATURES)

    def RegisterResource(self, request: Any) -> Any:
        if self._run.dry and self._run.errors:
            raise RunAborted
        with self._run.record_error(f"{request.type} ({request.name})"):
            registered = Registration(self._run, request).perform()
        properties = registered.outputs if registered.is_managed else registered.inputs
        return resource_pb2.RegisterResourceResponse(urn=registered.urn, id=registered.id, object=to_struct(properties))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        run = self._run
        outputs = run.providers.hasher.hash_assets(from_struct(request.outputs))
        with run.state.lock:
            resource = run.state.get_current(request.urn)
            if resource and resource.type == STACK:
                run.stack_outputs = (resource, outputs)
            elif resource:
                resource.outputs = outputs
                run.state.put(resource)
        return empty_pb2.Empty()

    def ReadResource(self, request: Any) -> Any:
        run = self._run
        with run.record_error(f"{request.type} ({request.name})"):
            resource = build_goal(run, request, request.properties, external=True)
            if (old := run.state.get_previous(resource.urn)) and not old.external:
                raise EngineError("the stack made this resource itself: give what is read another name")
            provider = run.get_provider(resource)
            got = provider.read(request.id, resource.inputs)
            if not got.id:
                raise EngineError(f"there is no {request.id!r} to read")
            outputs = provider.to_outputs(got.outs, resource)
            resource.id, resource.outputs = got.id, mark_secrets(outputs, request.additionalSecretOutputs)
            run.state.put(resource)
            run.record_step("read", resource.urn)
        return resource_pb2.ReadResourceResponse(urn=resource.urn, properties=to_struct(resource.outputs))

    def Invoke(self, request: Any) -> Any:
        run = self._run
        result = run.providers.invoke(
            request.tok, run.get_provider_settings(request.provider), from_struct(request.args)
        )
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(result))
        return response

    def Call(self, request: Any) -> Any:
        raise EngineError(f"the rehearsal's engine has no methods of remote components, as {request.tok}")

    def SignalAndWaitForShutdown(self, request: Any) -> Any:  # noqa: ARG002
        return empty_pb2.Empty()


class Diagnostics:
    """The engine's side of `pulumi.log`. Like the CLI it shows a logged error and continues."""

    def __init__(self, run: DeploymentRun) -> None:
        self._run = run

    def Log(self, request: Any) -> None:
        if request.severity == engine_pb2.DEBUG:
            return
        severity = engine_pb2.LogSeverity.Name(request.severity).lower()
        self._run.notes.append(f"{severity}: {request.message.rstrip()}")
