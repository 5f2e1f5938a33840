"""In which order alarms are made: a composite after those that its rule is over, and after what holds it back."""

from __future__ import annotations

import pulumi

AlarmId = tuple[str, str]
"""An alarm: its variant, "" for the endpoint's own, and its key."""


class AlarmOrder:
    """What was made, and what a composite waits for, in as few dependencies as say it.

    Of a protected stack the engine's `destroy` walks every path through the dependencies, not every resource once.
    Composites stand on each other in five levels: if each depended on all alarms below it, there would be hundreds of
    millions of paths.
    """

    def __init__(self) -> None:
        self._resources: dict[AlarmId, pulumi.Resource] = {}
        self._predecessors: dict[AlarmId, frozenset[AlarmId]] = {}

    def __contains__(self, alarm_id: AlarmId) -> bool:
        return alarm_id in self._resources

    def add(self, alarm_id: AlarmId, resource: pulumi.Resource) -> None:
        """Remembers what was made there."""
        self._resources[alarm_id] = resource

    def find_dependencies(
        self, alarm_id: AlarmId, others: frozenset[AlarmId], *, deleted_together: frozenset[AlarmId] = frozenset()
    ) -> list[pulumi.Resource]:
        """What a composite that is made after the others depends on: those that none of them is made after itself.

        going: those that an edit may delete together with it while what stands between them is kept. It depends on each
        of them itself, for the engine orders deletes by direct dependencies.
        """
        indirect_ids = frozenset[AlarmId]().union(*(self._predecessors.get(other, ()) for other in others))
        # The composite that speaks for a metric alarm has its place and comes after it: what others wait for there is
        # the metric alarm, which waits for nothing.
        if alarm_id not in self._resources:
            self._predecessors[alarm_id] = others | indirect_ids
        return [self._resources[other] for other in sorted(others - (indirect_ids - deleted_together))]
