"""The state as the Pulumi CLI exports and imports it, so that either engine goes on where the other one stopped.

Source: pulumi/pulumi, sdk/go/common/apitype/core.go (DeploymentV3, ResourceV3, OperationV2), and
pkg/resource/stack/deployment.go on secrets in clear, which `pulumi stack import` encrypts.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.engine.names import STACK
from simulator.engine.state import Resource
from simulator.engine.wire import SECRET, SIGNATURE, Wire, is_secret

VERSION = 3
PROVIDERS = "pulumi:providers:"
_DYNAMIC = "pulumi-python"
_CALLS = {"create": "creating", "update": "updating", "delete": "deleting"}
_MANIFEST = {"time": "2013-01-01T00:00:00Z", "magic": "", "version": ""}
_FIELDS = {
    "parent": "parent",
    "protect": "protect",
    "external": "external",
    "retain": "retainOnDelete",
    "replaced": "delete",
    "gone": "pendingReplacement",
    "init_errors": "initErrors",
    "dependencies": "dependencies",
    "property_dependencies": "propertyDependencies",
}
"""What is left out where it is empty: the names here, and the CLI's."""
_INTERRUPTED = "its update was cut off: it is made again"
"""The CLI updates what has an initialization error, changed or not, as the engine here what was interrupted."""

Saved = Mapping[str, Any]
"""A state file's content: its resources and pending calls as plain fields, and the stack's outputs."""


def to_deployment(saved: Saved, version: str) -> dict[str, Any]:
    """What `pulumi stack import` takes. version: of the aws provider with which the CLI is to go on.

    The engine here keeps a provider's settings with each resource, the CLI as a resource of their own. A create whose
    answer nobody saw is left out: the CLI would refuse to go on until somebody says what became of it.
    """
    providers = _Providers(version)
    cut_off = {each["resource"]["serial"] for each in saved["pending"] if each["call"] == "update"}
    resources = [
        _described({**each, "interrupted": each["interrupted"] or each["serial"] in cut_off}, providers)
        for each in saved["resources"]
    ]
    interrupted = [each for each in saved["pending"] if each["call"] != "create"]
    pending = [
        {"type": _CALLS[each["call"]], "resource": _described(each["resource"], providers)} for each in interrupted
    ]
    stacks = [each for each in resources if each["type"] == STACK]
    others = [each for each in resources if each["type"] != STACK]
    whole = {
        "manifest": _MANIFEST,
        "resources": [*stacks, *providers.made.values(), *others],
        "pending_operations": pending,
    }
    return {"version": VERSION, "deployment": whole}


def from_deployment(exported: Mapping[str, Any], unheard: Sequence[Saved] = ()) -> dict[str, Any]:
    """The state of what `pulumi stack export --show-secrets` tells.

    unheard: the calls that were pending before; the creates among them that the CLI did not make stay so. A create
    whose answer the CLI did not see is one more.
    """
    deployment = exported["deployment"]
    held: Sequence[Mapping[str, Any]] = deployment.get("resources") or []
    settings = {f"{each['urn']}::{each['id']}": _settings(each) for each in held if _is_provider(each)}
    resources = [_restored(each, settings) for each in held if not _is_provider(each)]
    for serial, one in enumerate(resources, 1):
        one["serial"] = serial
    places = {one["urn"]: one["serial"] for one in resources}
    calls = {cli: ours for ours, cli in _CALLS.items()}
    pending = [
        {"call": call, "resource": {**_restored(each["resource"], settings), "serial": places.get(urn, 0)}}
        for each in deployment.get("pending_operations") or []
        if (call := calls.get(each["type"])) and ((urn := each["resource"]["urn"]) in places or call == "create")
    ]
    heard = {*places, *(each["resource"]["urn"] for each in pending)}
    pending += [each for each in unheard if each["call"] == "create" and each["resource"]["urn"] not in heard]
    outputs = next((one["outputs"] for one in resources if one["type"] == STACK), {})
    return {"resources": resources, "pending": pending, "outputs": outputs}


class _Providers:
    """The default providers of a deployment, made as its resources ask for them."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.made: dict[str, dict[str, Any]] = {}

    def reference(self, resource: Mapping[str, Any]) -> str:
        """The provider of a resource; "" for components and the stack."""
        if not resource["custom"]:
            return ""
        if resource["type"].startswith(f"{_DYNAMIC}:"):
            return self._of(resource["urn"], _DYNAMIC, "default", {})
        name = f"default_{self._version.replace('.', '_')}"
        return self._of(resource["urn"], "aws", name, {**resource["provider"], "version": self._version})

    def _of(self, urn: str, package: str, name: str, inputs: Wire) -> str:
        place = "::".join(urn.split("::")[:2])
        kind = f"{PROVIDERS}{package}"
        own = f"{place}::{kind}::{name}"
        made = self.made.setdefault(
            own,
            {"urn": own, "custom": True, "id": str(uuid.uuid5(uuid.NAMESPACE_URL, own)), "type": kind, "inputs": inputs,
             "outputs": inputs},
        )  # fmt: skip
        return f"{own}::{made['id']}"


def _is_provider(resource: Mapping[str, Any]) -> bool:
    return resource["type"].startswith(PROVIDERS)


def _settings(provider: Mapping[str, Any]) -> Wire:
    return {key: value for key, value in (provider.get("inputs") or {}).items() if key not in ("version", "__internal")}


def _described(resource: Mapping[str, Any], providers: _Providers) -> dict[str, Any]:
    described = {name: resource[name] for name in ("urn", "type", "custom")}
    described |= {theirs: resource[ours] for ours, theirs in _FIELDS.items() if resource[ours]}
    described |= {name: _sealed(resource[name]) for name in ("inputs", "outputs") if resource[name]}
    if resource["interrupted"]:
        described["initErrors"] = [*resource["init_errors"], _INTERRUPTED]
    if resource["id"]:
        described["id"] = resource["id"]
    if provider := providers.reference(resource):
        described["provider"] = provider
    return described


def _restored(resource: Mapping[str, Any], settings: Mapping[str, Wire]) -> dict[str, Any]:
    known = {ours: resource[theirs] for ours, theirs in _FIELDS.items() if resource.get(theirs)}
    by_property: Mapping[str, list[str] | None] = known.get("property_dependencies", {})
    known["property_dependencies"] = {key: sorted(urns) for key, urns in by_property.items() if urns}
    errors: list[str] = known.pop("init_errors", [])
    is_of_aws = resource["type"].startswith("aws:")
    restored = Resource(
        **{name: resource[name] for name in ("urn", "type", "custom")},
        id=resource.get("id", ""),
        provider=settings.get(resource.get("provider", ""), {}) if is_of_aws else {},
        **{name: _opened(resource.get(name) or {}) for name in ("inputs", "outputs")},
        init_errors=[each for each in errors if each != _INTERRUPTED],
        interrupted=_INTERRUPTED in errors,
        **known,
    )
    return vars(restored)


def _sealed(value: Any) -> Any:
    """A value with its secrets in the CLI's form: the JSON text of what is secret."""
    if is_secret(value):
        return {SIGNATURE: SECRET, "plaintext": json.dumps(_sealed(value["value"]))}
    if isinstance(value, dict):
        return {key: _sealed(each) for key, each in value.items()}
    return [_sealed(each) for each in value] if isinstance(value, list) else value


def _opened(value: Any) -> Any:
    """A value with its secrets in the protocol's form."""
    if is_secret(value):
        return {SIGNATURE: SECRET, "value": _opened(json.loads(value["plaintext"]))}
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return [_opened(each) for each in value] if isinstance(value, list) else value
