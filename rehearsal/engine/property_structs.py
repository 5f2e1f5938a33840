"""Reads, writes and compares properties in the provider protocol's form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime import proto, rpc

_CHANGE_KINDS = {(True, False): "DELETE", (False, True): "ADD", (True, True): "UPDATE"}


def serialize_props(props: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties in the protocol's form."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(rpc.serialize_properties(dict(props), {}))
    finally:
        loop.close()


def deserialize_props(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Properties from the protocol's form.

    Old states contain an asset's hash alone, which the SDK refuses to read: such a property is left out.
    """
    readable = _copy_fields(
        struct, (k for k in struct.fields if not k.startswith("__") and not _has_bare_asset(struct[k]))
    )
    return rpc.deserialize_properties(readable, keep_unknowns=True)


def _copy_fields(struct: struct_pb2.Struct, keys: Iterable[str]) -> struct_pb2.Struct:
    """Copies some properties without parsing them, since parsing takes most of a call's time."""
    copied_fields = struct_pb2.Struct()
    for key in keys:
        copied_fields.fields[key].CopyFrom(struct.fields[key])
    return copied_fields


def _is_hashed_asset(value: Any) -> bool:
    return isinstance(value, struct_pb2.Struct) and bool(value.fields.get(rpc._special_sig_key)) and "hash" in value


def _has_bare_asset(value: Any) -> bool:
    """Whether the value contains an asset without content."""
    if isinstance(value, struct_pb2.Struct):
        if _is_hashed_asset(value) and not any(key in value for key in ("path", "text", "uri", "assets")):
            return True
        return any(map(_has_bare_asset, value.values()))
    return isinstance(value, struct_pb2.ListValue) and any(map(_has_bare_asset, value))


def serialize_over(struct: struct_pb2.Struct, sent: Mapping[str, Any], outs: Mapping[str, Any]) -> struct_pb2.Struct:
    """Outputs in the protocol's form.

    Unchanged values keep the CLI's own form, which contains the hash of an asset.
    """
    merged = _copy_fields(struct, (k for k in struct.fields if k in outs and k in sent and outs[k] is sent[k]))
    merged.MergeFrom(serialize_props({k: v for k, v in outs.items() if k not in sent or v is not sent[k]}))
    return merged


def normalize(value: Any) -> Any:
    """A form for comparisons: an asset becomes the hash of its content, which the SDK's own reader drops."""
    if _is_hashed_asset(value):
        return f"sha256:{value['hash']}"
    if isinstance(value, struct_pb2.Struct):
        return {k: normalize(v) for k, v in value.items() if not k.startswith("__")}
    return [normalize(v) for v in value] if isinstance(value, struct_pb2.ListValue) else value


def _iter_differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, kind of change) for the innermost values that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _diff_member(old, new, key, f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list):
        olds, news = dict(enumerate(old)), dict(enumerate(new))
        for index in range(max(len(old), len(new))):
            yield from _diff_member(olds, news, index, f"{path}[{index}]")
    elif old != new:
        yield path, "UPDATE"


def _diff_member(olds: dict[Any, Any], news: dict[Any, Any], key: Any, path: str) -> Iterator[tuple[str, str]]:
    if key in olds and key in news:
        yield from _iter_differences(olds[key], news[key], path)
    else:
        yield path, _CHANGE_KINDS[key in olds, key in news]


def build_detailed_diff(old: dict[str, Any], new: dict[str, Any], replaces: list[str]) -> dict[str, Any]:
    kinds = {}
    for path, kind in _iter_differences(old, new, ""):
        top = path.split(".")[0].split("[")[0]
        name = f"{kind}_REPLACE" if top in replaces else kind
        kinds[path] = proto.PropertyDiff(kind=proto.PropertyDiff.Kind.Value(name), inputDiff=True)
    return kinds


def restore_assets(live: struct_pb2.Struct, request: Any) -> struct_pb2.Struct:
    """The live inputs, with the assets that only the state contains."""
    merged = struct_pb2.Struct()
    merged.update({k: v for k, v in request.inputs.items() if _has_bare_asset(v)})
    merged.update(dict(live.items()))
    return merged
