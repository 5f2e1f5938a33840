"""The split: which share of an endpoint's untargeted requests each slot gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidewatch.traffic.errors import InvalidSplit

TOLERANCE = 1e-4
"""Shares nearer than this are the same: SageMaker keeps weights as 32-bit floats."""
_ROUNDING = 1e-6
_LARGE = 1e300


@dataclass(frozen=True)
class Split:
    """Shares by slot: they sum to one, none is negative, at least one is positive. Raises InvalidSplit otherwise."""

    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        _refuse_bad(self.shares)
        total = math.fsum(self.shares.values())
        if abs(total - 1) > _ROUNDING:
            raise InvalidSplit(
                f"The shares of {_listed(self.shares)} sum to {total:g}, not to 1; use Split.of(weights)."
            )
        object.__setattr__(self, "shares", {slot: float(self.shares[slot]) for slot in sorted(self.shares)})

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Split:
        """The split that SageMaker makes of weights: share = weight / sum of weights."""
        _refuse_bad(weights)
        largest = max(weights.values())
        if largest <= 0:
            raise InvalidSplit(f"All weights are zero ({_listed(weights)}); give at least one slot a positive weight.")
        # The sum of very large weights would be infinite.
        scale = largest if largest > _LARGE else 1.0
        total = math.fsum(weight / scale for weight in weights.values())
        return cls({slot: weight / scale / total for slot, weight in weights.items()})

    @classmethod
    def only(cls, slot: str, among: Iterable[str] = ()) -> Split:
        """All traffic to one slot, none to the others named."""
        return cls({**dict.fromkeys(among, 0.0), slot: 1.0})

    @classmethod
    def from_json(cls, document: Mapping[str, float]) -> Split:
        return cls.of(document)

    def to_json(self) -> dict[str, float]:
        return dict(self.shares)

    @property
    def serving(self) -> frozenset[str]:
        """The slots with a positive share."""
        return frozenset(slot for slot, share in self.shares.items() if share > 0)

    def share(self, slot: str) -> float:
        """The slot's share; 0 for a slot that is not in the split."""
        return self.shares.get(slot, 0.0)

    def without(self, slots: Iterable[str]) -> Split:
        """The same ratios with nothing for these slots; raises InvalidSplit when no other slot serves."""
        gone = frozenset(slots)
        if not self.serving - gone:
            raise InvalidSplit(f"Without {', '.join(sorted(gone))} no slot of {_listed(self.shares)} would serve.")
        return Split.of({slot: 0.0 if slot in gone else share for slot, share in self.shares.items()})

    def among(self, slots: Iterable[str]) -> Split:
        """The same split over exactly these slots; those it did not name get nothing."""
        wanted = frozenset(slots)
        kept = self.without(self.serving - wanted) if self.serving - wanted else self
        return Split.of({slot: kept.share(slot) for slot in wanted})

    def close_to(self, other: Split | None, tolerance: float = TOLERANCE) -> bool:
        """Whether both send the same traffic everywhere; a slot that is absent has no share."""
        if other is None:
            return False
        return all(
            abs(self.share(slot) - other.share(slot)) <= tolerance for slot in self.shares.keys() | other.shares.keys()
        )

    def rounded(self, digits: int = 6) -> Split:
        """Without the noise of 32-bit weights."""
        kept = {slot: round(share, digits) for slot, share in self.shares.items()}
        return Split.of(kept)

    def __str__(self) -> str:
        return ", ".join(f"{slot} {100 * share:.4g}%" for slot, share in self.shares.items())


def _refuse_bad(weights: Mapping[str, float]) -> None:
    if not weights:
        raise InvalidSplit("A split needs at least one slot; none was given.")
    for slot, weight in weights.items():
        if not math.isfinite(weight):
            raise InvalidSplit(f"The weight of {slot} is {weight}; use a finite number, 0 or more.")
        if weight < 0:
            raise InvalidSplit(f"The weight of {slot} is {weight:g}, which is negative; use 0 or more.")


def _listed(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{slot} {weight:g}" for slot, weight in sorted(weights.items()))
