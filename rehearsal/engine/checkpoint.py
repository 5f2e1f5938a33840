"""Converts the state to and from the Pulumi CLI's export format, so that each engine can continue the other's work.

Source: pulumi/pulumi, sdk/go/common/apitype/core.go (DeploymentV3, ResourceV3, OperationV2), and
pkg/resource/stack/deployment.go on plaintext secrets, which `pulumi stack import` encrypts.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from rehearsal.engine.serialization import SECRET, SIGNATURE, PropertyMap, is_secret
from rehearsal.engine.state import Resource
from rehearsal.engine.urns import STACK

VERSION = 3
PROVIDERS = "pulumi:providers:"
_DYNAMIC = "pulumi-python"
_OPERATION_TYPES = {"create": "creating", "update": "updating", "delete": "deleting"}
_MANIFEST = {"time": "2013-01-01T00:00:00Z", "magic": "", "version": ""}
_FIELDS = {
    "parent": "parent",
    "protect": "protect",
    "external": "external",
    "retain": "retainOnDelete",
    "replaced": "delete",
    "pending_replacement": "pendingReplacement",
    "init_errors": "initErrors",
    "dependencies": "dependencies",
    "property_dependencies": "propertyDependencies",
}
"""Fields that are omitted if empty: our names, and the CLI's."""
_INTERRUPTED = "its update was interrupted: it will be repeated"
"""Marks an interrupted update as an initialization error: the CLI updates such a resource even without a change."""

SavedState = Mapping[str, Any]
"""The content of a state file: its resources and pending calls as dicts, and the stack's outputs."""


def to_deployment(saved: SavedState, version: str) -> dict[str, Any]:
    """Builds the input of `pulumi stack import`.

    `version` is the version of the aws provider that the CLI will use. Our engine keeps a provider's settings with each
    resource, the CLI in a separate resource. A create without an observed result is left out: the CLI would refuse to
    continue until somebody resolved it.
    """
    providers = _DefaultProviders(version)
    interrupted_updates = {each["resource"]["serial"] for each in saved["pending"] if each["kind"] == "update"}
    resources = [
        _to_cli_resource(
            {**each, "interrupted": each["interrupted"] or each["serial"] in interrupted_updates}, providers
        )
        for each in saved["resources"]
    ]
    interrupted = [each for each in saved["pending"] if each["kind"] != "create"]
    pending = [
        {"type": _OPERATION_TYPES[each["kind"]], "resource": _to_cli_resource(each["resource"], providers)}
        for each in interrupted
    ]
    stack_resources = [each for each in resources if each["type"] == STACK]
    other_resources = [each for each in resources if each["type"] != STACK]
    deployment = {
        "manifest": _MANIFEST,
        "resources": [*stack_resources, *providers.resources.values(), *other_resources],
        "pending_operations": pending,
    }
    return {"version": VERSION, "deployment": deployment}


def from_deployment(exported: Mapping[str, Any], previous_pending: Sequence[SavedState] = ()) -> dict[str, Any]:
    """Builds the state from the output of `pulumi stack export --show-secrets`.

    `previous_pending` are the calls that were pending before; a create among them stays pending unless the CLI made it.
    A create whose result the CLI did not observe is added.
    """
    deployment = exported["deployment"]
    exported_resources: Sequence[Mapping[str, Any]] = deployment.get("resources") or []
    settings = {
        f"{each['urn']}::{each['id']}": _extract_settings(each) for each in exported_resources if _is_provider(each)
    }
    resources = [_from_cli_resource(each, settings) for each in exported_resources if not _is_provider(each)]
    for serial, resource in enumerate(resources, 1):
        resource["serial"] = serial
    serials = {resource["urn"]: resource["serial"] for resource in resources}
    kinds = {cli: ours for ours, cli in _OPERATION_TYPES.items()}
    pending = [
        {"kind": kind, "resource": {**_from_cli_resource(each["resource"], settings), "serial": serials.get(urn, 0)}}
        for each in deployment.get("pending_operations") or []
        if (kind := kinds.get(each["type"])) and ((urn := each["resource"]["urn"]) in serials or kind == "create")
    ]
    reported_urns = {*serials, *(each["resource"]["urn"] for each in pending)}
    pending += [
        each for each in previous_pending if each["kind"] == "create" and each["resource"]["urn"] not in reported_urns
    ]
    outputs = next((resource["outputs"] for resource in resources if resource["type"] == STACK), {})
    return {"resources": resources, "pending": pending, "outputs": outputs}


