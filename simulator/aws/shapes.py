"""What botocore's service models refuse: required members, lengths, ranges, patterns and enums, checked as a server.

Source: botocore/data/*/*/service-2.json. botocore's own client checks types, required members and minima only; the
service checks the rest, of lists, structures and maps at every depth, so a rehearsal must.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from moto.core.utils import get_service_model

from simulator.aws.java_patterns import compiled

_NUMBERS = frozenset({"integer", "long", "float", "double"})


def refusal(service: str, operation: str, params: Mapping[str, Any]) -> str:
    """Everything in params that the operation's input shape refuses, in AWS's words; empty where there is nothing."""
    rule = _of_operation(service, operation)
    faults = list(_faults(service, rule, params, "")) if rule else []
    if not faults:
        return ""
    return f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected: " + "; ".join(faults)


@dataclass(frozen=True)
class _Rule:
    """A shape's constraints, and the shapes below it that have some."""

    type_name: str
    least: float | None
    most: float | None
    pattern: str
    enum: tuple[str, ...]
    required: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict[str, str])
    """Shapes by member; of a list its item, of a map its key and value, by these names."""

    @property
    def own(self) -> bool:
        least = self.least is not None if self.type_name in _NUMBERS else self.least
        return bool(least or self.most is not None or self.pattern or self.enum or self.required)


@cache
def _of_operation(service: str, operation: str) -> _Rule | None:
    shape = _model(service).operation_model(operation).input_shape
    return _rule(service, shape.name) if shape is not None and _matters(service, shape.name) else None


@cache
def _model(service: str) -> ServiceModel:
    return get_service_model(service)


@cache
def _rule(service: str, name: str) -> _Rule:
    """The rule of a shape; of what is below it, only what can be broken: a table's items, say, cannot."""
    shape = _model(service).shape_for(name)
    below = {member: one for member, one in _below(shape).items() if _matters(service, one)}
    return _plain(shape, below)


def _plain(shape: Shape, below: Mapping[str, str]) -> _Rule:
    about = shape.metadata
    required = tuple(shape.required_members) if isinstance(shape, StructureShape) else ()
    enum = tuple(about.get("enum") or ())
    return _Rule(shape.type_name, about.get("min"), about.get("max"), about.get("pattern") or "", enum, required, below)


def _below(shape: Shape) -> Mapping[str, str]:
    if isinstance(shape, StructureShape):
        return {name: member.name for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return {"item": shape.member.name}
    return {"key": shape.key.name, "value": shape.value.name} if isinstance(shape, MapShape) else {}


@cache
def _matters(service: str, name: str) -> bool:
    """Whether anything can be broken in a shape or below it. Shapes may hold themselves."""
    seen, waiting = {name}, [name]
    while waiting:
        shape = _model(service).shape_for(waiting.pop())
        if _plain(shape, {}).own:
            return True
        new = set(_below(shape).values()) - seen
        seen |= new
        waiting += new
    return False


def _faults(service: str, rule: _Rule, value: Any, path: str) -> Iterator[str]:
    if rule.type_name == "structure" and isinstance(value, Mapping):
        yield from _in_structure(service, rule, value, path)
    elif rule.type_name == "list" and isinstance(value, list | tuple):
        yield from _told(_length(rule, len(value)), value, path)
        if item := rule.members.get("item"):
            for position, one in enumerate(value, start=1):
                yield from _faults(service, _rule(service, item), one, f"{path}.{position}.member")
    elif rule.type_name == "map" and isinstance(value, Mapping):
        yield from _in_map(service, rule, value, path)
    elif rule.type_name == "string" and isinstance(value, str):
        yield from _told(_of_text(rule, value), value, path)
    elif rule.type_name == "blob" and isinstance(value, bytes | bytearray):
        yield from _told(_length(rule, len(value)), "java.nio.HeapByteBuffer", path)
    elif rule.type_name in _NUMBERS and isinstance(value, int | float):
        yield from _told(_of_number(rule, value), value, path)


def _in_structure(service: str, rule: _Rule, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in rule.required:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, shape in rule.members.items():
        if (member := value.get(name)) is not None:
            yield from _faults(service, _rule(service, shape), member, _join(path, name))


def _in_map(service: str, rule: _Rule, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """A map's keys and texts are told together, as AWS does; what else a map holds has a path of its own."""
    yield from _told(_length(rule, len(value)), dict(value), path)
    for part, ones in (("key", value), ("value", value.values())):
        if (name := rule.members.get(part)) is None:
            continue
        inner = _rule(service, name)
        if inner.type_name == "string":
            broken = {text: None for one in ones if isinstance(one, str) for text in _of_text(inner, one)}
            if broken:
                kind = "Map keys" if part == "key" else "Map value"
                yield _broken(dict(value), path, f"{kind} must satisfy constraint: [{', '.join(broken)}]")
        else:
            for key, one in value.items():
                yield from _faults(service, inner, one, f"{path}.{key}.member")


def _of_text(rule: _Rule, value: str) -> Iterator[str]:
    yield from _length(rule, len(value))
    if rule.enum and value not in rule.enum:
        yield f"Member must satisfy enum value set: [{', '.join(rule.enum)}]"
    if rule.pattern and not _matches(rule.pattern, value):
        yield f"Member must satisfy regular expression pattern: {rule.pattern}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return compiled(pattern).fullmatch(value) is not None
    except re.error:
        return True


def _of_number(rule: _Rule, value: float) -> Iterator[str]:
    if rule.least is not None and float(value) < rule.least:
        yield f"Member must have value greater than or equal to {rule.least}"
    if rule.most is not None and float(value) > rule.most:
        yield f"Member must have value less than or equal to {rule.most}"


def _length(rule: _Rule, length: int) -> Iterator[str]:
    if rule.least is not None and length < rule.least:
        yield f"Member must have length greater than or equal to {rule.least}"
    if rule.most is not None and length > rule.most:
        yield f"Member must have length less than or equal to {rule.most}"


def _told(constraints: Iterator[str], value: object, path: str) -> Iterator[str]:
    for constraint in constraints:
        yield _broken(value, path, constraint)


def _broken(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    lower = name[:1].lower() + name[1:]
    return f"{path}.{lower}" if path else lower
