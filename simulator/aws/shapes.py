"""What botocore's service models refuse: required members, lengths, ranges, patterns and enums, checked as a server.

Source: botocore/data/sagemaker/2017-07-24/service-2.json. botocore's own client checks types, required members and
minima only; the service checks the rest, so a rehearsal must.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from moto.core.utils import get_service_model

from simulator.aws.errors import ValidationException


def check(service: str, operation: str, params: Mapping[str, Any]) -> None:
    """Raises ValidationException listing everything in params that the operation's input shape refuses."""
    shape = _model(service).operation_model(operation).input_shape
    if shape is None:
        return
    faults = list(_faults(shape, params, ""))
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected: "
        raise ValidationException(count + "; ".join(faults))


@cache
def _model(service: str) -> ServiceModel:
    return get_service_model(service)


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _in_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _in_list(shape, value, path)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _faults(shape.value, item, f"{path}.{key}")
    elif isinstance(shape, StringShape):
        yield from _in_string(shape, value, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _in_number(shape, value, path)


def _in_structure(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _faults(member, value[name], _join(path, name))


def _in_list(shape: ListShape, value: Sequence[Any], path: str) -> Iterator[str]:
    yield from _length(shape, len(value), value, path)
    for position, item in enumerate(value, start=1):
        yield from _faults(shape.member, item, f"{path}.{position}.member")


def _in_string(shape: StringShape, value: str, path: str) -> Iterator[str]:
    yield from _length(shape, len(value), value, path)
    if shape.enum and value not in shape.enum:
        yield _broken(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    wanted = shape.metadata.get("pattern")
    compiled = _pattern(wanted) if wanted else None
    if compiled is not None and not compiled.fullmatch(value):
        yield _broken(value, path, f"Member must satisfy regular expression pattern: {wanted}")


def _in_number(shape: Shape, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and float(value) < least:
        yield _broken(value, path, f"Member must have value greater than or equal to {least}")
    if most is not None and float(value) > most:
        yield _broken(value, path, f"Member must have value less than or equal to {most}")


def _length(shape: Shape, length: int, value: object, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        yield _broken(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and length > most:
        yield _broken(value, path, f"Member must have length less than or equal to {most}")


def _broken(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    lower = name[:1].lower() + name[1:]
    return f"{path}.{lower}" if path else lower
