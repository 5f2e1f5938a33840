"""A stack's resources by type, and which of them are settings of which other.

In a preview names of new resources are unknown, so that a setting is found by the dependency of its property, and only
otherwise by the name that it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.resource_types import read_list

_NAMES = ("bucket", "name", "arn", "id", "url", "keyId")
"""The properties by which other resources refer to one."""


class StackView:
    """The resources of one stack."""

    def __init__(self, resources: Sequence[PolicyResource]) -> None:
        self._resources = resources

    def of_type(self, *types: str) -> list[PolicyResource]:
        """Returns the resources of these types, in the stack's order."""
        return [resource for resource in self._resources if resource.resource_type in types]

    def find_settings(self, owner: PolicyResource, types: Collection[str], property_name: str) -> list[PolicyResource]:
        """Returns the resources of `types` whose property refers to `owner`."""
        return [each for each in self.of_type(*types) if refers_to(each, property_name, owner)]

    def find_referred(
        self, resource: PolicyResource, property_name: str, types: Collection[str]
    ) -> list[PolicyResource]:
        """Returns the resources of `types` that the property of `resource` refers to."""
        return [each for each in self.of_type(*types) if refers_to(resource, property_name, each)]


def refers_to(resource: PolicyResource, property_name: str, owner: PolicyResource) -> bool:
    """Whether a property comes from `owner`, or holds its name, ARN or URL."""
    if any(each.urn == owner.urn for each in resource.property_dependencies.get(property_name, ())):
        return True
    value = read_known(resource, property_name)
    return value is not None and value in {read_known(owner, name) for name in _NAMES} - {None}


def read_known(resource: PolicyResource, property_name: str) -> str | None:
    """Returns a text property; None if it is absent or unknown yet."""
    try:
        value: Any = resource.props.get(property_name)
    except UnknownValueError:
        return None
    return value if isinstance(value, str) and value else None


def may_hold(resource: PolicyResource, property_name: str, owner_type: str, text: str) -> bool:
    """Whether a list holds an item with `text`, or is unknown yet and comes from a resource of `owner_type`."""
    try:
        items = list(read_list(resource.props, property_name))
    except UnknownValueError:
        owners = resource.property_dependencies.get(property_name, ())
        return any(owner_type in ("", owner.resource_type) for owner in owners)
    return any(text in item for item in items if isinstance(item, str))
