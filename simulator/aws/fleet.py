"""What stands behind an endpoint: an endpoint configuration and the variants made from it, with their live weights."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

PropertyTypes = frozenset[str]


def float32(value: float) -> float:
    """The nearest 32-bit float: botocore's model declares VariantWeight a float, so 0.95 comes back as 0.949999988."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


@dataclass
class EndpointConfiguration:
    """An endpoint configuration as it was created, kept whole: no field is dropped."""

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
        """The answer of DescribeEndpointConfig."""
        kept = {key: value for key, value in self.fields.items() if key != "Tags"}
        return {**kept, "EndpointConfigArn": self.arn, "CreationTime": self.creation_time}


@dataclass(frozen=True)
class LiveVariant:
    """A variant behind an endpoint: what it serves, and the weight and instances it has and is meant to have."""

    name: str
    model: str
    instance_type: str | None
    weight: float
    desired_weight: float
    instances: int | None
    desired_instances: int | None
    image: str | None = None

    @classmethod
    def of(cls, declared: Mapping[str, Any], image: str | None) -> LiveVariant:
        weight = float32(float(declared.get("InitialVariantWeight", 1.0)))
        count = declared.get("InitialInstanceCount", None if "ServerlessConfig" in declared else 1)
        return cls(
            declared["VariantName"],
            declared.get("ModelName", ""),
            declared.get("InstanceType"),
            weight,
            weight,
            count,
            count,
            image,
        )

    def with_properties_of(self, live: LiveVariant, excluded: PropertyTypes) -> LiveVariant:
        """What RetainAllVariantProperties keeps: the live weight and instance count, but for the excluded types."""
        kept = self
        if "DesiredWeight" not in excluded:
            kept = replace(kept, weight=live.weight, desired_weight=live.desired_weight)
        if "DesiredInstanceCount" not in excluded:
            kept = replace(kept, instances=live.instances, desired_instances=live.desired_instances)
        return kept

    def settled(self) -> LiveVariant:
        """With what was desired in force."""
        return replace(self, weight=self.desired_weight, instances=self.desired_instances)

    def reverted(self) -> LiveVariant:
        """With what was desired given up."""
        return replace(self, desired_weight=self.weight, desired_instances=self.instances)

    def description(self) -> dict[str, Any]:
        """Its ProductionVariantSummary. A weight of 0 is there, not left out."""
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
    """The variants of one configuration, as they are live at one moment."""

    configuration: EndpointConfiguration
    variants: tuple[LiveVariant, ...]
    shadows: tuple[LiveVariant, ...] = ()

    def named(self, name: str) -> LiveVariant | None:
        return next((variant for variant in self.variants if variant.name == name), None)

    def each(self, change: Mapping[str, LiveVariant]) -> Fleet:
        """With the variants in change instead of those of the same name."""
        return replace(self, variants=tuple(change.get(variant.name, variant) for variant in self.variants))

    def settled(self) -> Fleet:
        return replace(self, variants=tuple(variant.settled() for variant in self.variants))

    def reverted(self) -> Fleet:
        return replace(self, variants=tuple(variant.reverted() for variant in self.variants))

    def retaining(self, live: Fleet, excluded: PropertyTypes) -> Fleet:
        """This fleet with the live properties of the variants that both have."""
        pairs = ((variant, live.named(variant.name)) for variant in self.variants)
        kept = tuple(own.with_properties_of(other, excluded) if other else own for own, other in pairs)
        return replace(self, variants=kept)


def fleet_of(configuration: EndpointConfiguration, images: Mapping[str, str | None]) -> Fleet:
    """A new fleet as its configuration declares it; images by model name."""

    def live(declared: Iterable[Mapping[str, Any]]) -> tuple[LiveVariant, ...]:
        return tuple(LiveVariant.of(one, images.get(one.get("ModelName", ""))) for one in declared)

    return Fleet(configuration, live(configuration.production_variants), live(configuration.shadow_variants))
