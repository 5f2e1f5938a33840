"""What a stack declares about its traffic, in the form that the dynamic resources keep in the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.alarm_names import build_guardrail_names
from components.sagemaker.configuration import Configuration
from components.sagemaker.variant_model import Network, ProductionVariant
from components.settings import StackSpec
from components.stack_context import StackContext
from components.tables import Tables
from tidewatch.naming import VARIANTS
from tidewatch.registry import ResolvedVersion
from tidewatch.traffic import DeployedModel, Split

HIDDEN_INPUTS = ["resource_names", "guardrails", "variants", "policy", "tags", "physical_names"]
"""Inputs whose diff a preview does not show: the outputs show the versions, and the rest are names."""


def hide_input_diffs(opts: pulumi.ResourceOptions | None, *more_inputs: str) -> pulumi.ResourceOptions:
    """Returns the options of a traffic resource, whose diff a person reads before a promotion.

    `more_inputs` are further inputs whose diff is hidden, because the preview shows it at another resource.
    """
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hide_diffs=[*HIDDEN_INPUTS, *more_inputs]))


@dataclass(frozen=True)
class TrafficInputs:
    """The declared weights and models of a stack, and the tables that record its traffic under its key."""

    key: str
    ledger: pulumi.Input[str]
    control: pulumi.Input[str]
    weights: Mapping[str, float]
    """The declared weights by variant; empty while nothing serves."""
    models: Mapping[str, DeployedModel]
    """The model of each variant; empty while nothing serves."""
    champion: str
    """The champion; "" while nothing serves."""
    guardrails: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """By variant, the name of the alarm that guards it."""
    configuration: str = ""
    instance_counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def from_settings(
        cls, context: StackContext, settings: StackSpec, tables: Tables, versions: Mapping[str, ResolvedVersion]
    ) -> TrafficInputs:
        """Returns the traffic that the config declares, with no variant while nothing serves."""
        variants, network = ProductionVariant.from_settings(settings, versions), Network.from_settings(settings)
        return cls(
            key=context.key,
            ledger=tables.ledger.name,
            control=tables.control.name,
            weights={name: variant.weight for name, variant in variants.items()},
            models={name: variant.to_deployed_model(context.model, network) for name, variant in variants.items()},
            champion=settings.rollback_to or "",
            guardrails=build_guardrail_names(context, VARIANTS, settings.champion) if variants else {},
            configuration=Configuration.from_settings(settings, variants).content if variants else "",
            # With autoscaling, the scaling owns the counts: a declared count is only where it begins.
            instance_counts={}
            if settings.autoscaling
            else {name: variant.instances for name, variant in variants.items()},
        )

    @property
    def split(self) -> Split:
        """The declared weights as shares; raises InvalidSplit if nothing serves."""
        return Split.of(self.weights)

    def build_resource_names(self, endpoint: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
        """Returns the names of the endpoint and its tables."""
        return {"key": self.key, "endpoint": endpoint, "ledger": self.ledger, "control": self.control}

    def to_inputs(self, *, endpoint: pulumi.Input[str]) -> dict[str, Any]:
        """Returns the inputs that every traffic resource has."""
        return {
            "resource_names": self.build_resource_names(endpoint),
            "split": self.split.to_json() if self.weights else {},
            "variants": {variant: model.to_json() for variant, model in self.models.items()},
            "champion": self.champion,
            "guardrails": dict(self.guardrails),
            "configuration": self.configuration,
            "instance_counts": dict(self.instance_counts),
        }
