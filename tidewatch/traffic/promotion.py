"""The rule of a promotion: which variant gets a version, and which shares are declared then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidewatch.naming import VARIANTS
from tidewatch.traffic.errors import TrafficError

INITIAL_WEIGHT = 5.0
"""Percent of the traffic for a new version on an endpoint that serves another one."""
FULL_WEIGHT = 100.0


class PromotionRefused(TrafficError):
    """A promotion that the rules do not allow."""


@dataclass(frozen=True)
class VariantDeclaration:
    """What a variant is declared to hold."""

    version: str
    weight: float
    """Percent of the traffic."""
    instances: int


@dataclass(frozen=True)
class TrafficDeclaration:
    """The declared variants of a model."""

    model: str
    variants: Mapping[str, VariantDeclaration]
    champion: str | None
    """The variant that a rollback goes to, or None if none is declared."""
    stack: str = ""
    """The stack whose config declares them, for the commands in messages."""

    def promote(self, version: str, weight: float | None, floor: int) -> TrafficDeclaration:
        """Returns the declaration that gives `version` `weight` percent of the traffic and the champion the rest.

        Without a weight a new version starts with INITIAL_WEIGHT percent. `floor` is the instance count of the very
        first version. Raises PromotionRefused if no variant is idle, if a version that already has a variant comes
        without a weight while another serves, or if the only variant would get less than all traffic.
        """
        if self.champion is None or not self.variants:
            first = VARIANTS[0]
            return replace(self, variants={first: VariantDeclaration(version, FULL_WEIGHT, floor)}, champion=first)
        champion = self.champion
        variant = self._find_variant(version) or self._find_idle_variant(champion, version)
        if variant == champion:
            if weight is None and self._is_shared(champion):
                raise PromotionRefused(_ask_for_weight(f"{self.model}/{version}", variant))
            return self._set_champion_weight(champion, FULL_WEIGHT if weight is None else weight)
        current = self.variants.get(variant)
        if current is None or current.version != version:
            current = VariantDeclaration(version, 0, self.variants[champion].instances)
            weight = INITIAL_WEIGHT if weight is None else weight
        elif weight is None:
            raise PromotionRefused(_ask_for_weight(f"{self.model}/{version}", variant))
        return self._replace_variants({variant: replace(current, weight=weight)}, {champion: FULL_WEIGHT - weight})

    def _is_shared(self, champion: str) -> bool:
        """Whether a variant other than the champion gets traffic."""
        return any(each.weight > 0 for variant, each in self.variants.items() if variant != champion)

    def _set_champion_weight(self, champion: str, weight: float) -> TrafficDeclaration:
        others = [variant for variant in self.variants if variant != champion]
        if weight < FULL_WEIGHT and not others:
            raise PromotionRefused(f"{champion} is the only variant and has all traffic: promote another version first")
        return self._replace_variants({}, {champion: weight, **dict.fromkeys(others, FULL_WEIGHT - weight)})

    def _replace_variants(
        self, added: Mapping[str, VariantDeclaration], weights: Mapping[str, float]
    ) -> TrafficDeclaration:
        reweighted = {variant: replace(self.variants[variant], weight=weight) for variant, weight in weights.items()}
        return replace(self, variants={**self.variants, **added, **reweighted})

    def _find_variant(self, version: str) -> str | None:
        """Returns the variant that holds `version`; the challenger if both do."""
        matching = [variant for variant, current in self.variants.items() if current.version == version]
        return next((variant for variant in matching if variant != self.champion), matching[0] if matching else None)

    def _find_idle_variant(self, champion: str, version: str) -> str:
        variant = next(variant for variant in VARIANTS if variant != champion)
        current = self.variants.get(variant)
        if current is not None and current.weight > 0:
            served_version = f"{self.model}/{current.version}"
            stack_option = f" --stack {self.stack}" if self.stack else ""
            raise PromotionRefused(
                f"no variant is idle for {self.model}/{version}: {variant} is declared to serve {served_version}. "
                f"Either make it the champion (set `tidewatch:rollbackTo: {variant}` and the weight of {champion} to "
                "0), "
                f"or take its traffic away first: `tidewatch promote {served_version} --weight 0{stack_option}`"
            )
        return variant


def _ask_for_weight(version: str, variant: str) -> str:
    return f"{version} is already in the variant {variant}: give its share of the traffic with --weight"
