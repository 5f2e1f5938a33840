"""`pulumi-resource-aws` for the simulator: rehearsal.engine.providers behind Pulumi's provider protocol.

Put an executable with that name on PATH that runs `python -m rehearsal.engine.plugin`, set AWS_ENDPOINT_URL and the key
of the run, and a real `pulumi up` deploys to the simulator.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from functools import wraps
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto import ResourceProviderServicer, provider_pb2, provider_pb2_grpc

from rehearsal.engine import providers
from rehearsal.engine.property_structs import (
    build_detailed_diff,
    deserialize_props,
    normalize,
    restore_assets,
    serialize_over,
    serialize_props,
)
from rehearsal.engine.providers.errors import InitFailed
from rehearsal.engine.providers.polling import CANCELLED

_MAX_MESSAGE_BYTES = 400 << 20
"""Maximum bytes of a message; the CLI's own limit."""


class _PartialFailure(Exception):
    """An error together with the properties that the CLI keeps in its state despite it."""

    def __init__(self, failure: InitFailed, properties: struct_pb2.Struct) -> None:
        super().__init__(failure.reason)
        self.details = provider_pb2.ErrorResourceInitFailed(
            id=failure.id, properties=properties, reasons=[failure.reason]
        )


@contextlib.contextmanager
def _wrap_partial_failure(struct: struct_pb2.Struct, sent: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except InitFailed as failure:
        raise _PartialFailure(failure, serialize_over(struct, sent, failure.outs)) from failure


def _abort_on_error(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a method for gRPC: the user sees the error's message without a traceback."""

    @wraps(method)
    def call(self: AwsServicer, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except _PartialFailure as partial:
            # gRPC carries the details of a status in this trailer.
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(partial))
            status.details.add().Pack(partial.details)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, str(partial))
        except Exception as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error) or repr(error))

    return call


class AwsServicer(ResourceProviderServicer):
    """The simulator's AWS types, with the methods that the CLI's engine calls."""

    def __init__(self) -> None:
        self.settings = providers.ProviderSettings()
        self.version = version("pulumi-aws")

    def _resolve_type(self, urn: str) -> providers.AwsResourceType:
        token, name = urn.split("::")[2].split("$")[-1], urn.split("::", 3)[3]
        return providers.resolve_type(token, self.settings, name)

    @_abort_on_error
    def Handshake(self, _request: Any) -> Any:
        return proto.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    @_abort_on_error
    def Attach(self, _request: Any) -> Any:
        return empty_pb2.Empty()

    @_abort_on_error
    def GetPluginInfo(self, _request: Any) -> Any:
        return proto.PluginInfo(version=self.version)

    @_abort_on_error
    def GetSchema(self, _request: Any) -> Any:
        return proto.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": self.version}))

    @_abort_on_error
    def GetMapping(self, _request: Any) -> Any:
        return proto.GetMappingResponse()

    @_abort_on_error
    def GetMappings(self, _request: Any) -> Any:
        return proto.GetMappingsResponse()

    @_abort_on_error
    def CheckConfig(self, request: Any) -> Any:
        return proto.CheckResponse(inputs=request.news)

    @_abort_on_error
    def DiffConfig(self, request: Any) -> Any:
        old, new = normalize(request.old_inputs), normalize(request.news)
        changed = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=[k for k in changed if k == "region"],
        )

    @_abort_on_error
    def Configure(self, request: Any) -> Any:
        self.settings = providers.ProviderSettings.from_config(deserialize_props(request.args))
        return proto.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    @_abort_on_error
    def Check(self, request: Any) -> Any:
        sent, autonaming_options = deserialize_props(request.news), None
        if request.HasField("autonaming"):
            mode = proto.CheckRequest.AutonamingOptions.Mode.Name(request.autonaming.mode)
            autonaming_options = providers.Autonaming(request.autonaming.proposed_name, mode)
        checked_result = self._resolve_type(request.urn).check(
            deserialize_props(request.olds), sent, request.randomSeed, autonaming_options
        )
        return proto.CheckResponse(
            inputs=serialize_over(request.news, sent, checked_result.inputs),
            failures=[proto.CheckFailure(property=f.property, reason=f.reason) for f in checked_result.failures],
        )

    @_abort_on_error
    def Diff(self, request: Any) -> Any:
        if request.old_inputs == request.news:
            return proto.DiffResponse(changes=proto.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
        olds, news = normalize(request.old_inputs), normalize(request.news)
        changed = sorted(k for k in {*olds, *news} if olds.get(k) != news.get(k))
        kind = self._resolve_type(request.urn)
        replaces = kind.find_replace_keys(changed, olds, news)
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and kind.should_delete_first(olds, news),
            detailedDiff=build_detailed_diff(olds, news, replaces),
            hasDetailedDiff=True,
        )

    @_abort_on_error
    def Create(self, request: Any) -> Any:
        kind, props = self._resolve_type(request.urn), deserialize_props(request.properties)
        if request.preview:
            return proto.CreateResponse(properties=serialize_over(request.properties, props, kind.preview(None, props)))
        with _wrap_partial_failure(request.properties, props):
            created = kind.create(props)
        return proto.CreateResponse(
            id=created.id, properties=serialize_over(request.properties, props, created.outs or {})
        )

    @_abort_on_error
    def Update(self, request: Any) -> Any:
        kind, news, olds = (
            self._resolve_type(request.urn),
            deserialize_props(request.news),
            deserialize_props(request.olds),
        )
        if request.preview:
            outs = kind.preview(olds, news)
        elif normalize(request.old_inputs) == normalize(request.news):
            outs = kind.read_unchanged(request.id, olds, news).outs or {}
        else:
            with _wrap_partial_failure(request.news, news):
                outs = kind.update(request.id, olds, news).outs or {}
        return proto.UpdateResponse(properties=serialize_over(request.news, news, outs))

    @_abort_on_error
    def Delete(self, request: Any) -> Any:
        self._resolve_type(request.urn).delete(request.id, deserialize_props(request.properties))
        return empty_pb2.Empty()

    @_abort_on_error
    def Read(self, request: Any) -> Any:
        """Reads for a refresh (with the state's inputs), or for an import or a `get` (without)."""
        kind, props, inputs = (
            self._resolve_type(request.urn),
            deserialize_props(request.properties),
            deserialize_props(request.inputs),
        )
        got = kind.read(request.id, props, inputs or None)
        if not got.id:
            return proto.ReadResponse()
        live_inputs = serialize_over(request.inputs, inputs, got.inputs) if got.inputs is not None else request.inputs
        return proto.ReadResponse(
            id=got.id,
            properties=serialize_over(request.properties, props, got.outs or {}),
            inputs=restore_assets(live_inputs, request),
        )

    @_abort_on_error
    def Invoke(self, request: Any) -> Any:
        result = providers.invoke(request.tok, self.settings, deserialize_props(request.args))
        response = proto.InvokeResponse()
        getattr(response, "return").CopyFrom(serialize_props(result))
        return response

    @_abort_on_error
    def Cancel(self, _request: Any) -> Any:
        CANCELLED.set()
        return empty_pb2.Empty()


def serve() -> None:
    """Serves until the parent process is gone, since a killed CLI leaves its plugins running."""
    server = grpc.server(
        futures.ThreadPoolExecutor(32),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # Reads the parent's id before the write of the port, which fails if the CLI is already gone.
    parent = os.getppid()
    os.write(1, f"{port}\n".encode())
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    serve()
