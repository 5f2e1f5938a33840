"""What the pages are about: one stack's names, alarms and promises, and how its slots are called and coloured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidewatch import metrics as m
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import PART, Alarm, Math, Names, Severity, Stat
from tidewatch.dashboards.widgets import Axis, Line, Series, Threshold
from tidewatch.metrics import Metric
from tidewatch.slo import Objective

COLORS = {"blue": "#1f77b4", "green": "#2ca02c"}
"""A slot looks the same on every page."""
MARKS = "deployment, rollback, incidents"
"""What the right axis of a graph with marks counts."""
URGENT = {Severity.P1: "#d62728", Severity.P2: "#ff7f0e", Severity.P3: "#7f7f7f"}


@dataclass(frozen=True)
class Subject:
    """What the pages show. Everything is as the stack has it once it is deployed: physical names, not promises.

    slots: the metric alarms of each slot; endpoint: those of the endpoint. alarms: every alarm that tells something,
    name -> ARN. log_group: where the sweep writes what each slot holds. runbooks: the folder or URL that {key}.md is
    under. ledger: the table. capture, monitoring: the buckets. reports: where the drift function's go; "" where there
    is none. price_per_hour: of one instance, in the region's currency; None where nobody said. links: the pages by
    name, which link each other.
    """

    region: str
    names: Names[str]
    slots: Mapping[str, Sequence[Alarm]]
    endpoint: Sequence[Alarm]
    objectives: Sequence[Objective]
    alarms: Mapping[str, str]
    log_group: str
    runbooks: str
    ledger: str
    capture: str
    monitoring: str
    instance_type: str
    reports: str = ""
    price_per_hour: float | None = None
    links: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def drift(self) -> bool:
        """Whether the drift function is there."""
        return bool(self.reports)

    @property
    def ordered(self) -> list[str]:
        """The slots, always in one order: a body that follows their roles would change with each promotion."""
        return sorted(self.slots)

    @property
    def challengers(self) -> list[str]:
        return [slot for slot in self.ordered if slot != self.names.champion]

    @property
    def purposes(self) -> list[str]:
        """What the functions that run are for."""
        return [purpose for purpose in sorted(self.names.functions) if purpose != "drift" or self.drift]

    @property
    def queues(self) -> list[str]:
        """What the queues of undelivered events are for."""
        return [purpose for purpose in sorted(self.names.queues) if purpose != "drift" or self.drift]

    def watches(self, key: str) -> bool:
        """Whether a slot has the alarm: without graphics processors nothing watches them."""
        return any(alarm.key == key for alarms in self.slots.values() for alarm in alarms)

    def series(self, stat: Stat, slot: str = "") -> Series:
        return Series(stat.metric, self.names.of(stat, slot), stat.statistic)

    def line(
        self,
        metric: Metric,
        statistic: str,
        slot: str = "",
        *,
        of: str = "",
        label: str = "",
        id: str = "",  # noqa: A002
        shown: bool = True,
        axis: Axis = "left",
        color: str = "",
        period_s: int = 0,
    ) -> Line:
        """A statistic of a slot or of the endpoint. of: the function, queue or objective that the metric is of."""
        drawn = self.series(Stat(metric, statistic, of), slot)
        return Line(drawn, label, id, shown, axis, color or COLORS.get(slot, ""), period_s)

    def each(self, metric: Metric, statistic: str, label: str = "") -> list[Line]:
        """A statistic of every slot, as it is."""
        return [self.line(metric, statistic, slot, label=f"{slot} {label}".strip()) for slot in self.ordered]

    def computed_each(self, math: Math, label: str = "", prefix: str = "") -> list[Line]:
        """An expression for every slot. prefix: of the ids, where the widget has another expression beside it."""
        return [
            line
            for slot in self.ordered
            for line in self.computed(
                math, slot, f"{prefix}{slot}", f"{slot} {label}".strip(), color=COLORS.get(slot, "")
            )
        ]

    def signal(self, alarm: Alarm, slot: str = "", prefix: str = "s", label: str = "") -> list[Line]:
        """What an alarm of a slot, or of the endpoint, compares. prefix: of its ids, its own in each widget."""
        label, color = label or (slot or alarm.title), COLORS.get(slot, "")
        if isinstance(alarm.signal, Stat):
            return [Line(self.series(alarm.signal, slot), label, color=color, period_s=alarm.period_s)]
        return self.computed(alarm.signal, slot, prefix, label, color=color, period_s=alarm.period_s)

    def computed(
        self, math: Math, slot: str, prefix: str, label: str, *, color: str = "", period_s: int = 0
    ) -> list[Line]:
        """An expression with what it reads; the widget shows only the expression."""
        parts = [
            Line(self.series(stat, slot), id=f"{prefix}_{part}", shown=False, period_s=period_s)
            for part, stat in math.parts.items()
        ]
        # An alarm's expression holds no word in small letters but its own ids.
        renamed = re.sub(rf"\b{PART.pattern}\b", lambda found: f"{prefix}_{found[0]}", math.expression)
        return [*parts, Line(renamed, label, prefix, color=color, period_s=period_s)]

    def thresholds(self, *keys: str) -> list[Threshold]:
        """Where the alarms of these keys begin, of any slot or of the endpoint."""
        alarms = [*(alarm for slot in self.ordered for alarm in self.slots[slot]), *self.endpoint]
        return [threshold(alarm) for alarm in alarms if alarm.key in keys]

    def marks(self) -> list[Line]:
        """Deployments, rollbacks and incidents, for the right axis.

        A vertical annotation is a time written into the body: one for each deployment would take an update of the
        dashboard by whoever deploys or rolls back. These metrics mark them as they happen, whoever causes them.
        """
        return [
            self.line(metric, "Maximum", label=label, axis="right", color=color)
            for metric, label, color in (
                (m.DEPLOYMENT_RUNNING, "Deployment runs", "#9467bd"),
                (m.ROLLBACK_DRIVEN, "Rollback runs", "#ff7f0e"),
                (m.OPEN_INCIDENTS, "Open incidents", "#d62728"),
            )
        ]


def threshold(alarm: Alarm) -> Threshold:
    label = f"{alarm.severity.value} {alarm.title.lower()}: {alarm.comparison} {shown(alarm.threshold)}"
    return Threshold(alarm.threshold, label, color=URGENT[alarm.severity])
