"""Checks the constraints of botocore's service models: required members, lengths, ranges, patterns and enums.

Source: botocore/data/*/*/service-2.json. botocore's own client checks only types, required members and minima. The
service checks the rest, at every depth of lists, structures and maps, and so does this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from moto.core.utils import get_service_model

from rehearsal.aws.validation.java_regex import compile_pattern

_NUMBERS = frozenset({"integer", "long", "float", "double"})


def describe_violations(service: str, operation: str, params: Mapping[str, Any]) -> str:
    """All violations of the operation's input shape in `params`, in AWS's words; empty without any."""
    rule = _find_input_constraints(service, operation)
    violations = list(_validate_value(service, rule, params, "")) if rule else []
    if not violations:
        return ""
    return f"{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: " + "; ".join(violations)


@dataclass(frozen=True)
class _ShapeConstraints:
    """A shape's constraints, and its nested shapes that have some."""

    type_name: str
    minimum: float | None
    maximum: float | None
    pattern: str
    enum: tuple[str, ...]
    required: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict[str, str])
    """Shapes by member; for a list its item, for a map its key and value, under these names."""

    @property
    def has_constraints(self) -> bool:
        minimum = self.minimum is not None if self.type_name in _NUMBERS else self.minimum
        return bool(minimum or self.maximum is not None or self.pattern or self.enum or self.required)


@cache
def _find_input_constraints(service: str, operation: str) -> _ShapeConstraints | None:
    shape = _load_model(service).operation_model(operation).input_shape
    return (
        _build_constraints(service, shape.name)
        if shape is not None and _has_nested_constraints(service, shape.name)
        else None
    )


@cache
def _load_model(service: str) -> ServiceModel:
    return get_service_model(service)


@cache
def _build_constraints(service: str, name: str) -> _ShapeConstraints:
    """The constraints of a shape, without nested shapes that have none, like a table's items."""
    shape = _load_model(service).shape_for(name)
    nested = {
        member: shape_name
        for member, shape_name in _list_nested_shapes(shape).items()
        if _has_nested_constraints(service, shape_name)
    }
    return _read_constraints(shape, nested)


def _read_constraints(shape: Shape, nested: Mapping[str, str]) -> _ShapeConstraints:
    metadata = shape.metadata
    required = tuple(shape.required_members) if isinstance(shape, StructureShape) else ()
    enum = tuple(metadata.get("enum") or ())
    return _ShapeConstraints(
        shape.type_name, metadata.get("min"), metadata.get("max"), metadata.get("pattern") or "", enum, required, nested
    )


def _list_nested_shapes(shape: Shape) -> Mapping[str, str]:
    if isinstance(shape, StructureShape):
        return {name: member.name for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return {"item": shape.member.name}
    return {"key": shape.key.name, "value": shape.value.name} if isinstance(shape, MapShape) else {}


@cache
def _has_nested_constraints(service: str, name: str) -> bool:
    """Whether a shape or a nested one has constraints. Shapes may be recursive."""
    seen, pending = {name}, [name]
    while pending:
        shape = _load_model(service).shape_for(pending.pop())
        if _read_constraints(shape, {}).has_constraints:
            return True
        new = set(_list_nested_shapes(shape).values()) - seen
        seen |= new
        pending += new
    return False


def _validate_value(service: str, rule: _ShapeConstraints, value: Any, path: str) -> Iterator[str]:
    if rule.type_name == "structure" and isinstance(value, Mapping):
        yield from _validate_structure(service, rule, value, path)
    elif rule.type_name == "list" and isinstance(value, list | tuple):
        yield from _format_violations(_check_length(rule, len(value)), value, path)
        if item := rule.members.get("item"):
            for position, item_value in enumerate(value, start=1):
                yield from _validate_value(
                    service, _build_constraints(service, item), item_value, f"{path}.{position}.member"
                )
    elif rule.type_name == "map" and isinstance(value, Mapping):
        yield from _validate_map(service, rule, value, path)
    elif rule.type_name == "string" and isinstance(value, str):
        yield from _format_violations(_check_text(rule, value), value, path)
    elif rule.type_name == "blob" and isinstance(value, bytes | bytearray):
        yield from _format_violations(_check_length(rule, len(value)), "java.nio.HeapByteBuffer", path)
    elif rule.type_name in _NUMBERS and isinstance(value, int | float):
        yield from _format_violations(_check_number(rule, value), value, path)


def _validate_structure(service: str, rule: _ShapeConstraints, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in rule.required:
        if value.get(name) is None:
            yield f"Value null at '{_join_path(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, shape in rule.members.items():
        if (member := value.get(name)) is not None:
            yield from _validate_value(service, _build_constraints(service, shape), member, _join_path(path, name))


def _validate_map(service: str, rule: _ShapeConstraints, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """Validates a map: violations of keys and texts share a path, as in AWS; other values have their own."""
    yield from _format_violations(_check_length(rule, len(value)), dict(value), path)
    for part, parts in (("key", value), ("value", value.values())):
        if (name := rule.members.get(part)) is None:
            continue
        inner = _build_constraints(service, name)
        if inner.type_name == "string":
            violations = {
                text: None
                for part_value in parts
                if isinstance(part_value, str)
                for text in _check_text(inner, part_value)
            }
            if violations:
                kind = "Map keys" if part == "key" else "Map value"
                yield _format_violation(dict(value), path, f"{kind} must satisfy constraint: [{', '.join(violations)}]")
        else:
            for key, item_value in value.items():
                yield from _validate_value(service, inner, item_value, f"{path}.{key}.member")


def _check_text(rule: _ShapeConstraints, value: str) -> Iterator[str]:
    yield from _check_length(rule, len(value))
    if rule.enum and value not in rule.enum:
        yield f"Member must satisfy enum value set: [{', '.join(rule.enum)}]"
    if rule.pattern and not _is_match(rule.pattern, value):
        yield f"Member must satisfy regular expression pattern: {rule.pattern}"


def _is_match(pattern: str, value: str) -> bool:
    try:
        return compile_pattern(pattern).fullmatch(value) is not None
    except re.error:
        return True


def _check_number(rule: _ShapeConstraints, value: float) -> Iterator[str]:
    if rule.minimum is not None and float(value) < rule.minimum:
        yield f"Member must have value greater than or equal to {rule.minimum}"
    if rule.maximum is not None and float(value) > rule.maximum:
        yield f"Member must have value less than or equal to {rule.maximum}"


def _check_length(rule: _ShapeConstraints, length: int) -> Iterator[str]:
    if rule.minimum is not None and length < rule.minimum:
        yield f"Member must have length greater than or equal to {rule.minimum}"
    if rule.maximum is not None and length > rule.maximum:
        yield f"Member must have length less than or equal to {rule.maximum}"


def _format_violations(constraints: Iterator[str], value: object, path: str) -> Iterator[str]:
    for constraint in constraints:
        yield _format_violation(value, path, constraint)


def _format_violation(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join_path(path: str, name: str) -> str:
    lower = name[:1].lower() + name[1:]
    return f"{path}.{lower}" if path else lower
