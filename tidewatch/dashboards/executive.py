"""The executive page, over four weeks: objectives and their remaining budgets, requests and cost."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.expressions import build_sum, build_variant_stats, format_number
from tidewatch.alarms.models import DAY, HOUR, MetricMath, MetricStat
from tidewatch.dashboards import serving_graphs
from tidewatch.dashboards.context import SEVERITY_COLORS, DashboardContext
from tidewatch.dashboards.page import Page, Row
from tidewatch.dashboards.text_widgets import build_heading, build_section
from tidewatch.dashboards.widgets import Graph, GraphLine, SingleValue, TextWidget, Threshold
from tidewatch.slo import BURN_RATE_ALERTS, BurnRateAlert, Objective, build_request_counts, compute_burn_rate

TIME_RANGE = "-P28D"
USED_UP_THRESHOLD = Threshold(0, "used up", color="#d62728")


def build_executive_page(context: DashboardContext) -> Page:
    """Returns the page with cost, error budgets with their burn rates, and requests."""
    objective_rows: list[Row] = [_build_objective_row(context, objective) for objective in context.objectives]
    if not objective_rows:
        objective_rows = [[TextWidget("No objectives yet: declare them under `tidewatch:slo`.", height=2)]]
    return Page(
        TIME_RANGE,
        [
            [build_heading(context, "executive", "The objectives, their remaining error budgets, and the costs.")],
            [build_section("Promises")],
            *objective_rows,
            [build_section("Requests")],
            [
                serving_graphs.build_requests_graph(context, HOUR),
                serving_graphs.build_success_rate_graph(context, HOUR),
            ],
            [build_section("Cost")],
            _build_cost_widgets(context),
        ],
    )


def _build_objective_row(context: DashboardContext, objective: Objective) -> Row:
    name = objective.kind.capitalize()
    remaining = context.build_expression(
        MetricMath("100 * (1 - u)", {"u": MetricStat(m.BUDGET_USED, "Maximum", objective.kind)}),
        "",
        "left",
        "error budget left",
    )
    return [
        SingleValue(f"{name}: budget left, % ({objective.percent:g}% over {objective.days} days)", remaining, height=6),
        Graph(
            f"{name}: error budget left",
            remaining,
            HOUR,
            [USED_UP_THRESHOLD],
            left="% of the budget",
            y_min=None,
            width=6,
        ),
        _build_good_requests_graph(context, objective),
        _build_burn_rate_graph(context, objective),
    ]


def _build_good_requests_graph(context: DashboardContext, objective: Objective) -> Graph:
    """Returns the percentage of an hour's requests that met the objective."""
    bad, requests, parts = build_request_counts(objective, context.variant_names)
    good = context.build_expression(
        MetricMath(f"100 * (1 - ({bad}) / ({requests}))", parts), "", "good", "requests within the objective"
    )
    target = Threshold(objective.percent, f"promised: {objective.percent:g}%")
    name = objective.kind.capitalize()
    return Graph(f"{name}: good requests", good, HOUR, [target], left="% of an hour", y_min=None, width=6)


def _build_burn_rate_graph(context: DashboardContext, objective: Objective) -> Graph:
    """Returns the burn rate over the long windows of the alerts."""
    bad, requests, parts = build_request_counts(objective, context.variant_names)
    rate = MetricMath(f"({bad}) / ({requests}) / {format_number(objective.budget)}", parts)
    lines: list[GraphLine] = []
    for seconds in sorted({alert.long_s for alert in BURN_RATE_ALERTS}):
        window = "a day" if seconds == DAY else f"{seconds // HOUR} h"
        lines += context.build_expression(rate, "", f"over{seconds}", f"over {window}", period_s=seconds)
    return Graph(
        f"{objective.kind.capitalize()}: burn rate",
        lines,
        HOUR,
        [_build_alert_threshold(alert, objective) for alert in BURN_RATE_ALERTS],
        left="times as fast as allowed",
        width=6,
    )


def _build_alert_threshold(alert: BurnRateAlert, objective: Objective) -> Threshold:
    """Returns the rate at which an alert fires, which is lower if a total outage would not reach the workbook's."""
    rate = round(compute_burn_rate(alert.compute_threshold(objective.budget), objective.budget), 3)
    label = f"{alert.severity.value} {alert.name.replace('-', ' ')}: {rate:g}"
    return Threshold(rate, label, color=SEVERITY_COLORS[alert.severity])


def _build_cost_widgets(context: DashboardContext) -> Sequence[Graph | SingleValue]:
    """Returns instance hours times the price of one, or only the hours without a price."""
    variants, price = context.variant_names, context.price_per_hour
    unit = 1.0 if price is None else price
    hours = MetricMath(
        f"{format_number(unit)} * ({build_sum('h', variants)}) / 60",
        build_variant_stats("h", m.CPU, "SampleCount", variants),
    )
    quantity = "Instance hours" if price is None else "Cost of the instances"
    cost = context.build_expression(hours, "", "spent", f"{quantity.lower()}, all variants")
    by_variant = context.build_variant_expressions(
        MetricMath(f"{format_number(unit)} * h / 60", {"h": MetricStat(m.CPU, "SampleCount")})
    )
    return [
        SingleValue(f"{quantity}, of the time shown", cost, HOUR, whole_range=True, height=6),
        Graph(
            f"{quantity}, each hour",
            by_variant,
            HOUR,
            left="hours" if price is None else "price",
            stacked=True,
            width=9,
        ),
        serving_graphs.build_instances_graph(context, HOUR, width=9),
    ]
