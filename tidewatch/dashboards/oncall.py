"""The on-call page, over six hours: alarms, what users experience, deployments, rollbacks and links."""

from __future__ import annotations

import math

from tidewatch import metrics as m
from tidewatch.alarms import data_alarms
from tidewatch.alarms.models import HOUR
from tidewatch.dashboards import serving_graphs
from tidewatch.dashboards.context import SEVERITY_COLORS, DashboardContext
from tidewatch.dashboards.page import Page, Row
from tidewatch.dashboards.serving_graphs import FIVE_MINUTES, MINUTE, WEEK_RANGE
from tidewatch.dashboards.text_widgets import (
    build_heading,
    build_link_list,
    build_runbook_list,
    build_section,
    build_serving_table,
)
from tidewatch.dashboards.widgets import COLUMNS, MAX_ALARMS, AlarmStates, Graph, SingleValue, Threshold

TIME_RANGE = "-PT6H"
ALARMS_PER_ROW = 6


def build_oncall_page(context: DashboardContext) -> Page:
    """Returns the page with alarms and incidents, success and latency with events, guardrails, drift and links."""
    return Page(
        TIME_RANGE,
        [
            [build_heading(context, "oncall", "What is wrong now, how it affects users, and what changed.")],
            [build_serving_table(context)],
            _build_alarm_states(context),
            [build_runbook_list(context), build_link_list(context)],
            [build_section("Incidents")],
            _build_incident_widgets(context),
            [build_section("Effect on users")],
            [
                serving_graphs.build_success_rate_graph(context, FIVE_MINUTES, 8, with_events=True),
                serving_graphs.build_requests_graph(context, FIVE_MINUTES, 8, with_events=True),
                serving_graphs.build_live_split_graph(context, 8),
            ],
            [
                serving_graphs.build_latency_graph(context, "p95", with_events=True),
                serving_graphs.build_latency_graph(context, "p99", with_events=True),
            ],
            _build_user_alarm_graphs(context),
            *_build_guardrail_rows(context),
            *_build_drift_rows(context),
        ],
    )


def _build_alarm_states(context: DashboardContext) -> Row:
    arns = [arn for _, arn in sorted(context.alarm_arns.items())]
    groups = [arns[start : start + MAX_ALARMS] for start in range(0, len(arns), MAX_ALARMS)]
    return [
        AlarmStates("Alarms" if len(groups) == 1 else f"Alarms {number}", group, height=2 + _count_rows(len(group)))
        for number, group in enumerate(groups, 1)
    ]


def _count_rows(alarm_count: int) -> int:
    return math.ceil(alarm_count / ALARMS_PER_ROW)


def _build_incident_widgets(context: DashboardContext) -> Row:
    now = [
        context.build_line(metric, "Maximum", label=label)
        for metric, label in (
            (m.OPEN_INCIDENTS, "open"),
            (m.ROLLBACK_RUNNING, "rollback runs"),
            (m.ROLLBACK_BLOCKED, "rollback blocked"),
        )
    ]
    states = [
        context.build_line(metric, "Maximum", label=label)
        for metric, label in (
            (m.OPEN_INCIDENTS, "open incidents"),
            (m.OUT_OF_BAND_CHANGES, "of changes out of band"),
            (m.ROLLBACK_BLOCKED, "rollback blocked"),
            (m.DEPLOYMENT_RUNNING, "deployment runs"),
            (m.DEPLOYMENT_ROLLED_BACK, "deployment was rolled back"),
            (m.ENDPOINT_NOT_IN_SERVICE, "endpoint not in service"),
        )
    ]
    pending = [
        context.build_line(m.ROLLBACK_PENDING, "Maximum", label="pending"),
        context.build_line(m.ROLLBACK_RUNNING, "Maximum", label="rollback runs", axis="right", color="#ff7f0e"),
    ]
    return [
        SingleValue("Now", now, MINUTE, height=6),
        Graph("Incidents and deployments", states, MINUTE, left="number", width=9),
        Graph(
            "Rollback pending",
            pending,
            MINUTE,
            context.build_thresholds("rollback-pending"),
            left="seconds since the request",
            right="rollback",
            width=9,
        ),
    ]


def _build_user_alarm_graphs(context: DashboardContext) -> Row:
    """Returns the signals of the alarms on users' requests, so that the graphs above need no other thresholds."""
    keys = [key for key in ("server-errors", "model-errors", "latency") if context.has_alarm(key)]
    return [serving_graphs.build_alarm_graph(context, key, COLUMNS // 3, with_events=True) for key in keys]


def _build_guardrail_rows(context: DashboardContext) -> list[Row]:
    keys = list(dict.fromkeys(alarm.key for alarms in context.variants.values() for alarm in alarms if alarm.guardrail))
    if not keys:
        return []
    graphs = [serving_graphs.build_alarm_graph(context, key, COLUMNS // 3, with_events=True) for key in keys]
    return [[build_section("Challenger against champion: the guardrails")], graphs]


def _build_drift_rows(context: DashboardContext) -> list[Row]:
    if not context.has_drift:
        return []
    severity_levels = {"drift": data_alarms.TICKET, "many-features-drift": data_alarms.PAGE}
    thresholds = [
        Threshold(
            severity_levels[alarm.key],
            f"{alarm.severity.value} {alarm.title.lower()}",
            color=SEVERITY_COLORS[alarm.severity],
        )
        for alarm in context.endpoint
        if alarm.key in severity_levels
    ]
    specs = (
        ("Features that drift", m.FEATURES_DRIFTING, "features", ()),
        ("Largest population stability index", m.MAX_PSI, "index", ()),
        ("Severity: 1 inform, 2 ticket, 3 page", m.DRIFT_SEVERITY, "severity", thresholds),
    )
    graphs = [
        Graph(
            title,
            context.build_variant_lines(metric, "Maximum"),
            HOUR,
            graph_thresholds,
            left=unit,
            start=WEEK_RANGE,
            width=8,
        )
        for title, metric, unit, graph_thresholds in specs
    ]
    return [[build_section("Drift from the training data, by variant and version")], graphs]
