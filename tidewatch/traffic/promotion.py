"""The rule of a promotion: which slot a version goes into, and which shares of the traffic are declared then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidewatch.naming import SLOTS
from tidewatch.traffic.errors import TrafficError

FIRST_STEP = 5.0
"""Percent of the traffic for a version that is new to an endpoint which serves another one."""
ALL = 100.0


class PromotionRefused(TrafficError):
    """A version that cannot be put before users like this."""


@dataclass(frozen=True)
class Holding:
    """What a slot is declared to hold. weight: percent of the traffic."""

    version: str
    weight: float
    instances: int


@dataclass(frozen=True)
class Declaration:
    """The slots of a model as declared. champion: the slot that a rollback goes to; None where none is declared."""

    model: str
    slots: Mapping[str, Holding]
    champion: str | None

    def promoted(self, version: str, weight: float | None, floor: int) -> Declaration:
        """The declaration by which `version` has `weight` percent of the traffic, and the champion the rest.

        Without a weight a version that is new here begins with a few percent, and the champion gets all. floor: the
        instances of the very first version. Raises PromotionRefused where no slot is idle, where a version that has its
        slot comes without a weight, and where a champion that is alone would get less than all.
        """
        if self.champion is None or not self.slots:
            first = SLOTS[0]
            return replace(self, slots={first: Holding(version, ALL, floor)}, champion=first)
        champion = self.champion
        slot = self._slot_of(version) or self._idle(champion, version)
        if slot == champion:
            return self._champion_at(champion, ALL if weight is None else weight)
        held = self.slots.get(slot)
        if held is None or held.version != version:
            held = Holding(version, 0, self.slots[champion].instances)
            weight = FIRST_STEP if weight is None else weight
        elif weight is None:
            raise PromotionRefused(
                f"{version} already is in the slot {slot}: say how much traffic it shall get with --weight"
            )
        return self._with({slot: replace(held, weight=weight)}, {champion: ALL - weight})

    def _champion_at(self, champion: str, weight: float) -> Declaration:
        others = [slot for slot in self.slots if slot != champion]
        if weight < ALL and not others:
            raise PromotionRefused(
                f"{champion} is the only slot, all traffic is its own: promote another version beside it"
            )
        return self._with({}, {champion: weight, **dict.fromkeys(others, ALL - weight)})

    def _with(self, held: Mapping[str, Holding], weights: Mapping[str, float]) -> Declaration:
        weighed = {slot: replace(self.slots[slot], weight=weight) for slot, weight in weights.items()}
        return replace(self, slots={**self.slots, **held, **weighed})

    def _slot_of(self, version: str) -> str | None:
        """The slot that holds `version`; the challenger's where both do."""
        holding = [slot for slot, held in self.slots.items() if held.version == version]
        return next((slot for slot in holding if slot != self.champion), holding[0] if holding else None)

    def _idle(self, champion: str, version: str) -> str:
        slot = next(slot for slot in SLOTS if slot != champion)
        held = self.slots.get(slot)
        if held is not None and held.weight > 0:
            serves = f"{self.model}/{held.version}"
            raise PromotionRefused(
                f"no slot is idle for {version}: {slot} is declared to serve {serves}. "
                f"Either make it the champion (set `tidewatch:rollbackTo: {slot}` and the weight of {champion} to 0), "
                f"or take its traffic away first: `tidewatch promote {serves} --weight 0`"
            )
        return slot
