"""In which order alarms are made: a composite after those that its rule is over, and after what holds it back."""

from __future__ import annotations

import pulumi

Place = tuple[str, str]
"""An alarm: its slot, "" for the endpoint's own, and its key."""


class Order:
    """What was made, and what a composite waits for, in as few dependencies as say it.

    Of a protected stack the engine's `destroy` walks every path through the dependencies, not every resource once.
    Composites stand on each other in five levels: if each depended on all alarms below it, there would be hundreds of
    millions of paths.
    """

    def __init__(self) -> None:
        self._made: dict[Place, pulumi.Resource] = {}
        self._before: dict[Place, frozenset[Place]] = {}

    def __contains__(self, place: Place) -> bool:
        return place in self._made

    def made(self, place: Place, resource: pulumi.Resource) -> None:
        """Remembers what was made there."""
        self._made[place] = resource

    def after(
        self, place: Place, others: frozenset[Place], *, going: frozenset[Place] = frozenset()
    ) -> list[pulumi.Resource]:
        """What a composite that is made after the others depends on: those that none of them is made after itself.

        going: those that an edit may delete together with it while what stands between them is kept. It depends on each
        of them itself, for the engine orders deletes by direct dependencies.
        """
        earlier = frozenset[Place]().union(*(self._before.get(each, ()) for each in others))
        # The composite that speaks for a metric alarm has its place and comes after it: what others wait for there is
        # the metric alarm, which waits for nothing.
        if place not in self._made:
            self._before[place] = others | earlier
        return [self._made[each] for each in sorted(others - (earlier - going))]
