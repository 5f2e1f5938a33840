"""What moto works out anew for every call, worked out once: the names in an answer, and the operations of a service.

moto asks every answer for each member of its shape under up to ten names, and works those names out anew for each
value. A DynamoDB item has ten members an attribute, of which it holds one. For a plain dict the names depend on the
member alone: they are kept on it, which halves the time of a call. What is answered stays the same.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

import moto.core.responses
from moto.core.serialize import AttributePickerContext, ResponseSerializer


def install() -> None:
    """Sets the quicker look-ups."""
    ResponseSerializer.get_value = _cache_names(ResponseSerializer.get_value)  # type: ignore[method-assign]
    responses: Any = moto.core.responses
    responses.method_names_from_class = cache(responses.method_names_from_class)


def _cache_names(original: Any) -> Any:
    @wraps(original)
    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        if type(value) is not dict or self._value_picker.response_transformers:
            return original(self, value, key, shape)
        for name in _list_lookup_names(self, value, key, shape):
            if name in value:
                return value[name]
        return None

    return get_value


def _list_lookup_names(serializer: Any, value: dict[str, Any], key: str, shape: Any) -> tuple[str, ...]:
    """What moto would look for, in its order. botocore makes a shape object for each member of each structure."""
    cached: tuple[str, tuple[str, ...]] | None = shape.__dict__.get("_lookup_names")
    if cached is None or cached[0] != key:
        operation = serializer.operation_model
        context = AttributePickerContext(value, key, shape, operation, operation.service_model, "")
        cached = key, tuple(dict.fromkeys(serializer._value_picker.get_possible_keys(context)))
        shape.__dict__["_lookup_names"] = cached
    return cached[1]
