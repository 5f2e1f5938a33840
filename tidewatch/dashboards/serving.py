"""Graphs of requests, errors, latency and instances by slot, of which the pages are made."""

from __future__ import annotations

from dataclasses import replace

from tidewatch import metrics as m
from tidewatch.alarms.expressions import each, total
from tidewatch.alarms.values import Alarm, Math, Stat
from tidewatch.dashboards.subject import MARKS, Subject, threshold
from tidewatch.dashboards.widgets import Graph, Line, Threshold
from tidewatch.durations import exactly
from tidewatch.metrics import Metric

MINUTE, FIVE_MINUTES, HOUR = 60, 300, 3600
WEEK = "-P7D"
"""For what is told once an hour, and judged over days."""


def requests(subject: Subject, period_s: int, width: int = 12, *, marked: bool = False) -> Graph:
    return _marked(
        subject,
        marked,
        f"Requests in {exactly(period_s)}",
        subject.each(m.INVOCATIONS, "Sum"),
        period_s,
        "requests",
        width,
    )


def success(subject: Subject, period_s: int, width: int = 12, *, marked: bool = False) -> Graph:
    """Percent of the requests without an error on our side, with what is promised of the endpoint."""
    slots = subject.ordered
    parts = each("n", m.INVOCATIONS, "Sum", slots) | each("b", m.ERRORS_5XX, "Sum", slots)
    whole = Math(f"100 * (1 - ({total('b', slots)}) / ({total('n', slots)}))", parts)
    lines = [
        *subject.computed_each(Math("100 * (1 - e)", {"e": Stat(m.ERRORS_5XX, "Average")})),
        *(subject.computed(whole, "", "all", "endpoint", color="#000000") if len(slots) > 1 else ()),
    ]
    promised = [
        Threshold(one.percent, f"promised over {one.days} days: {one.percent:g}%")
        for one in subject.objectives
        if one.kind == "availability"
    ]
    return _marked(subject, marked, "Success rate", lines, period_s, "% of requests", width, promised, least=None)


def split(subject: Subject, width: int = 12) -> Graph:
    """Which version gets how much of the traffic: a flip is seen here first, where requests arrive minutes later."""
    lines = subject.computed_each(Math("100 * w", {"w": Stat(m.LIVE_SHARE, "Maximum")}))
    return _marked(subject, True, "Live split", lines, MINUTE, "% of the traffic", width)


def latency(
    subject: Subject, statistic: str, width: int = 12, *, metric: Metric = m.MODEL_LATENCY, marked: bool = False
) -> Graph:
    """A statistic of a latency in milliseconds, of every slot."""
    lines = subject.computed_each(Math("x / 1000", {"x": Stat(metric, statistic)}))
    what = "Latency of the model" if metric is m.MODEL_LATENCY else "Overhead around the model"
    promised = [
        Threshold(one.milliseconds, f"promised of {one.percent:g}%: {one.milliseconds:g} ms")
        for one in subject.objectives
        if one.milliseconds is not None and metric is m.MODEL_LATENCY
    ]
    return _marked(subject, marked, f"{what}, {statistic}", lines, FIVE_MINUTES, "ms", width, promised)


def instances(subject: Subject, period_s: int, width: int = 12) -> Graph:
    """Those that report: each sends one value a minute of its processors."""
    lines = subject.computed_each(Math(f"h / {period_s // MINUTE}", {"h": Stat(m.CPU, "SampleCount")}))
    return Graph("Instances", lines, period_s, left="instances", stacked=True, width=width)


def watched(subject: Subject, key: str, width: int = 8, *, marked: bool = False) -> Graph:
    """What the alarms of a key compare, of every slot that has one or of the endpoint, with their thresholds."""
    found = [(slot, alarm) for slot in subject.ordered for alarm in subject.slots[slot] if alarm.key == key]
    found += [("", alarm) for alarm in subject.endpoint if alarm.key == key]
    lines = [line for slot, alarm in found for line in subject.signal(alarm, slot, slot or "s")]
    alarm = found[0][1]
    least = 0 if all(one.bounds[0] >= 0 for _, one in found) else None
    limits = [threshold(one) for _, one in found]
    drawn = _marked(subject, marked, _asked(alarm), lines, alarm.period_s, "", width, limits, least=least)
    # A day has too few hours to see how often it comes near.
    return replace(drawn, start=WEEK) if alarm.period_s >= HOUR else drawn


def _asked(alarm: Alarm) -> str:
    """A title that says when it fires, like "Slow predictions (2 of 2 x 5 minutes)"."""
    return f"{alarm.title} ({alarm.datapoints} of {alarm.periods} x {exactly(alarm.period_s)})"


def _marked(
    subject: Subject,
    marked: bool,
    title: str,
    lines: list[Line],
    period_s: int,
    left: str,
    width: int,
    thresholds: list[Threshold] | None = None,
    *,
    least: float | None = 0,
) -> Graph:
    return Graph(
        title,
        [*lines, *subject.marks()] if marked else lines,
        period_s,
        thresholds or (),
        left=left,
        right=MARKS if marked else "",
        least=least,
        width=width,
    )
