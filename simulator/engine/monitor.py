"""The resource monitor and engine that the Pulumi SDK of the program talks to, in the place of the CLI's."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, resource_pb2

from simulator.engine.names import STACK
from simulator.engine.registration import Registration, goal_of
from simulator.engine.report import Refused, Stopped
from simulator.engine.run import Run
from simulator.engine.wire import from_struct, sealing, to_struct

FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
)
"""Only what is honoured: the SDK itself refuses an option that needs more, instead of losing it."""


class Monitor:
    """The calls of the protocol's ResourceMonitor. The SDK makes them from several threads at once."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: ARG002
        return resource_pb2.DeploymentInfo(supportedFeatures=FEATURES)

    def RegisterResource(self, request: Any) -> Any:
        if self._run.dry and self._run.errors:
            raise Stopped
        with self._run.reported(f"{request.type} ({request.name})"):
            made = Registration(self._run, request).perform()
        known = made.outputs if made.managed else made.inputs
        return resource_pb2.RegisterResourceResponse(urn=made.urn, id=made.id, object=to_struct(known))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        run = self._run
        outputs = run.providers.hashes.added(from_struct(request.outputs))
        with run.state.lock:
            resource = run.state.live(request.urn)
            if resource and resource.type == STACK:
                run.exported = (resource, outputs)
            elif resource:
                resource.outputs = outputs
                run.state.put(resource)
        return empty_pb2.Empty()

    def ReadResource(self, request: Any) -> Any:
        run = self._run
        with run.reported(f"{request.type} ({request.name})"):
            found = goal_of(run, request, request.properties, external=True)
            if (old := run.state.earlier(found.urn)) and not old.external:
                raise Refused("the stack made this resource itself: give what is read another name")
            provider = run.provider(found)
            got = provider.read(request.id, found.inputs)
            if not got.id:
                raise Refused(f"there is no {request.id!r} to read")
            outputs = provider.outputs(got.outs, found)
            found.id, found.outputs = got.id, sealing(outputs, request.additionalSecretOutputs)
            run.state.put(found)
            run.step("read", found.urn)
        return resource_pb2.ReadResourceResponse(urn=found.urn, properties=to_struct(found.outputs))

    def Invoke(self, request: Any) -> Any:
        run = self._run
        found = run.providers.call(request.tok, run.settings(request.provider), from_struct(request.args))
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(found))
        return response

    def Call(self, request: Any) -> Any:
        raise Refused(f"the rehearsal's engine has no methods of remote components, as {request.tok}")

    def SignalAndWaitForShutdown(self, request: Any) -> Any:  # noqa: ARG002
        return empty_pb2.Empty()


class Diagnostics:
    """The engine's side of `pulumi.log`. Like the CLI it shows an error that the program logs and goes on."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def Log(self, request: Any) -> None:
        if request.severity == engine_pb2.DEBUG:
            return
        severity = engine_pb2.LogSeverity.Name(request.severity).lower()
        self._run.notes.append(f"{severity}: {request.message.rstrip()}")
