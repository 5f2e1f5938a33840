"""The data of the pages: a stack's names, alarms and objectives, and the labels and colours of its variants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidewatch import metrics as m
from tidewatch.alarms.expressions import format_number
from tidewatch.alarms.models import ID_PATTERN, Alarm, DimensionResolver, MetricMath, MetricStat, Severity
from tidewatch.dashboards.widgets import Axis, GraphLine, GraphSeries, Threshold
from tidewatch.metrics import Metric
from tidewatch.slo import Objective

VARIANT_COLORS = {"blue": "#1f77b4", "green": "#2ca02c"}
"""A variant has the same colour on every page."""
EVENT_AXIS_LABEL = "deployment, rollback, incidents"
"""The label of the right axis in a graph with events."""
SEVERITY_COLORS = {Severity.P1: "#d62728", Severity.P2: "#ff7f0e", Severity.P3: "#7f7f7f"}


@dataclass(frozen=True)
class DashboardContext:
    """The data that the pages show, with the physical names of the deployed stack."""

    region: str
    names: DimensionResolver[str]
    variants: Mapping[str, Sequence[Alarm]]
    """The metric alarms of each variant."""
    endpoint: Sequence[Alarm]
    """The metric alarms of the endpoint."""
    objectives: Sequence[Objective]
    alarm_arns: Mapping[str, str]
    """The ARNs of every alarm that notifies, by name."""
    log_group: str
    """The log group to which the sweep writes what each variant holds."""
    runbooks: str
    """The folder or URL that contains the runbooks, as {key}.md."""
    ledger: str
    """The ledger's table."""
    capture_bucket: str
    monitoring_bucket: str
    instance_type: str
    reports: str = ""
    """The location of the drift function's reports; "" if there is none."""
    price_per_hour: float | None = None
    """Of one instance, in the region's currency; None if unknown."""
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    """The pages by name, which link to each other."""

    @property
    def has_drift(self) -> bool:
        """Whether the stack has the drift function."""
        return bool(self.reports)

    @property
    def variant_names(self) -> list[str]:
        """The variants in a fixed order. Ordering by role would change the body with each promotion."""
        return sorted(self.variants)

    @property
    def challengers(self) -> list[str]:
        return [variant for variant in self.variant_names if variant != self.names.champion]

    @property
    def function_purposes(self) -> list[str]:
        """The purposes of the functions that run."""
        return [purpose for purpose in sorted(self.names.functions) if purpose != "drift" or self.has_drift]

    @property
    def queue_purposes(self) -> list[str]:
        """The purposes of the queues of undelivered events."""
        return [purpose for purpose in sorted(self.names.queues) if purpose != "drift" or self.has_drift]

    def has_alarm(self, key: str) -> bool:
        """Whether a variant has the alarm. Without GPUs there are no alarms on them."""
        return any(alarm.key == key for alarms in self.variants.values() for alarm in alarms)

    def build_series(self, stat: MetricStat, variant: str = "") -> GraphSeries:
        return GraphSeries(stat.metric, self.names.resolve(stat, variant), stat.statistic)

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
        """Returns a statistic of a variant or of the endpoint.

        `source` is the function, queue or objective of the metric.
        """
        series = self.build_series(MetricStat(metric, statistic, source), variant)
        return GraphLine(series, label, id, visible, axis, color or VARIANT_COLORS.get(variant, ""), period_s)

    def build_variant_lines(self, metric: Metric, statistic: str, label: str = "") -> list[GraphLine]:
        """Returns a statistic of every variant."""
        return [
            self.build_line(metric, statistic, variant, label=f"{variant} {label}".strip())
            for variant in self.variant_names
        ]

    def build_variant_expressions(self, math: MetricMath, label: str = "", prefix: str = "") -> list[GraphLine]:
        """Returns an expression for every variant. `prefix` makes ids unique if the widget has another expression."""
        return [
            line
            for variant in self.variant_names
            for line in self.build_expression(
                math, variant, f"{prefix}{variant}", f"{variant} {label}".strip(), color=VARIANT_COLORS.get(variant, "")
            )
        ]

    def build_signal(self, alarm: Alarm, variant: str = "", prefix: str = "s", label: str = "") -> list[GraphLine]:
        """Returns the signal of an alarm of a variant or of the endpoint. `prefix` makes its ids unique in a widget."""
        label, color = label or (variant or alarm.title), VARIANT_COLORS.get(variant, "")
        if isinstance(alarm.signal, MetricStat):
            return [GraphLine(self.build_series(alarm.signal, variant), label, color=color, period_s=alarm.period_s)]
        return self.build_expression(alarm.signal, variant, prefix, label, color=color, period_s=alarm.period_s)

    def build_expression(
        self, math: MetricMath, variant: str, prefix: str, label: str, *, color: str = "", period_s: int = 0
    ) -> list[GraphLine]:
        """Returns an expression with its input lines, of which the widget shows only the expression."""
        input_lines = [
            GraphLine(self.build_series(stat, variant), id=f"{prefix}_{stat_id}", visible=False, period_s=period_s)
            for stat_id, stat in math.stats.items()
        ]
        # The only lower-case words in an alarm's expression are its own ids.
        expression = re.sub(rf"\b{ID_PATTERN.pattern}\b", lambda match: f"{prefix}_{match[0]}", math.expression)
        return [*input_lines, GraphLine(expression, label, prefix, color=color, period_s=period_s)]

    def build_thresholds(self, *keys: str) -> list[Threshold]:
        """Returns the thresholds of the alarms with these keys, of any variant or of the endpoint."""
        alarms = [*(alarm for variant in self.variant_names for alarm in self.variants[variant]), *self.endpoint]
        return [build_threshold(alarm) for alarm in alarms if alarm.key in keys]

    def build_event_lines(self) -> list[GraphLine]:
        """Returns lines for deployments, rollbacks and incidents, for the right axis.

        A vertical annotation is a time in the body, so whoever deploys or rolls back would have to update the
        dashboard. These metrics mark the events as they happen, whatever causes them.
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
