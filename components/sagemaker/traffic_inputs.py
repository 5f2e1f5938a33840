"""What a stack declares about its traffic, in the form that the dynamic resources keep in the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.alarm_names import build_guardrail_names
from components.sagemaker.configuration import Configuration
from components.sagemaker.variant_model import Network, ProductionVariant
from components.settings import StackSettings
from components.stack_context import StackContext
from components.tables import Tables
from tidewatch.naming import VARIANTS
from tidewatch.registry import ResolvedVersion
from tidewatch.traffic import DeployedModel, Split

HIDDEN_INPUTS = ["place", "guardrails", "variants", "policy", "tags", "cloud_made"]
"""Inputs of which a preview says only that they change: the outputs tell the versions, and the rest is names."""


def hide_input_diffs(opts: pulumi.ResourceOptions | None, *more_inputs: str) -> pulumi.ResourceOptions:
    """The options of a traffic resource, whose diff a person reads before a promotion.

    elsewhere: further inputs, which the preview shows at another resource.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hide_diffs=[*HIDDEN_INPUTS, *more_inputs]))


@dataclass(frozen=True)
class TrafficInputs:
    """The declared weights and what each variant holds, for the stack whose traffic two tables record under its key.

    weights, models: of no variant while nothing serves; champion: "" then. guardrails: by variant, the name of the
    alarm that says that it is doing badly.
    """

    key: str
    ledger: pulumi.Input[str]
    control: pulumi.Input[str]
    weights: Mapping[str, float]
    models: Mapping[str, DeployedModel]
    champion: str
    guardrails: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    configuration: str = ""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def from_settings(
        cls, context: StackContext, settings: StackSettings, tables: Tables, versions: Mapping[str, ResolvedVersion]
    ) -> TrafficInputs:
        """The traffic that the config declares: of no variant where nothing serves."""
        variants, network = ProductionVariant.from_settings(settings, versions), Network.from_settings(settings)
        return cls(
            key=context.key,
            ledger=tables.ledger.name,
            control=tables.control.name,
            weights={name: variant.weight for name, variant in variants.items()},
            models={name: variant.to_deployed_model(context.model, network) for name, variant in variants.items()},
            champion=settings.rollback_to or "",
            guardrails=build_guardrail_names(tables, VARIANTS, settings.champion) if variants else {},
            configuration=Configuration.from_settings(settings, variants).content if variants else "",
            # Scaling owns the counts where it is on: what is declared is only where it begins.
            counts={} if settings.autoscaling else {name: variant.instances for name, variant in variants.items()},
        )

    @property
    def split(self) -> Split:
        """The declared weights as shares; raises InvalidSplit where nothing serves."""
        return Split.of(self.weights)

    def build_resource_names(self, endpoint: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
        """Where that endpoint and its tables are."""
        return {"key": self.key, "endpoint": endpoint, "ledger": self.ledger, "control": self.control}

    def to_inputs(self, *, endpoint: pulumi.Input[str]) -> dict[str, Any]:
        """The inputs that every traffic resource has."""
        return {
            "place": self.build_resource_names(endpoint),
            "declared": self.split.to_json() if self.weights else {},
            "variants": {variant: model.to_json() for variant, model in self.models.items()},
            "champion": self.champion,
            "guardrails": dict(self.guardrails),
            "configuration": self.configuration,
            "counts": dict(self.counts),
        }
