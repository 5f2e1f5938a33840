"""The debug page, over a day: distributions, differences, hosts, capture, functions and the signals of all alarms."""

from __future__ import annotations

from itertools import pairwise

from tidewatch import metrics as m
from tidewatch.alarms.models import CHAMPION, HOUR, MetricMath, MetricStat
from tidewatch.aws import console_urls
from tidewatch.dashboards import serving_graphs
from tidewatch.dashboards.context import VARIANT_COLORS, DashboardContext
from tidewatch.dashboards.page import Page, Row
from tidewatch.dashboards.serving_graphs import FIVE_MINUTES, MINUTE, WEEK_RANGE
from tidewatch.dashboards.text_widgets import build_heading, build_section
from tidewatch.dashboards.widgets import Graph, GraphLine, TextWidget
from tidewatch.metrics import Metric

TIME_RANGE = "-P1D"
PALE_COLORS = {"blue": "#aec7e8", "green": "#98df8a"}
LATENCY_BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1000)
"""The bounds of the latency distribution, in milliseconds."""
HOST_GRAPHS: tuple[tuple[str, Metric, str], ...] = (
    ("Processors", m.CPU, ""),
    ("Memory", m.MEMORY, "memory"),
    ("Disk", m.DISK, "disk"),
)
GPU_GRAPHS: tuple[tuple[str, Metric, str], ...] = (
    ("Graphics processors", m.GPU, "gpu-utilization"),
    ("Graphics memory", m.GPU_MEMORY, "gpu-memory"),
)
"""Title, metric, and the alarm on it."""


def build_debug_page(context: DashboardContext) -> Page:
    """Returns the page with latency, errors, hosts, capture, functions and queues.

    It shows no request or prediction.
    """
    return Page(
        TIME_RANGE,
        [
            [build_heading(context, "debug", "The causes of symptoms.")],
            [_build_samples_text(context)],
            [build_section("Latency")],
            [_build_latency_distribution(context, variant) for variant in context.variant_names],
            [serving_graphs.build_latency_graph(context, statistic, 8) for statistic in ("p50", "p90", "p99")],
            [
                serving_graphs.build_latency_graph(context, statistic, metric=m.OVERHEAD_LATENCY)
                for statistic in ("p50", "p99")
            ],
            [build_section("Errors")],
            [_build_error_graph(context, *error) for error in ERROR_METRICS],
            *_build_difference_rows(context),
            [build_section("Hosts")],
            _build_host_graphs(context),
            [serving_graphs.build_instances_graph(context, FIVE_MINUTES), _build_requests_per_instance_graph(context)],
            [build_section("Capture and drift")],
            _build_capture_graphs(context),
            [build_section("Functions and queues")],
            _build_function_graphs(context),
            [build_section("What the alarms compare")],
            _build_alarm_graphs(context),
        ],
    )


ERROR_METRICS: tuple[tuple[str, Metric], ...] = (
    ("Refused requests (4xx)", m.ERRORS_4XX),
    ("Server errors (5xx)", m.ERRORS_5XX),
    ("Without a prediction", m.MODEL_ERRORS),
)


def _build_samples_text(context: DashboardContext) -> TextWidget:
    bucket = console_urls.build_bucket_url(context.region, context.capture_bucket)
    return TextWidget(
        "### Sample predictions\nRequests and predictions may hold personal data, so none are shown here. They are "
        f"in [{context.capture_bucket}]({bucket}), encrypted; reading them requires the role with `capture-reader` "
        "in its name, and each access is logged.",
        height=3,
    )


def _build_latency_distribution(context: DashboardContext, variant: str) -> Graph:
    """Returns the shares of the requests within each range, as areas that add up to 100%."""
    ranges = [
        (f"PR(:{LATENCY_BOUNDS_MS[0] * 1000})", f"up to {LATENCY_BOUNDS_MS[0]} ms"),
        *((f"PR({low * 1000}:{high * 1000})", f"{low} to {high} ms") for low, high in pairwise(LATENCY_BOUNDS_MS)),
        (f"PR({LATENCY_BOUNDS_MS[-1] * 1000}:)", f"over {LATENCY_BOUNDS_MS[-1]} ms"),
    ]
    lines = [
        GraphLine(context.build_series(MetricStat(m.MODEL_LATENCY, statistic), variant), label)
        for statistic, label in ranges
    ]
    return Graph(f"Distribution of latency: {variant}", lines, left="% of requests", y_max=100, stacked=True)


def _build_error_graph(context: DashboardContext, title: str, metric: Metric) -> Graph:
    lines = context.build_variant_expressions(MetricMath("100 * e", {"e": MetricStat(metric, "Average")}))
    return Graph(title, lines, left="% of requests", width=8)


