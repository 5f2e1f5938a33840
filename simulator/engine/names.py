"""URNs, and the older URNs under which a resource may be found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Names:
    stack: str
    project: str

    def urn(self, parent: str, kind: str, name: str) -> str:
        above = parent.split("::")[2] if parent else ""
        qualified = kind if above in ("", STACK) else f"{above}${kind}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def aliases(self, request: Any, renamed: Mapping[str, str]) -> Iterator[str]:
        """The request's own aliases, then what follows from its parent having been found under an older URN.

        `renamed` maps the URNs of this run to the older ones they were found under.
        """
        for alias in request.aliases:
            spec = alias.spec
            parent = spec.parentUrn or ("" if spec.noParent else request.parent)
            own = (spec.type or request.type, spec.name or request.name)
            yield alias.urn or self.urn(renamed.get(parent, parent), *own)
            yield alias.urn or self.urn(parent, *own)
        if was := renamed.get(request.parent):
            now, then = request.parent.rsplit("::", 1)[1], was.rsplit("::", 1)[1]
            name = request.name.replace(now, then, 1) if request.name.startswith(now) else request.name
            yield self.urn(was, request.type, name)
