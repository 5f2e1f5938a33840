"""The results of a run of the pack. They need no pulumi_policy, so that the engine does without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

Level = Literal["mandatory", "advisory"]


@dataclass(frozen=True)
class Violation:
    """A policy that a resource violates, or that could not run."""

    policy: str
    level: Level
    urn: str
    message: str
    """One sentence about the resource."""
    description: str
    """What must hold."""
    remediation: str
    """What to do."""
    severity: str = ""

    @property
    def is_mandatory(self) -> bool:
        return self.level == "mandatory"

    @property
    def resource_name(self) -> str:
        """The logical name of the resource, or of the stack."""
        return self.urn.rpartition("::")[2]

    @property
    def sentence(self) -> str:
        """The policy, what is wrong and what to do."""
        return f"{self.message} Policy {self.policy}: {self.description} {self.remediation}"


@dataclass(frozen=True)
class NotApplicable:
    """A policy that does not fit a resource, with the reason."""

    policy: str
    urn: str
    reason: str


def describe_violations(violations: Iterable[Violation]) -> Iterator[str]:
    """Yields lines: each policy once, the mandatory ones first, then its resources by what is wrong with them."""
    ordered = sorted(violations, key=lambda each: (not each.is_mandatory, each.policy, each.message))
    for _, group in groupby(ordered, key=lambda each: (each.level, each.policy)):
        members = list(group)
        first = members[0]
        severity = f", {first.severity}" if first.severity else ""
        yield f"{first.policy} ({first.level}{severity}): {first.description} {first.remediation}"
        for message, same in groupby(members, key=lambda each: each.message):
            names = sorted({each.resource_name for each in same})
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            yield f"  {shown}: {message}"
