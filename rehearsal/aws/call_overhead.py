"""Saves moto repeated work in every call: names in a response, operations, URL patterns, backends, random text.

moto looks up each member of a response shape under up to ten names and computes these names again for each value. A
DynamoDB attribute has ten members, of which a value sets one. For a plain dict the names depend on the member alone:
caching them halves the time of a call. The responses stay the same.
"""

from __future__ import annotations

import string
from functools import cache, wraps
from typing import Any

import moto.backend_index as backend_index
import moto.core.responses
from moto.core.base_backend import BackendDict
from moto.core.serialize import AttributePickerContext, ResponseSerializer
from moto.moto_api._internal.moto_random import MotoRandom

BUSY_SERVICES = frozenset({"cloudwatch", "dynamodb", "sagemaker"})
"""Services whose hosts no other service's URL pattern matches. moto tries its 200 patterns one after the other."""


def install() -> None:
    """Installs the faster lookups."""
    ResponseSerializer.get_value = _cache_names(ResponseSerializer.get_value)  # type: ignore[method-assign]
    responses: Any = moto.core.responses
    responses.method_names_from_class = cache(responses.method_names_from_class)
    backend_index.backend_url_patterns.sort(key=lambda entry: entry[0] not in BUSY_SERVICES)
    BackendDict._create_account_specific_backend = _skip_if_created(BackendDict._create_account_specific_backend)  # type: ignore[method-assign]
    MotoRandom.get_random_string = _draw_random_string  # type: ignore[method-assign]


def _skip_if_created(original: Any) -> Any:
    """moto looks through all its services each time that a backend is read, to find that it exists."""

    @wraps(original)
    def create(self: BackendDict[Any], account_id: str) -> None:
        if "_is_listed" not in self.__dict__ or not dict.__contains__(self, account_id):
            original(self, account_id)
            self.__dict__["_is_listed"] = True

    return create


def _draw_random_string(
    self: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False
) -> str:
    """Draws all characters at once: every answer of DynamoDB has a request id of 52."""
    text = "".join(self.choices(string.ascii_letters + (string.digits if include_digits else ""), k=length))
    return text.lower() if lower_case else text


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
    """The names that moto would look up, in its order.

    botocore has a shape object for each member of each structure.
    """
    cached: tuple[str, tuple[str, ...]] | None = shape.__dict__.get("_lookup_names")
    if cached is None or cached[0] != key:
        operation = serializer.operation_model
        context = AttributePickerContext(value, key, shape, operation, operation.service_model, "")
        cached = key, tuple(dict.fromkeys(serializer._value_picker.get_possible_keys(context)))
        shape.__dict__["_lookup_names"] = cached
    return cached[1]
