"""Graphs of requests, errors, latency and instances by variant, which several pages use."""

from __future__ import annotations

from dataclasses import replace

from tidewatch import metrics as m
from tidewatch.alarms.expressions import build_sum, build_variant_stats
from tidewatch.alarms.models import Alarm, MetricMath, MetricStat
from tidewatch.dashboards.context import EVENT_AXIS_LABEL, DashboardContext, build_threshold
from tidewatch.dashboards.widgets import Graph, GraphLine, Threshold
from tidewatch.duration_format import format_period
from tidewatch.metrics import Metric

MINUTE, FIVE_MINUTES, HOUR = 60, 300, 3600
WEEK_RANGE = "-P7D"
"""For values that are emitted once an hour and evaluated over days."""


def build_requests_graph(
    context: DashboardContext, period_s: int, width: int = 12, *, with_events: bool = False
) -> Graph:
    return _build_graph(
        context,
        with_events,
        f"Requests in {format_period(period_s)}",
        context.build_variant_lines(m.INVOCATIONS, "Sum"),
        period_s,
        "requests",
        width,
    )


def build_success_rate_graph(
    context: DashboardContext, period_s: int, width: int = 12, *, with_events: bool = False
) -> Graph:
    """Returns the percentage of requests without a server error, with the objectives for availability."""
    variants = context.variant_names
    stats = build_variant_stats("n", m.INVOCATIONS, "Sum", variants) | build_variant_stats(
        "b", m.ERRORS_5XX, "Sum", variants
    )
    endpoint_rate = MetricMath(f"100 * (1 - ({build_sum('b', variants)}) / ({build_sum('n', variants)}))", stats)
    lines = [
        *context.build_variant_expressions(MetricMath("100 * (1 - e)", {"e": MetricStat(m.ERRORS_5XX, "Average")})),
        *(context.build_expression(endpoint_rate, "", "all", "endpoint", color="#000000") if len(variants) > 1 else ()),
    ]
    targets = [
        Threshold(objective.percent, f"objective over {objective.days} days: {objective.percent:g}%")
        for objective in context.objectives
        if objective.kind == "availability"
    ]
    return _build_graph(
        context, with_events, "Success rate", lines, period_s, "% of requests", width, targets, y_min=None
    )


def build_live_split_graph(context: DashboardContext, width: int = 12) -> Graph:
    """Returns each variant's share of the traffic, where a flip appears first: request metrics arrive minutes later."""
    lines = context.build_variant_expressions(MetricMath("100 * w", {"w": MetricStat(m.LIVE_SHARE, "Maximum")}))
    return _build_graph(context, True, "Live split", lines, MINUTE, "% of the traffic", width)


def build_latency_graph(
    context: DashboardContext,
    statistic: str,
    width: int = 12,
    *,
    metric: Metric = m.MODEL_LATENCY,
    with_events: bool = False,
) -> Graph:
    """Returns a statistic of a latency in milliseconds, for every variant."""
    lines = context.build_variant_expressions(MetricMath("x / 1000", {"x": MetricStat(metric, statistic)}))
    quantity = "Latency of the model" if metric is m.MODEL_LATENCY else "Overhead around the model"
    targets = [
        Threshold(objective.milliseconds, f"objective for {objective.percent:g}%: {objective.milliseconds:g} ms")
        for objective in context.objectives
        if objective.milliseconds is not None and metric is m.MODEL_LATENCY
    ]
    return _build_graph(context, with_events, f"{quantity}, {statistic}", lines, FIVE_MINUTES, "ms", width, targets)


def build_instances_graph(context: DashboardContext, period_s: int, width: int = 12) -> Graph:
    """Returns the number of instances that report: each sends one CPU value per minute."""
    lines = context.build_variant_expressions(
        MetricMath(f"h / {period_s // MINUTE}", {"h": MetricStat(m.CPU, "SampleCount")})
    )
    return Graph("Instances", lines, period_s, left="instances", stacked=True, width=width)


def build_alarm_graph(context: DashboardContext, key: str, width: int = 8, *, with_events: bool = False) -> Graph:
    """Returns the signals of the alarms with a key, of all variants or of the endpoint, with their thresholds."""
    matches = [
        (variant, alarm) for variant in context.variant_names for alarm in context.variants[variant] if alarm.key == key
    ]
    matches += [("", alarm) for alarm in context.endpoint if alarm.key == key]
    lines = [line for variant, alarm in matches for line in context.build_signal(alarm, variant, variant or "s")]
    alarm = matches[0][1]
    y_min = 0 if all(candidate.bounds[0] >= 0 for _, candidate in matches) else None
    graph_thresholds = [build_threshold(candidate) for _, candidate in matches]
    graph = _build_graph(
        context,
        with_events,
        _format_alarm_title(alarm),
        lines,
        alarm.period_s,
        "",
        width,
        graph_thresholds,
        y_min=y_min,
    )
    # A day has too few hours to show how often it comes near the threshold.
    return replace(graph, start=WEEK_RANGE) if alarm.period_s >= HOUR else graph


def _format_alarm_title(alarm: Alarm) -> str:
    """Returns a title with the alarm's window, like "Slow predictions (2 of 2 x 5 minutes)"."""
    return f"{alarm.title} ({alarm.datapoints} of {alarm.periods} x {format_period(alarm.period_s)})"


def _build_graph(
    context: DashboardContext,
    with_events: bool,
    title: str,
    lines: list[GraphLine],
    period_s: int,
    left: str,
    width: int,
    thresholds: list[Threshold] | None = None,
    *,
    y_min: float | None = 0,
) -> Graph:
    return Graph(
        title,
        [*lines, *context.build_event_lines()] if with_events else lines,
        period_s,
        thresholds or (),
        left=left,
        right=EVENT_AXIS_LABEL if with_events else "",
        y_min=y_min,
        width=width,
    )
