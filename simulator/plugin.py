"""`pulumi-resource-aws` for the simulator: simulator.provider behind Pulumi's provider protocol.

Put an executable of that name on PATH that runs `python -m simulator.plugin`, set AWS_ENDPOINT_URL and the key of the
run, and a real `pulumi up` deploys to the simulator.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent import futures
from functools import wraps
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime import proto, rpc
from pulumi.runtime.proto import ResourceProviderServicer, provider_pb2, provider_pb2_grpc

from simulator import provider
from simulator.provider.errors import InitFailed
from simulator.provider.waiting import CANCELLED

_LARGEST = 400 << 20
"""Bytes a message may have; the CLI's own limit."""
_KINDS = {(True, False): "DELETE", (False, True): "ADD", (True, True): "UPDATE"}


def to_struct(props: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties in the protocol's form."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(rpc.serialize_properties(dict(props), {}))
    finally:
        loop.close()


def to_props(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Properties from the protocol's form.

    Old states carry an asset's hash alone, which the SDK refuses to read: such a property is left out.
    """
    readable = _part(struct, (k for k in struct.fields if not k.startswith("__") and not _bare(struct[k])))
    return rpc.deserialize_properties(readable, keep_unknowns=True)


def _part(struct: struct_pb2.Struct, keys: Iterable[str]) -> struct_pb2.Struct:
    """Some properties as they are, copied without a look inside, which takes most of a call's time."""
    made = struct_pb2.Struct()
    for key in keys:
        made.fields[key].CopyFrom(struct.fields[key])
    return made


def _asset(value: Any) -> bool:
    return isinstance(value, struct_pb2.Struct) and bool(value.fields.get(rpc._special_sig_key)) and "hash" in value


def _bare(value: Any) -> bool:
    """Whether an asset without content hides anywhere inside."""
    if isinstance(value, struct_pb2.Struct):
        if _asset(value) and not any(key in value for key in ("path", "text", "uri", "assets")):
            return True
        return any(map(_bare, value.values()))
    return isinstance(value, struct_pb2.ListValue) and any(map(_bare, value))


def _over(struct: struct_pb2.Struct, given: Mapping[str, Any], outs: Mapping[str, Any]) -> struct_pb2.Struct:
    """Outs in the protocol's form; what is still as given keeps the CLI's own form, where an asset's hash lives."""
    made = _part(struct, (k for k in struct.fields if k in outs and k in given and outs[k] is given[k]))
    made.MergeFrom(to_struct({k: v for k, v in outs.items() if k not in given or v is not given[k]}))
    return made


class _Kept(Exception):
    """An error, and what the CLI keeps in its state all the same."""

    def __init__(self, failure: InitFailed, properties: struct_pb2.Struct) -> None:
        super().__init__(failure.reason)
        self.details = provider_pb2.ErrorResourceInitFailed(
            id=failure.id, properties=properties, reasons=[failure.reason]
        )


@contextlib.contextmanager
def _keeping(struct: struct_pb2.Struct, given: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except InitFailed as failure:
        raise _Kept(failure, _over(struct, given, failure.outs)) from failure


def _plain(value: Any) -> Any:
    """A form to compare: an asset is the hash of its content, which the SDK's own reader drops."""
    if _asset(value):
        return f"sha256:{value['hash']}"
    if isinstance(value, struct_pb2.Struct):
        return {k: _plain(v) for k, v in value.items() if not k.startswith("__")}
    return [_plain(v) for v in value] if isinstance(value, struct_pb2.ListValue) else value


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, kind of change) for the innermost values that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _member(old, new, key, f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list):
        olds, news = dict(enumerate(old)), dict(enumerate(new))
        for index in range(max(len(old), len(new))):
            yield from _member(olds, news, index, f"{path}[{index}]")
    elif old != new:
        yield path, "UPDATE"


def _member(olds: dict[Any, Any], news: dict[Any, Any], key: Any, path: str) -> Iterator[tuple[str, str]]:
    if key in olds and key in news:
        yield from _differences(olds[key], news[key], path)
    else:
        yield path, _KINDS[key in olds, key in news]


def _detailed(old: dict[str, Any], new: dict[str, Any], replaces: list[str]) -> dict[str, Any]:
    kinds = {}
    for path, kind in _differences(old, new, ""):
        top = path.split(".")[0].split("[")[0]
        name = f"{kind}_REPLACE" if top in replaces else kind
        kinds[path] = proto.PropertyDiff(kind=proto.PropertyDiff.Kind.Value(name), inputDiff=True)
    return kinds


def _answering(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method as gRPC calls it: its failure is one sentence to the user, not a traceback."""

    @wraps(method)
    def call(self: AwsProvider, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except _Kept as kept:
            # Where gRPC carries the details of a status.
            said = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(kept))
            said.details.add().Pack(kept.details)
            context.set_trailing_metadata((("grpc-status-details-bin", said.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, str(kept))
        except Exception as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error) or repr(error))

    return call


class AwsProvider(ResourceProviderServicer):
    """The simulator's AWS types as the CLI's engine calls them."""

    def __init__(self) -> None:
        self.settings = provider.Settings()
        self.version = version("pulumi-aws")

    def _type(self, urn: str) -> provider.AwsType:
        token, name = urn.split("::")[2].split("$")[-1], urn.split("::", 3)[3]
        return provider.aws_type(token, self.settings, name)

    @_answering
    def Handshake(self, _request: Any) -> Any:
        return proto.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    @_answering
    def Attach(self, _request: Any) -> Any:
        return empty_pb2.Empty()

    @_answering
    def GetPluginInfo(self, _request: Any) -> Any:
        return proto.PluginInfo(version=self.version)

    @_answering
    def GetSchema(self, _request: Any) -> Any:
        return proto.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": self.version}))

    @_answering
    def GetMapping(self, _request: Any) -> Any:
        return proto.GetMappingResponse()

    @_answering
    def GetMappings(self, _request: Any) -> Any:
        return proto.GetMappingsResponse()

    @_answering
    def CheckConfig(self, request: Any) -> Any:
        return proto.CheckResponse(inputs=request.news)

    @_answering
    def DiffConfig(self, request: Any) -> Any:
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=[k for k in changed if k == "region"],
        )

    @_answering
    def Configure(self, request: Any) -> Any:
        self.settings = provider.Settings.of(to_props(request.args))
        return proto.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    @_answering
    def Check(self, request: Any) -> Any:
        given, asked = to_props(request.news), None
        if request.HasField("autonaming"):
            mode = proto.CheckRequest.AutonamingOptions.Mode.Name(request.autonaming.mode)
            asked = provider.Autonaming(request.autonaming.proposed_name, mode)
        got = self._type(request.urn).check(to_props(request.olds), given, request.randomSeed, asked)
        return proto.CheckResponse(
            inputs=_over(request.news, given, got.inputs),
            failures=[proto.CheckFailure(property=f.property, reason=f.reason) for f in got.failures],
        )

    @_answering
    def Diff(self, request: Any) -> Any:
        if request.old_inputs == request.news:
            return proto.DiffResponse(changes=proto.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
        olds, news = _plain(request.old_inputs), _plain(request.news)
        changed = sorted(k for k in {*olds, *news} if olds.get(k) != news.get(k))
        kind = self._type(request.urn)
        replaces = kind.replaces(changed, olds, news)
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and kind.delete_first(olds, news),
            detailedDiff=_detailed(olds, news, replaces),
            hasDetailedDiff=True,
        )

    @_answering
    def Create(self, request: Any) -> Any:
        kind, props = self._type(request.urn), to_props(request.properties)
        if request.preview:
            return proto.CreateResponse(properties=_over(request.properties, props, kind.preview(None, props)))
        with _keeping(request.properties, props):
            made = kind.create(props)
        return proto.CreateResponse(id=made.id, properties=_over(request.properties, props, made.outs or {}))

    @_answering
    def Update(self, request: Any) -> Any:
        kind, news, olds = self._type(request.urn), to_props(request.news), to_props(request.olds)
        if request.preview:
            outs = kind.preview(olds, news)
        elif _plain(request.old_inputs) == _plain(request.news):
            outs = kind.look(request.id, olds, news).outs or {}
        else:
            with _keeping(request.news, news):
                outs = kind.update(request.id, olds, news).outs or {}
        return proto.UpdateResponse(properties=_over(request.news, news, outs))

    @_answering
    def Delete(self, request: Any) -> Any:
        self._type(request.urn).delete(request.id, to_props(request.properties))
        return empty_pb2.Empty()

    @_answering
    def Read(self, request: Any) -> Any:
        """A refresh (with the state's inputs), an import or a `get` (without)."""
        kind, props, inputs = self._type(request.urn), to_props(request.properties), to_props(request.inputs)
        got = kind.read(request.id, props, inputs or None)
        if not got.id:
            return proto.ReadResponse()
        seen = _over(request.inputs, inputs, got.inputs) if got.inputs is not None else request.inputs
        return proto.ReadResponse(
            id=got.id, properties=_over(request.properties, props, got.outs or {}), inputs=_with_assets(seen, request)
        )

    @_answering
    def Invoke(self, request: Any) -> Any:
        found = provider.call(request.tok, self.settings, to_props(request.args))
        said = proto.InvokeResponse()
        getattr(said, "return").CopyFrom(to_struct(found))
        return said

    @_answering
    def Cancel(self, _request: Any) -> Any:
        CANCELLED.set()
        return empty_pb2.Empty()


def _with_assets(seen: struct_pb2.Struct, request: Any) -> struct_pb2.Struct:
    """Inputs as they are live, with the assets that only the state knows."""
    made = struct_pb2.Struct()
    made.update({k: v for k, v in request.inputs.items() if _bare(v)})
    made.update(dict(seen.items()))
    return made


def serve() -> None:
    """Serves until the process that started it is gone, since a CLI that is killed leaves its plugins running."""
    server = grpc.server(
        futures.ThreadPoolExecutor(32),
        options=[("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsProvider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # Asked before the port is told, which fails where the CLI is gone already.
    parent = os.getppid()
    os.write(1, f"{port}\n".encode())
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    serve()
