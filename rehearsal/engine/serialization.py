"""Property maps in the form of Pulumi's protocol, as plain JSON.

Secrets, assets and unknowns have the protocol's own signatures, so that a map needs no types of ours and can be saved
directly.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping
from typing import Any, TypeVar

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

PropertyMap = dict[str, Any]

SIGNATURE: str = rpc._special_sig_key
SECRET: str = rpc._special_secret_sig
ARCHIVE: str = rpc._special_archive_sig
ASSETS = (rpc._special_asset_sig, ARCHIVE)
UNKNOWN: str = rpc.UNKNOWN

T = TypeVar("T")


def to_property_map(props: Mapping[str, Any]) -> PropertyMap:
    """Converts a provider's result for the state. It contains no Outputs, so that serialization never waits."""
    return from_struct(_run_synchronously(rpc.serialize_properties(dict(props), {})))


def to_python(wire: PropertyMap) -> dict[str, Any]:
    """Converts properties for a provider: secrets in plaintext, numbers as doubles, unknowns as Unknown."""
    return rpc.deserialize_properties(to_struct(reveal_secrets(wire)), keep_unknowns=True)


def from_struct(struct: struct_pb2.Struct) -> PropertyMap:
    """Converts a protocol message to JSON; whole numbers become ints, so that a state file keeps its form."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def to_struct(wire: Mapping[str, Any]) -> struct_pb2.Struct:
    return struct_pb2.Struct(fields={key: _to_value(value) for key, value in wire.items()})


def reveal_secrets(value: Any) -> Any:
    """The value with every secret in plaintext."""
    if isinstance(value, dict):
        return reveal_secrets(value["value"]) if is_secret(value) else {k: reveal_secrets(v) for k, v in value.items()}
    return [reveal_secrets(v) for v in value] if isinstance(value, list) else value


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def has_secret(value: Any) -> bool:
    """Whether the value contains a secret."""
    if is_secret(value):
        return True
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_secret, children))


def make_secret(value: Any) -> Any:
    """The value as a secret."""
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": reveal_secrets(value)}


def mark_secrets(outs: PropertyMap, keys: Collection[str]) -> PropertyMap:
    """The map with these keys as secrets."""
    return {key: make_secret(value) if key in keys else value for key, value in outs.items()}


def copy_secrecy(outs: PropertyMap, inputs: PropertyMap) -> PropertyMap:
    """Marks outputs as secret like the inputs of the same name: key by key in objects, else the whole value.

    This is the engine's rule for providers that do not track secrets themselves.
    """
    return {key: _copy_value_secrecy(value, inputs[key]) if key in inputs else value for key, value in outs.items()}


def _copy_value_secrecy(value: Any, source: Any) -> Any:
    both_objects = (
        isinstance(value, dict) and isinstance(source, dict) and SIGNATURE not in value and SIGNATURE not in source
    )
    if both_objects:
        return copy_secrecy(value, source)
    return make_secret(value) if has_secret(source) else value


def _run_synchronously(coroutine: Coroutine[Any, Any, T]) -> T:
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