def _build_difference_rows(context: DashboardContext) -> list[Row]:
    """Returns each challenger minus the champion. Both must have requests, because one without any would count as 0."""
    rows: list[Row] = []
    for variant in context.challengers:
        latency_lines = [
            _build_difference_lines(context, variant, m.MODEL_LATENCY, statistic, "/ 1000", statistic)
            for statistic in ("p50", "tm95", "p99")
        ]
        error_lines = [
            _build_difference_lines(context, variant, metric, "Average", "* 100", title)
            for title, metric in ERROR_METRICS
        ]
        rows += [
            [build_section(f"{variant}, less the champion")],
            [
                Graph("Latency, difference", _flatten(latency_lines), left="ms", y_min=None),
                Graph("Errors, difference", _flatten(error_lines), left="percentage points", y_min=None),
            ],
        ]
    return rows


def _build_difference_lines(
    context: DashboardContext, variant: str, metric: Metric, statistic: str, scale: str, label: str
) -> list[GraphLine]:
    stats = {
        "n": MetricStat(metric, "SampleCount"),
        "k": MetricStat(metric, "SampleCount", CHAMPION),
        "t": MetricStat(metric, statistic),
        "c": MetricStat(metric, statistic, CHAMPION),
    }
    prefix = f"{metric.name[0].lower()}{metric.name[1:]}{statistic}"
    return context.build_expression(MetricMath(f"IF(n > 0, IF(k > 0, (t - c) {scale}))", stats), variant, prefix, label)


def _build_host_graphs(context: DashboardContext) -> Row:
    """Returns the mean and the maximum of a variant's hosts, with GPUs if there is an alarm on them."""
    graphs: list[Graph] = []
    for title, metric, key in (*HOST_GRAPHS, *(GPU_GRAPHS if context.has_alarm("gpu-utilization") else ())):
        lines = [
            context.build_line(
                metric, statistic, variant, label=f"{variant} {aggregate}", color=colors.get(variant, "")
            )
            for variant in context.variant_names
            for statistic, aggregate, colors in (("Maximum", "most", VARIANT_COLORS), ("Average", "mean", PALE_COLORS))
        ]
        graphs.append(Graph(title, lines, thresholds=context.build_thresholds(key), left="%", width=8))
    return graphs


def _build_requests_per_instance_graph(context: DashboardContext) -> Graph:
    minutes = FIVE_MINUTES // MINUTE
    stats = {"n": MetricStat(m.INVOCATIONS, "Sum"), "h": MetricStat(m.CPU, "SampleCount")}
    lines = context.build_variant_expressions(MetricMath(f"n / (h / {minutes})", stats))
    return Graph(f"Requests an instance in {minutes} minutes", lines, left="requests")


def _build_capture_graphs(context: DashboardContext) -> Row:
    if not context.has_drift:
        return [TextWidget("The drift function counts captured records, but it is disabled in this stack.", height=2)]
    specs = (
        ("Records read", m.RECORDS_READ, "records of an hour"),
        ("Records rejected", m.RECORDS_REJECTED, "records of an hour"),
        ("Too little data for a verdict", m.DRIFT_INSUFFICIENT, "1 is too little"),
        ("Features checked", m.FEATURES_CHECKED, "features"),
    )
    return [
        Graph(title, context.build_variant_lines(metric, "Maximum"), HOUR, left=unit, start=WEEK_RANGE, width=6)
        for title, metric, unit in specs
    ]


def _build_function_graphs(context: DashboardContext) -> Row:
    specs = (
        ("Calls", m.CALLS, "Sum", "calls"),
        ("Failed calls", m.CALL_ERRORS, "Sum", "calls"),
        ("Throttled calls", m.CALL_THROTTLES, "Sum", "calls"),
        ("Longest call", m.CALL_DURATION, "Maximum", "ms"),
    )
    graphs: list[Graph] = []
    for title, metric, statistic, unit in specs:
        lines = [
            context.build_line(metric, statistic, source=purpose, label=purpose)
            for purpose in context.function_purposes
        ]
        graphs.append(Graph(title, lines, left=unit, width=8))
    queues = [
        context.build_line(m.MESSAGES, "Maximum", source=purpose, label=purpose) for purpose in context.queue_purposes
    ]
    rollback_times = [
        context.build_line(m.ROLLBACK_ACCEPTED, "Maximum", label="until accepted"),
        context.build_line(m.ROLLBACK_OBSERVED, "Maximum", label="until the weights were observed"),
    ]
    return [
        *graphs,
        Graph("Undelivered events in queues", queues, left="messages", width=8),
        Graph("Duration of rollbacks", rollback_times, MINUTE, left="seconds", start=WEEK_RANGE, width=8),
    ]


def _build_alarm_graphs(context: DashboardContext) -> Row:
    alarms = [*(alarm for variant in context.variant_names for alarm in context.variants[variant]), *context.endpoint]
    return [serving_graphs.build_alarm_graph(context, key) for key in dict.fromkeys(alarm.key for alarm in alarms)]


def _flatten(groups: list[list[GraphLine]]) -> list[GraphLine]:
    return [line for group in groups for line in group]
