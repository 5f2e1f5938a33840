"""The names that moto looks for in an answer, worked out once for each member of a shape.

moto asks every answer for each member of its shape under up to ten names, and works those names out anew for each
value. A DynamoDB item has ten members an attribute, of which it holds one. For a plain dict the names depend on the
member alone: they are kept on it, which halves the time of a call. What is answered stays the same.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from moto.core.serialize import AttributePickerContext, ResponseSerializer


def install() -> None:
    """Sets the quicker look-up."""
    ResponseSerializer.get_value = _quick(ResponseSerializer.get_value)  # type: ignore[method-assign]


def _quick(original: Any) -> Any:
    @wraps(original)
    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        if type(value) is not dict or self._value_picker.response_transformers:
            return original(self, value, key, shape)
        for name in _names(self, value, key, shape):
            if name in value:
                return value[name]
        return None

    return get_value


def _names(serializer: Any, value: dict[str, Any], key: str, shape: Any) -> tuple[str, ...]:
    """What moto would look for, in its order. botocore makes a shape object for each member of each structure."""
    kept: tuple[str, tuple[str, ...]] | None = shape.__dict__.get("_names_in_answers")
    if kept is None or kept[0] != key:
        operation = serializer.operation_model
        context = AttributePickerContext(value, key, shape, operation, operation.service_model, "")
        kept = key, tuple(dict.fromkeys(serializer._value_picker.get_possible_keys(context)))
        shape.__dict__["_names_in_answers"] = kept
    return kept[1]
