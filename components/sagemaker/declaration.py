"""What a stack declares about its traffic, in the form that the dynamic resources keep in the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from tidewatch.traffic import Held, Split

UNTOLD = ["place", "guardrails", "slots", "policy", "tags", "cloud_made"]
"""Inputs of which a preview says only that they change: the outputs tell the versions, and the rest is names."""


def briefly(opts: pulumi.ResourceOptions | None, *elsewhere: str) -> pulumi.ResourceOptions:
    """The options of a traffic resource, whose diff a person reads before a promotion.

    elsewhere: further inputs, which the preview shows at another resource.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hide_diffs=[*UNTOLD, *elsewhere]))


@dataclass(frozen=True)
class Declaration:
    """The declared weights and what each slot holds, for the stack whose traffic two tables record under its key.

    weights, held: of no slot while nothing serves; champion: "" then. guardrails: slot -> name of the alarm that says
    the slot is doing badly.
    """

    key: str
    ledger: pulumi.Input[str]
    control: pulumi.Input[str]
    weights: Mapping[str, float]
    held: Mapping[str, Held]
    champion: str
    guardrails: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    configuration: str = ""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def split(self) -> Split:
        """The declared weights as shares; raises InvalidSplit where nothing serves."""
        return Split.of(self.weights)

    def place(self, endpoint: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
        """Where that endpoint and its tables are."""
        return {"key": self.key, "endpoint": endpoint, "ledger": self.ledger, "control": self.control}

    def inputs(self, *, endpoint: pulumi.Input[str]) -> dict[str, Any]:
        """The inputs that every traffic resource has."""
        return {
            "place": self.place(endpoint),
            "declared": self.split.to_json() if self.weights else {},
            "slots": {slot: held.to_json() for slot, held in self.held.items()},
            "champion": self.champion,
            "guardrails": dict(self.guardrails),
            "configuration": self.configuration,
            "counts": dict(self.counts),
        }
