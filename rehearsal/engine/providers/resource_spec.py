"""A row of the table of AWS types: the functions that create, read, update and delete an object, and their context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.properties import Props, from_response, is_different, to_request
from rehearsal.engine.providers.provider_settings import ProviderSettings


@dataclass(frozen=True)
class ResourceContext:
    """The context of a row's functions: the properties, the live object's id, and the client."""

    spec: ResourceSpec
    settings: ProviderSettings
    props: Props
    """The inputs of a create or update; the last known outputs for read and delete."""
    id: str = ""
    olds: Props = field(default_factory=dict)
    """The last known outputs, in an update."""

    def __getitem__(self, key: str) -> Any:
        return self.props[key]

    def get(self, key: str, default: Any = None) -> Any:
        value = self.props.get(key)
        return default if value is None else value

    @property
    def region(self) -> str:
        return str(self.props.get("region") or self.settings.region)

    @cached_property
    def client(self) -> Any:
        return self.settings.get_client(self.spec.service, self.region)

    def has_changed(self, *keys: str) -> bool:
        return any(is_different(self.olds.get(k), self.props.get(k)) for k in keys)

    def build_params(self, operation: str, props: Mapping[str, Any], renames: Mapping[str, str] | None = None) -> Props:
        """The parameters of an API operation (PascalCase name) from properties."""
        return to_request(self.client.meta.service_model.operation_model(operation).input_shape, props, renames)

    def parse_response(
        self, operation: str, response: Mapping[str, Any], renames: Mapping[str, str] | None = None
    ) -> Props:
        """The response of an API operation as properties."""
        shape = self.client.meta.service_model.operation_model(operation).output_shape
        return from_response(shape, {k: v for k, v in response.items() if k != "ResponseMetadata"}, renames)

    def build_arn(self, resource: str, service: str = "") -> str:
        return f"arn:aws:{service or self.spec.service}:{self.region}:{self.settings.account}:{resource}"


@dataclass(frozen=True)
class ResourceSpec:
    """A row of the table: one AWS type."""

    service: str
    create: Callable[[ResourceContext], Props]
    """Creates the object in one call; returns outputs, including `id` unless it is the name."""
    read: Callable[[ResourceContext], Props]
    """Returns the live properties; raises an error that `is_not_found` recognises."""
    delete: Callable[[ResourceContext], object]
    finish: Callable[[ResourceContext], Props] | None = None
    """Waits for the object and applies the settings that `create` leaves open; returns more outputs.

    Its properties include the result of `create`. If it fails, the object stays in the state with the error.
    """
    update: Callable[[ResourceContext], Props] | None = None
    """Changes the object in place; without it any change except tags replaces the object."""
    inputs: frozenset[str] = frozenset()
    """The supported arguments; any other is refused."""
    naming: Naming | None = field(default_factory=Naming)
    force_new: frozenset[str] = frozenset()
    """Inputs that cannot change in place, except the name."""
    force_new_when: Callable[[Props, Props], list[str]] | None = None
    """Inputs whose change replaces only in some cases, from old and new inputs."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the provider's schema."""
    apply_defaults: Callable[[Props], Props] | None = None
    """Schema defaults inside blocks."""
    validate: Callable[[Props], dict[str, str]] | None = None
    """{property: error} for inputs that the provider's schema refuses before any call."""
    computed: tuple[str, ...] = ("arn",)
    """Outputs that are not inputs."""
    recomputed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Outputs that an update of these inputs makes unknown in a preview."""
    retag: Callable[[ResourceContext, dict[str, str], list[str]], object] | None = None
    """Adds and removes tags; a type without it has no tags."""
    identify: Callable[[ResourceContext], str] | None = None
    """The id of an object with these inputs, if it is not the name."""
