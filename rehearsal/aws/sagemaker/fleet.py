"""The fleet of an endpoint: an endpoint configuration and its variants with their live weights."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

PropertyTypes = frozenset[str]


def to_float32(value: float) -> float:
    """The nearest 32-bit float: botocore's model declares VariantWeight a float, so 0.95 becomes 0.949999988."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


@dataclass
class EndpointConfiguration:
    """An endpoint configuration with all fields of its creation."""

    endpoint_config_name: str
    arn: str
    fields: Mapping[str, Any]
    creation_time: datetime
    tags: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def production_variants(self) -> Sequence[Mapping[str, Any]]:
        return self.fields["ProductionVariants"]

    @property
    def shadow_variants(self) -> Sequence[Mapping[str, Any]]:
        return self.fields.get("ShadowProductionVariants") or ()

    @property
    def variants(self) -> dict[str, Mapping[str, Any]]:
        """The production variants by name."""
        return {variant["VariantName"]: variant for variant in self.production_variants}

    def summary(self) -> dict[str, Any]:
        """The entry in ListEndpointConfigs."""
        return {
            "EndpointConfigName": self.endpoint_config_name,
            "EndpointConfigArn": self.arn,
            "CreationTime": self.creation_time,
        }

    def description(self) -> dict[str, Any]:
        """The response of DescribeEndpointConfig."""
        fields = {key: value for key, value in self.fields.items() if key != "Tags"}
        return {**fields, "EndpointConfigArn": self.arn, "CreationTime": self.creation_time}


@dataclass(frozen=True)
class LiveVariant:
    """A variant of an endpoint: its model, and its live and desired weight and instances."""

    name: str
    model: str
    instance_type: str | None
    weight: float
    desired_weight: float
    instances: int | None
    desired_instances: int | None
    image: str | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any], image: str | None) -> LiveVariant:
        weight = to_float32(float(config.get("InitialVariantWeight", 1.0)))
        count = config.get("InitialInstanceCount", None if "ServerlessConfig" in config else 1)
        return cls(
            config["VariantName"],
            config.get("ModelName", ""),
            config.get("InstanceType"),
            weight,
            weight,
            count,
            count,
            image,
        )

    def retain_properties(self, live: LiveVariant, excluded: PropertyTypes) -> LiveVariant:
        """Keeps the live weight and instance count, like RetainAllVariantProperties, except for `excluded`."""
        variant = self
        if "DesiredWeight" not in excluded:
            variant = replace(variant, weight=live.weight, desired_weight=live.desired_weight)
        if "DesiredInstanceCount" not in excluded:
            variant = replace(variant, instances=live.instances, desired_instances=live.desired_instances)
        return variant

    def commit_desired(self) -> LiveVariant:
        """The variant after the desired values took effect."""
        return replace(self, weight=self.desired_weight, instances=self.desired_instances)

    def discard_desired(self) -> LiveVariant:
        """The variant without the desired values."""
        return replace(self, desired_weight=self.weight, desired_instances=self.instances)

    def description(self) -> dict[str, Any]:
        """Its ProductionVariantSummary, which includes a weight of 0."""
        counts = {"CurrentInstanceCount": self.instances, "DesiredInstanceCount": self.desired_instances}
        image = [{"SpecifiedImage": self.image, "ResolvedImage": self.image}] if self.image else None
        return {
            "VariantName": self.name,
            "CurrentWeight": self.weight,
            "DesiredWeight": self.desired_weight,
            **{key: count for key, count in counts.items() if count is not None},
            **({"DeployedImages": image} if image else {}),
        }

    def pending_description(self) -> dict[str, Any]:
        """Its PendingProductionVariantSummary."""
        kind = {"InstanceType": self.instance_type} if self.instance_type else {}
        return {**self.description(), **kind, "VariantStatus": [{"Status": "Creating"}]}


@dataclass(frozen=True)
class Fleet:
    """The variants of one configuration, at one moment."""

    configuration: EndpointConfiguration
    variants: tuple[LiveVariant, ...]
    shadows: tuple[LiveVariant, ...] = ()

    def find_variant(self, name: str) -> LiveVariant | None:
        return next((variant for variant in self.variants if variant.name == name), None)

    def replace_variants(self, replacements: Mapping[str, LiveVariant]) -> Fleet:
        """The fleet with variants replaced by name."""
        return replace(self, variants=tuple(replacements.get(variant.name, variant) for variant in self.variants))

    def commit_desired(self) -> Fleet:
        return replace(self, variants=tuple(variant.commit_desired() for variant in self.variants))

    def discard_desired(self) -> Fleet:
        return replace(self, variants=tuple(variant.discard_desired() for variant in self.variants))

    def retain_properties(self, live: Fleet, excluded: PropertyTypes) -> Fleet:
        """This fleet with the live properties of the variants that both have."""
        pairs = ((variant, live.find_variant(variant.name)) for variant in self.variants)
        variants = tuple(
            variant.retain_properties(live_variant, excluded) if live_variant else variant
            for variant, live_variant in pairs
        )
        return replace(self, variants=variants)


def build_fleet(configuration: EndpointConfiguration, images: Mapping[str, str | None]) -> Fleet:
    """A new fleet from its configuration; `images` are by model name."""

    def build_variants(configs: Iterable[Mapping[str, Any]]) -> tuple[LiveVariant, ...]:
        return tuple(LiveVariant.of(config, images.get(config.get("ModelName", ""))) for config in configs)

    return Fleet(
        configuration, build_variants(configuration.production_variants), build_variants(configuration.shadow_variants)
    )
