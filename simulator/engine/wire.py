"""Property bags in the form in which they cross Pulumi's protocol, as plain JSON.

Secrets, assets and unknowns carry the protocol's own signatures, so that a bag needs no types of ours and can be
saved as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping
from typing import Any, TypeVar

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

Wire = dict[str, Any]

SIGNATURE: str = rpc._special_sig_key
SECRET: str = rpc._special_secret_sig
ARCHIVE: str = rpc._special_archive_sig
ASSETS = (rpc._special_asset_sig, ARCHIVE)
UNKNOWN: str = rpc.UNKNOWN

T = TypeVar("T")


def to_wire(props: Mapping[str, Any]) -> Wire:
    """What a provider returned, for the state. It holds no Outputs, so that serialising it never waits."""
    return from_struct(_finished(rpc.serialize_properties(dict(props), {})))


def to_python(wire: Wire) -> dict[str, Any]:
    """What a provider sees: secrets opened, numbers as doubles, unknowns as Unknown."""
    return rpc.deserialize_properties(to_struct(reveal(wire)), keep_unknowns=True)


def from_struct(struct: struct_pb2.Struct) -> Wire:
    """JSON of a protocol message; whole numbers as ints, so that a state file reads as it was written."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def to_struct(wire: Mapping[str, Any]) -> struct_pb2.Struct:
    return struct_pb2.Struct(fields={key: _to_value(value) for key, value in wire.items()})


def reveal(value: Any) -> Any:
    """The value with every secret opened."""
    if isinstance(value, dict):
        return reveal(value["value"]) if is_secret(value) else {k: reveal(v) for k, v in value.items()}
    return [reveal(v) for v in value] if isinstance(value, list) else value


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def sealed(value: Any) -> bool:
    """Whether a secret lies anywhere inside."""
    if is_secret(value):
        return True
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(sealed, inside))


def seal(value: Any) -> Any:
    """The value as one secret."""
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": reveal(value)}


def sealing(outs: Wire, keys: Collection[str]) -> Wire:
    """The bag with these keys as secrets."""
    return {key: seal(value) if key in keys else value for key, value in outs.items()}


def sealed_like(outs: Wire, ins: Wire) -> Wire:
    """Outputs as secret as the inputs of the same name: key by key in objects, else the whole value.

    The engine's rule for providers that do not keep secrets apart themselves.
    """
    return {key: _sealed_like(value, ins[key]) if key in ins else value for key, value in outs.items()}


def _sealed_like(out: Any, given: Any) -> Any:
    plain = isinstance(out, dict) and isinstance(given, dict) and SIGNATURE not in out and SIGNATURE not in given
    if plain:
        return sealed_like(out, given)
    return seal(out) if sealed(given) else out


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise TypeError("a provider returned an Output; a provider returns plain values")


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(v) for v in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return getattr(value, kind) if kind in ("string_value", "bool_value") else None


def _to_value(value: Any) -> struct_pb2.Value:
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=to_struct(value))
    if isinstance(value, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(v) for v in value]))
    return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
