"""A state's resources as Terraform's plan has them, for scanners that read no Pulumi state.

The AWS provider of Pulumi is Terraform's with other names: types and properties are the same words in camelCase, and a
block that occurs at most once is an object. Source: Terraform documentation, "JSON output format";
pulumi/pulumi-terraform-bridge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from policies.stack_state import AnalyzedResource

PROVIDER = "registry.terraform.io/hashicorp/aws"
_TYPES = {"aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object"}
_BLOCKS = {"rules": "rule", "attributes": "attribute"}
"""Blocks that Terraform names in the singular."""
_MAPS = frozenset({"tags", "variables", "dimensions"})
"""Objects whose keys are the user's own."""


def build_plan(resources: Sequence[AnalyzedResource]) -> dict[str, Any]:
    """Returns a plan that creates the AWS resources of a state."""
    addresses = _name_resources(resources)
    planned = [_build_planned(each, addresses[each.urn]) for each in resources if each.urn in addresses]
    configured = [_build_configured(each, addresses) for each in resources if each.urn in addresses]
    changes = [
        {**each, "change": {"actions": ["create"], "before": None, "after": each["values"], "after_unknown": {}}}
        for each in planned
    ]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": configured}},
    }


def _name_resources(resources: Sequence[AnalyzedResource]) -> dict[str, str]:
    """Returns Terraform's addresses by URN; two of a type may have one name here, and not there."""
    addresses: dict[str, str] = {}
    for each in resources:
        if each.type.startswith("aws:"):
            address = f"{_to_terraform_type(each.type)}.{re.sub(r'[^A-Za-z0-9]', '_', each.name)}"
            while address in addresses.values():
                address += "_"
            addresses[each.urn] = address
    return addresses


def _to_terraform_type(token: str) -> str:
    if token in _TYPES:
        return _TYPES[token]
    module, name = token.split(":")[1].split("/")
    return f"aws_{module}_{_to_snake_case(name)}"


def _to_snake_case(name: str) -> str:
    return _BLOCKS.get(name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())


def _build_identity(address: str) -> dict[str, Any]:
    kind, _, name = address.partition(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name, "provider_name": PROVIDER}


def _build_planned(resource: AnalyzedResource, address: str) -> dict[str, Any]:
    values = {_to_snake_case(name): _to_values(value, name) for name, value in resource.inputs.items()}
    # A function's archive is a list of files here, and a path there; no check reads it.
    values.pop("code", None)
    return {**_build_identity(address), "schema_version": 0, "values": values}


def _to_values(value: Any, name: str) -> Any:
    if isinstance(value, Mapping) and name not in _MAPS:
        return [{_to_snake_case(key): _to_values(each, key) for key, each in value.items()}]
    if isinstance(value, list):
        return [_to_values(each, name)[0] if isinstance(each, Mapping) else each for each in value]
    return value


def _build_configured(resource: AnalyzedResource, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Returns which other resources each property refers to."""
    expressions: dict[str, Any] = {}
    for name, urns in resource.property_dependencies.items():
        owners = [addresses[urn] for urn in urns if urn in addresses]
        if owners:
            expressions[_to_snake_case(name)] = {"references": [f"{owner}.id" for owner in owners] + owners}
    return {**_build_identity(addresses[resource.urn]), "expressions": expressions}
