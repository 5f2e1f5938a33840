"""Converts properties between Pulumi's camelCase and the request shapes of botocore's models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from pulumi.output import Unknown

Props = dict[str, Any]


class Unsupported(Exception):
    """The simulator does not support an argument of the program; it refuses it instead of ignoring it."""


def is_known(value: Any) -> bool:
    """Whether the value contains no unknown."""
    if isinstance(value, Unknown):
        return False
    if isinstance(value, Mapping):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list | tuple) else True


def restore_integers(value: Any) -> Any:
    """Converts whole numbers to integers: the protocol has only doubles, and AWS requires integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {k: restore_integers(v) for k, v in value.items()}
    return [restore_integers(v) for v in value] if isinstance(value, list) else value


def pick(props: Mapping[str, Any], *keys: str) -> Props:
    """The properties with these keys that are set."""
    return {k: props[k] for k in keys if props.get(k) is not None}


def to_request(shape: Shape | None, value: Any, renames: Mapping[str, str] | None = None, path: str = "") -> Any:
    """A property map as the parameters of an API call, with the names of the call's own shape.

    `renames` maps a property's name, at any depth, to the member's. A property without a member raises Unsupported, so
    that no argument is lost.
    """
    renames = renames or {}
    if isinstance(shape, StructureShape) and isinstance(value, list) and len(value) == 1:
        value = value[0]  # the provider's schema has a list, the API a single value
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = {name.lower(): name for name in shape.members}
        params: Props = {}
        for key, inner in value.items():
            if inner is None:
                continue
            member = renames.get(key) or members.get(key.lower())
            if member is None or member not in shape.members:
                raise Unsupported(f"the simulator does not support {path + key!r}: {shape.name} has no such member")
            params[member] = to_request(shape.members[member], inner, renames, f"{path}{key}.")
        return params
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list | tuple) else [value]
        return [to_request(shape.member, item, renames, path) for item in items]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {k: to_request(shape.value, v, renames, path) for k, v in value.items()}
    if shape is not None and shape.type_name == "string" and isinstance(value, int | float | bool):
        return json.dumps(value)
    return value


def to_camel_case(member: str) -> str:
    """A member's name as a property's: `SSEAlgorithm` is `sseAlgorithm`, `VolumeSizeInGB` is `volumeSizeInGb`."""
    name = re.sub(r"[A-Z]{2,}(?=[A-Z][a-z]|[^A-Za-z]|$)", lambda run: run.group().capitalize(), member)
    return name[:1].lower() + name[1:]


def from_response(shape: Shape | None, value: Any, renames: Mapping[str, str] | None = None) -> Any:
    """The response of an API call with property names; `renames` maps members to property names."""
    renames = renames or {}
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {
            renames.get(k) or to_camel_case(k): from_response(shape.members.get(k), v, renames)
            for k, v in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [from_response(shape.member, item, renames) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {k: from_response(shape.value, v, renames) for k, v in value.items()}
    return value


def to_json_text(document: Any) -> str:
    """A JSON document as text for AWS, from text or values."""
    return document if isinstance(document, str) else json.dumps(document)


def is_same(declared: Any, live: Any) -> bool:
    """Whether the live value still matches the declared one.

    It compares JSON texts by meaning and ignores members added by AWS.
    """
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return all(is_same(v, live.get(k)) for k, v in declared.items())
    if isinstance(declared, list) and isinstance(live, list):
        if len(declared) != len(live):
            return False
        if all(isinstance(x, str | int | float) for x in [*declared, *live]):
            return sorted(map(str, declared)) == sorted(map(str, live))
        return all(is_same(a, b) for a, b in zip(declared, live, strict=True))
    if isinstance(declared, str) and isinstance(live, str) and declared[:1] in "{[" and live[:1] in "{[":
        try:
            return bool(json.loads(declared) == json.loads(live))
        except ValueError:
            return declared == live
    return declared == live or (not declared and not live)


def is_different(first: Any, second: Any) -> bool:
    """Whether two declarations differ in meaning, including members that only one of them has."""
    return not (is_same(first, second) and is_same(second, first))
