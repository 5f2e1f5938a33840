"""URNs, and the older URNs under which a resource may be found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class UrnBuilder:
    """Builds the URNs of a stack."""

    stack: str
    project: str

    def build_urn(self, parent: str, kind: str, name: str) -> str:
        parent_type = parent.split("::")[2] if parent else ""
        qualified = kind if parent_type in ("", STACK) else f"{parent_type}${kind}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def iter_aliases(self, request: Any, previous_urns: Mapping[str, str]) -> Iterator[str]:
        """The request's own aliases, then the URNs that follow from an older URN of its parent.

        `previous_urns` maps the URNs of this run to the older ones in the state.
        """
        for alias in request.aliases:
            spec = alias.spec
            parent = spec.parentUrn or ("" if spec.noParent else request.parent)
            own = (spec.type or request.type, spec.name or request.name)
            yield alias.urn or self.build_urn(previous_urns.get(parent, parent), *own)
            yield alias.urn or self.build_urn(parent, *own)
        if previous_parent := previous_urns.get(request.parent):
            new_name, old_name = request.parent.rsplit("::", 1)[1], previous_parent.rsplit("::", 1)[1]
            name = request.name.replace(new_name, old_name, 1) if request.name.startswith(new_name) else request.name
            yield self.build_urn(previous_parent, request.type, name)
