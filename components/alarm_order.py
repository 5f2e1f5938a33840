"""The order in which alarms are created: a composite comes after the alarms in its rule and after its suppressor."""

from __future__ import annotations

import pulumi

AlarmId = tuple[str, str]
"""An alarm: its variant, "" for the endpoint's own, and its key."""


def to_name_parts(alarm_id: AlarmId) -> tuple[str, ...]:
    """Returns what an alarm's name is made of: its key, and its variant if it has one."""
    variant, key = alarm_id
    return (key, variant) if variant else (key,)


class AlarmOrder:
    """Records the created alarms and computes the fewest dependencies that a composite needs.

    In a protected stack, `destroy` makes the engine walk every path through the dependencies, not every resource once.
    Composites depend on each other in five levels. If each depended on all alarms below it, there would be hundreds of
    millions of paths.
    """

    def __init__(self) -> None:
        self._resources: dict[AlarmId, pulumi.Resource] = {}
        self._predecessors: dict[AlarmId, frozenset[AlarmId]] = {}

    def __contains__(self, alarm_id: AlarmId) -> bool:
        return alarm_id in self._resources

    def add(self, alarm_id: AlarmId, resource: pulumi.Resource) -> None:
        """Records the resource of an alarm."""
        self._resources[alarm_id] = resource

    def find_dependencies(
        self, alarm_id: AlarmId, others: frozenset[AlarmId], *, deleted_together: frozenset[AlarmId] = frozenset()
    ) -> list[pulumi.Resource]:
        """Returns the direct dependencies of a composite: the other alarms that no other of them depends on already.

        `deleted_together` are alarms that an edit may delete together with the composite while the alarms between them
        stay. The composite depends on each of them directly, because the engine orders deletes by direct dependencies.
        """
        indirect_ids = frozenset[AlarmId]().union(*(self._predecessors.get(other, ()) for other in others))
        # The suppressible composite of a metric alarm has the alarm's id and is created after it. Other composites
        # depend on the metric alarm, which depends on nothing.
        if alarm_id not in self._resources:
            self._predecessors[alarm_id] = others | indirect_ids
        return [self._resources[other] for other in sorted(others - (indirect_ids - deleted_together))]