class _DefaultProviders:
    """The default providers of a deployment, created when a resource needs them."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.resources: dict[str, dict[str, Any]] = {}

    def get_reference(self, resource: Mapping[str, Any]) -> str:
        """The provider reference of a resource; "" for components and the stack."""
        if not resource["custom"]:
            return ""
        if resource["type"].startswith(f"{_DYNAMIC}:"):
            return self._add_provider(resource["urn"], _DYNAMIC, "default", {})
        name = f"default_{self._version.replace('.', '_')}"
        return self._add_provider(resource["urn"], "aws", name, {**resource["provider"], "version": self._version})

    def _add_provider(self, urn: str, package: str, name: str, inputs: PropertyMap) -> str:
        prefix = "::".join(urn.split("::")[:2])
        provider_type = f"{PROVIDERS}{package}"
        provider_urn = f"{prefix}::{provider_type}::{name}"
        entry = self.resources.setdefault(
            provider_urn,
            {"urn": provider_urn, "custom": True, "id": str(uuid.uuid5(uuid.NAMESPACE_URL, provider_urn)),
             "type": provider_type, "inputs": inputs, "outputs": inputs},
        )  # fmt: skip
        return f"{provider_urn}::{entry['id']}"


def _is_provider(resource: Mapping[str, Any]) -> bool:
    return resource["type"].startswith(PROVIDERS)


def _extract_settings(provider: Mapping[str, Any]) -> PropertyMap:
    return {key: value for key, value in (provider.get("inputs") or {}).items() if key not in ("version", "__internal")}


def _to_cli_resource(resource: Mapping[str, Any], providers: _DefaultProviders) -> dict[str, Any]:
    exported = {name: resource[name] for name in ("urn", "type", "custom")}
    exported |= {theirs: resource[ours] for ours, theirs in _FIELDS.items() if resource[ours]}
    exported |= {name: _to_cli_secrets(resource[name]) for name in ("inputs", "outputs") if resource[name]}
    if resource["interrupted"]:
        exported["initErrors"] = [*resource["init_errors"], _INTERRUPTED]
    if resource["id"]:
        exported["id"] = resource["id"]
    if provider := providers.get_reference(resource):
        exported["provider"] = provider
    return exported


def _from_cli_resource(resource: Mapping[str, Any], settings: Mapping[str, PropertyMap]) -> dict[str, Any]:
    fields = {ours: resource[theirs] for ours, theirs in _FIELDS.items() if resource.get(theirs)}
    by_property: Mapping[str, list[str] | None] = fields.get("property_dependencies", {})
    fields["property_dependencies"] = {key: sorted(urns) for key, urns in by_property.items() if urns}
    errors: list[str] = fields.pop("init_errors", [])
    is_of_aws = resource["type"].startswith("aws:")
    restored = Resource(
        **{name: resource[name] for name in ("urn", "type", "custom")},
        id=resource.get("id", ""),
        provider=settings.get(resource.get("provider", ""), {}) if is_of_aws else {},
        **{name: _from_cli_secrets(resource.get(name) or {}) for name in ("inputs", "outputs")},
        init_errors=[each for each in errors if each != _INTERRUPTED],
        interrupted=_INTERRUPTED in errors,
        **fields,
    )
    return vars(restored)


def _to_cli_secrets(value: Any) -> Any:
    """The value with its secrets in the CLI's form: the secret value as JSON text."""
    if is_secret(value):
        return {SIGNATURE: SECRET, "plaintext": json.dumps(_to_cli_secrets(value["value"]))}
    if isinstance(value, dict):
        return {key: _to_cli_secrets(each) for key, each in value.items()}
    return [_to_cli_secrets(each) for each in value] if isinstance(value, list) else value


def _from_cli_secrets(value: Any) -> Any:
    """The value with its secrets in the protocol's form."""
    if is_secret(value):
        return {SIGNATURE: SECRET, "value": _from_cli_secrets(json.loads(value["plaintext"]))}
    if isinstance(value, dict):
        return {key: _from_cli_secrets(each) for key, each in value.items()}
    return [_from_cli_secrets(each) for each in value] if isinstance(value, list) else value
