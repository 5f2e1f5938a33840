"""The on-call page: what is wrong, what users feel, what was deployed or rolled back, and what to do. Six hours."""

from __future__ import annotations

import math

from tidewatch import metrics as m
from tidewatch.alarms import watching
from tidewatch.alarms.values import HOUR
from tidewatch.dashboards import serving
from tidewatch.dashboards.heading import heading, runbooks, section, serving_now, where_to_look
from tidewatch.dashboards.page import Page, Row
from tidewatch.dashboards.serving import FIVE_MINUTES, MINUTE, WEEK
from tidewatch.dashboards.subject import URGENT, Subject
from tidewatch.dashboards.widgets import COLUMNS, MOST_ALARMS, AlarmStates, Graph, Number, Threshold

LOOKS_BACK = "-PT6H"
ALARMS_A_LINE = 6


def oncall(subject: Subject) -> Page:
    """Alarms and incidents, success and latency with deployments and rollbacks marked, guardrails, drift, links."""
    return Page(
        LOOKS_BACK,
        [
            [heading(subject, "oncall", "What is wrong now, what users feel, and what changed.")],
            [serving_now(subject)],
            _alarms(subject),
            [runbooks(subject), where_to_look(subject)],
            [section("Incidents")],
            _incidents(subject),
            [section("What users feel")],
            [
                serving.success(subject, FIVE_MINUTES, 8, marked=True),
                serving.requests(subject, FIVE_MINUTES, 8, marked=True),
                serving.split(subject, 8),
            ],
            [serving.latency(subject, "p95", marked=True), serving.latency(subject, "p99", marked=True)],
            _limits(subject),
            *_challenger(subject),
            *_drift(subject),
        ],
    )


def _alarms(subject: Subject) -> Row:
    arns = [arn for _, arn in sorted(subject.alarms.items())]
    groups = [arns[at : at + MOST_ALARMS] for at in range(0, len(arns), MOST_ALARMS)]
    return [
        AlarmStates("Alarms" if len(groups) == 1 else f"Alarms {place}", group, height=2 + _lines(len(group)))
        for place, group in enumerate(groups, 1)
    ]


def _lines(alarms: int) -> int:
    return math.ceil(alarms / ALARMS_A_LINE)


def _incidents(subject: Subject) -> Row:
    now = [
        subject.line(metric, "Maximum", label=label)
        for metric, label in (
            (m.OPEN_INCIDENTS, "open"),
            (m.ROLLBACK_DRIVEN, "rollback runs"),
            (m.ROLLBACK_BLOCKED, "rollback blocked"),
        )
    ]
    states = [
        subject.line(metric, "Maximum", label=label)
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
        subject.line(m.ROLLBACK_PENDING, "Maximum", label="pending"),
        subject.line(m.ROLLBACK_DRIVEN, "Maximum", label="rollback runs", axis="right", color="#ff7f0e"),
    ]
    return [
        Number("Now", now, MINUTE, height=6),
        Graph("Incidents and deployments", states, MINUTE, left="number", width=9),
        Graph(
            "Rollback pending",
            pending,
            MINUTE,
            subject.thresholds("rollback-pending"),
            left="seconds since it was asked for",
            right="rollback",
            width=9,
        ),
    ]


def _limits(subject: Subject) -> Row:
    """What the alarms compare that tell of users, so that the graphs above need no thresholds of other statistics."""
    keys = [key for key in ("server-errors", "model-errors", "latency") if subject.watches(key)]
    return [serving.watched(subject, key, COLUMNS // 3, marked=True) for key in keys]


def _challenger(subject: Subject) -> list[Row]:
    keys = list(dict.fromkeys(alarm.key for alarms in subject.slots.values() for alarm in alarms if alarm.guardrail))
    if not keys:
        return []
    graphs = [serving.watched(subject, key, COLUMNS // 3, marked=True) for key in keys]
    return [[section("Challenger against champion: what rolls back")], graphs]


def _drift(subject: Subject) -> list[Row]:
    if not subject.drift:
        return []
    urgent = {"drift": watching.TICKET, "many-features-drift": watching.PAGE}
    thresholds = [
        Threshold(urgent[alarm.key], f"{alarm.severity.value} {alarm.title.lower()}", color=URGENT[alarm.severity])
        for alarm in subject.endpoint
        if alarm.key in urgent
    ]
    drawn = (
        ("Features that drift", m.FEATURES_DRIFTING, "features", ()),
        ("Largest population stability index", m.MAX_PSI, "index", ()),
        ("Severity: 1 inform, 2 ticket, 3 page", m.DRIFT_SEVERITY, "severity", thresholds),
    )
    graphs = [
        Graph(title, subject.each(metric, "Maximum"), HOUR, limits, left=unit, start=WEEK, width=8)
        for title, metric, unit, limits in drawn
    ]
    return [[section("Drift from the training data, by slot and version")], graphs]
