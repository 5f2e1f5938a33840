"""The split: the share of an endpoint's untargeted requests that each variant gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidewatch.traffic.errors import InvalidSplit

TOLERANCE = 1e-4
"""Shares that differ by less than this are equal: SageMaker keeps weights as 32-bit floats."""
_ROUNDING = 1e-6
_LARGE = 1e300


@dataclass(frozen=True)
class Split:
    """The shares of the variants.

    They sum to one, none is negative, at least one is positive; else it raises InvalidSplit.
    """

    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        _require_valid_weights(self.shares)
        total = math.fsum(self.shares.values())
        if abs(total - 1) > _ROUNDING:
            raise InvalidSplit(
                f"The shares of {_format_weights(self.shares)} sum to {total:g}, not to 1; use Split.of(weights)."
            )
        object.__setattr__(self, "shares", {variant: float(self.shares[variant]) for variant in sorted(self.shares)})

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Split:
        """Returns the split that SageMaker makes of weights: share = weight / sum of weights."""
        _require_valid_weights(weights)
        largest = max(weights.values())
        if largest <= 0:
            raise InvalidSplit(
                f"All weights are zero ({_format_weights(weights)}); give at least one variant a positive weight."
            )
        # The sum of very large weights would be infinite.
        scale = largest if largest > _LARGE else 1.0
        total = math.fsum(weight / scale for weight in weights.values())
        return cls({variant: weight / scale / total for variant, weight in weights.items()})

    @classmethod
    def from_single_variant(cls, variant: str, others: Iterable[str] = ()) -> Split:
        """Returns a split with all traffic on one variant and none on the others."""
        return cls({**dict.fromkeys(others, 0.0), variant: 1.0})

    @classmethod
    def from_json(cls, document: Mapping[str, float]) -> Split:
        return cls.of(document)

    def to_json(self) -> dict[str, float]:
        return dict(self.shares)

    @property
    def serving(self) -> frozenset[str]:
        """The variants with a positive share."""
        return frozenset(variant for variant, share in self.shares.items() if share > 0)

    def get_share(self, variant: str) -> float:
        """Returns the variant's share, 0 if it is not in the split."""
        return self.shares.get(variant, 0.0)

    def exclude(self, variants: Iterable[str]) -> Split:
        """Returns the split with nothing for these variants and the same ratios.

        Raises InvalidSplit if no other serves.
        """
        excluded = frozenset(variants)
        if not self.serving - excluded:
            raise InvalidSplit(
                f"Without {', '.join(sorted(excluded))} no variant of {_format_weights(self.shares)} would get traffic."
            )
        return Split.of({variant: 0.0 if variant in excluded else share for variant, share in self.shares.items()})

    def restrict_to(self, variants: Iterable[str]) -> Split:
        """Returns the split over exactly these variants; those that it does not have get 0."""
        targets = frozenset(variants)
        restricted = self.exclude(self.serving - targets) if self.serving - targets else self
        return Split.of({variant: restricted.get_share(variant) for variant in targets})

    def is_close_to(self, other: Split | None, tolerance: float = TOLERANCE) -> bool:
        """Whether both have the same shares within the tolerance. An absent variant has none."""
        if other is None:
            return False
        return all(
            abs(self.get_share(variant) - other.get_share(variant)) <= tolerance
            for variant in self.shares.keys() | other.shares.keys()
        )

    def round_shares(self, digits: int = 6) -> Split:
        """Returns the split without the rounding noise of 32-bit weights."""
        shares = {variant: round(share, digits) for variant, share in self.shares.items()}
        return Split.of(shares)

    def __str__(self) -> str:
        return ", ".join(f"{variant} {100 * share:.4g}%" for variant, share in self.shares.items())


def _require_valid_weights(weights: Mapping[str, float]) -> None:
    if not weights:
        raise InvalidSplit("A split needs at least one variant; none was given.")
    for variant, weight in weights.items():
        if not math.isfinite(weight):
            raise InvalidSplit(f"The weight of {variant} is {weight}; use a finite number, 0 or more.")
        if weight < 0:
            raise InvalidSplit(f"The weight of {variant} is {weight:g}, which is negative; use 0 or more.")


def _format_weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{variant} {weight:g}" for variant, weight in sorted(weights.items()))
