"""Resources as the policies see them, read from what `pulumi stack export` writes.

Source: pulumi/pulumi, sdk/go/common/apitype/core.go (DeploymentV3, ResourceV3). A secret that the file keeps encrypted
reads as "[secret]", as in `pulumi policy analyze`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.errors import InvalidState

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # nosec B105
"""The key that marks a value, and its value for a secret: Pulumi's constants, and no secret themselves."""
HIDDEN = "[secret]"
PROVIDER_PREFIX = "pulumi:providers:"
STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class AnalyzedResource:
    """One resource of a stack."""

    urn: str
    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    parent: str = ""
    provider: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The settings of its provider, such as defaultTags."""
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """By property, the URNs that its value comes from."""

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]


def read_state(text: str) -> list[AnalyzedResource]:
    """Returns the resources of an exported state. Raises InvalidState."""
    try:
        exported = json.loads(text)
    except ValueError:
        raise InvalidState("is not JSON; `pulumi stack export --file FILE` writes a state") from None
    deployment = exported.get("deployment") if isinstance(exported, Mapping) else None
    resources = deployment.get("resources") if isinstance(deployment, Mapping) else None
    if not isinstance(resources, list) or not all(_is_resource(each) for each in resources):
        raise InvalidState("is no exported state; `pulumi stack export --file FILE` writes one")
    providers = {
        f"{each['urn']}::{each.get('id', '')}": reveal(each.get("inputs") or {})
        for each in resources
        if each["type"].startswith(PROVIDER_PREFIX)
    }
    # What is marked as deleted waits for its deletion after a replacement.
    return [_build_resource(each, providers) for each in resources if not each.get("delete")]


def _is_resource(raw: object) -> bool:
    return isinstance(raw, Mapping) and isinstance(raw.get("urn"), str) and isinstance(raw.get("type"), str)


def _build_resource(raw: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]) -> AnalyzedResource:
    return AnalyzedResource(
        urn=raw["urn"],
        type=raw["type"],
        inputs=reveal(raw.get("inputs") or {}),
        outputs=reveal(raw.get("outputs") or {}),
        protect=bool(raw.get("protect")),
        ignore_changes=tuple(raw.get("ignoreChanges") or ()),
        parent=raw.get("parent") or "",
        provider=providers.get(raw.get("provider") or "", {}),
        dependencies=raw.get("dependencies") or (),
        property_dependencies={name: urns for name, urns in (raw.get("propertyDependencies") or {}).items() if urns},
    )


def reveal(value: Any) -> Any:
    """Returns a property without the marks of secrets."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            if "value" in value:
                return reveal(value["value"])
            return reveal(json.loads(value["plaintext"])) if "plaintext" in value else HIDDEN
        return {name: reveal(each) for name, each in value.items()}
    return [reveal(each) for each in value] if isinstance(value, list) else value
