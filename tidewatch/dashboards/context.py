"""What the pages are about: one stack's names, alarms and promises, and how its variants are called and coloured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidewatch import metrics as m
from tidewatch.alarms.expressions import format_number
from tidewatch.alarms.models import ID_PATTERN, Alarm, DimensionResolver, MetricMath, MetricStat, Severity
from tidewatch.dashboards.widgets import Axis, GraphLine, MetricSeries, Threshold
from tidewatch.metrics import Metric
from tidewatch.slo import Objective

VARIANT_COLORS = {"blue": "#1f77b4", "green": "#2ca02c"}
"""A variant looks the same on every page."""
EVENT_AXIS_LABEL = "deployment, rollback, incidents"
"""What the right axis of a graph with marks counts."""
SEVERITY_COLORS = {Severity.P1: "#d62728", Severity.P2: "#ff7f0e", Severity.P3: "#7f7f7f"}


@dataclass(frozen=True)
class DashboardContext:
    """What the pages show. Everything is as the stack has it once it is deployed: physical names, not promises.

    variants: the metric alarms of each variant; endpoint: those of the endpoint. alarms: every alarm that tells
    something, name -> ARN. log_group: where the sweep writes what each variant holds. runbooks: the folder or URL that
    {key}.md is under. ledger: the table. capture, monitoring: the buckets. reports: where the drift function's go; ""
    where there is none. price_per_hour: of one instance, in the region's currency; None where nobody said. links: the
    pages by name, which link each other.
    """

    region: str
    names: DimensionResolver[str]
    variants: Mapping[str, Sequence[Alarm]]
    endpoint: Sequence[Alarm]
    objectives: Sequence[Objective]
    alarm_arns: Mapping[str, str]
    log_group: str
    runbooks: str
    ledger: str
    capture_bucket: str
    monitoring_bucket: str
    instance_type: str
    reports: str = ""
    price_per_hour: float | None = None
    links: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def has_drift(self) -> bool:
        """Whether the drift function is there."""
        return bool(self.reports)

    @property
    def variant_names(self) -> list[str]:
        """The variants, always in one order: a body that follows their roles would change with each promotion."""
        return sorted(self.variants)

    @property
    def challengers(self) -> list[str]:
        return [variant for variant in self.variant_names if variant != self.names.champion]

    @property
    def function_purposes(self) -> list[str]:
        """What the functions that run are for."""
        return [purpose for purpose in sorted(self.names.functions) if purpose != "drift" or self.has_drift]

    @property
    def queue_purposes(self) -> list[str]:
        """What the queues of undelivered events are for."""
        return [purpose for purpose in sorted(self.names.queues) if purpose != "drift" or self.has_drift]

    def has_alarm(self, key: str) -> bool:
        """Whether a variant has the alarm: without graphics processors nothing watches them."""
        return any(alarm.key == key for alarms in self.variants.values() for alarm in alarms)

    def build_series(self, stat: MetricStat, variant: str = "") -> MetricSeries:
        return MetricSeries(stat.metric, self.names.resolve(stat, variant), stat.statistic)

    def build_line(
        self,
        metric: Metric,
        statistic: str,
        variant: str = "",
        *,
        source: str = "",
        label: str = "",
        id: str = "",  # noqa: A002
        visible: bool = True,
        axis: Axis = "left",
        color: str = "",
        period_s: int = 0,
    ) -> GraphLine:
        """A statistic of a variant or of the endpoint. of: the function, queue or objective that the metric is of."""
        series = self.build_series(MetricStat(metric, statistic, source), variant)
        return GraphLine(series, label, id, visible, axis, color or VARIANT_COLORS.get(variant, ""), period_s)

    def build_variant_lines(self, metric: Metric, statistic: str, label: str = "") -> list[GraphLine]:
        """A statistic of every variant, as it is."""
        return [
            self.build_line(metric, statistic, variant, label=f"{variant} {label}".strip())
            for variant in self.variant_names
        ]

    def build_variant_expressions(self, math: MetricMath, label: str = "", prefix: str = "") -> list[GraphLine]:
        """An expression for every variant. prefix: of the ids, where the widget has another expression beside it."""
        return [
            line
            for variant in self.variant_names
            for line in self.build_expression(
                math, variant, f"{prefix}{variant}", f"{variant} {label}".strip(), color=VARIANT_COLORS.get(variant, "")
            )
        ]

    def build_signal(self, alarm: Alarm, variant: str = "", prefix: str = "s", label: str = "") -> list[GraphLine]:
        """What an alarm of a variant, or of the endpoint, compares. prefix: of its ids, its own in each widget."""
        label, color = label or (variant or alarm.title), VARIANT_COLORS.get(variant, "")
        if isinstance(alarm.signal, MetricStat):
            return [GraphLine(self.build_series(alarm.signal, variant), label, color=color, period_s=alarm.period_s)]
        return self.build_expression(alarm.signal, variant, prefix, label, color=color, period_s=alarm.period_s)

    def build_expression(
        self, math: MetricMath, variant: str, prefix: str, label: str, *, color: str = "", period_s: int = 0
    ) -> list[GraphLine]:
        """An expression with what it reads; the widget shows only the expression."""
        input_lines = [
            GraphLine(self.build_series(stat, variant), id=f"{prefix}_{stat_id}", visible=False, period_s=period_s)
            for stat_id, stat in math.stats.items()
        ]
        # An alarm's expression holds no word in small letters but its own ids.
        expression = re.sub(rf"\b{ID_PATTERN.pattern}\b", lambda match: f"{prefix}_{match[0]}", math.expression)
        return [*input_lines, GraphLine(expression, label, prefix, color=color, period_s=period_s)]

    def build_thresholds(self, *keys: str) -> list[Threshold]:
        """Where the alarms of these keys begin, of any variant or of the endpoint."""
        alarms = [*(alarm for variant in self.variant_names for alarm in self.variants[variant]), *self.endpoint]
        return [build_threshold(alarm) for alarm in alarms if alarm.key in keys]

    def build_event_lines(self) -> list[GraphLine]:
        """Deployments, rollbacks and incidents, for the right axis.

        A vertical annotation is a time written into the body: one for each deployment would take an update of the
        dashboard by whoever deploys or rolls back. These metrics mark them as they happen, whoever causes them.
        """
        return [
            self.build_line(metric, "Maximum", label=label, axis="right", color=color)
            for metric, label, color in (
                (m.DEPLOYMENT_RUNNING, "Deployment runs", "#9467bd"),
                (m.ROLLBACK_RUNNING, "Rollback runs", "#ff7f0e"),
                (m.OPEN_INCIDENTS, "Open incidents", "#d62728"),
            )
        ]


def build_threshold(alarm: Alarm) -> Threshold:
    label = f"{alarm.severity.value} {alarm.title.lower()}: {alarm.comparison} {format_number(alarm.threshold)}"
    return Threshold(alarm.threshold, label, color=SEVERITY_COLORS[alarm.severity])
