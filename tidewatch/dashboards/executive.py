"""The executive page: what was promised and what is left of it, how much is asked, and what it costs. Four weeks."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.expressions import each, total
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import DAY, HOUR, Math, Stat
from tidewatch.dashboards import serving
from tidewatch.dashboards.heading import heading, section
from tidewatch.dashboards.page import Page, Row
from tidewatch.dashboards.subject import URGENT, Subject
from tidewatch.dashboards.widgets import Graph, Line, Number, Text, Threshold
from tidewatch.slo import BURNS, Burn, Objective, burn_rate, counting

WINDOW = "-P28D"
USED_UP = Threshold(0, "used up", color="#d62728")


def executive(subject: Subject) -> Page:
    """Cost, error budgets with their burn rates, and requests."""
    promises: list[Row] = [_promise(subject, objective) for objective in subject.objectives]
    if not promises:
        promises = [[Text("Nothing is promised yet: declare objectives under `tidewatch:slo`.", height=2)]]
    return Page(
        WINDOW,
        [
            [heading(subject, "executive", "What is promised, what is left of it, and what it costs.")],
            [section("Promises")],
            *promises,
            [section("Requests")],
            [serving.requests(subject, HOUR), serving.success(subject, HOUR)],
            [section("Cost")],
            _cost(subject),
        ],
    )


def _promise(subject: Subject, objective: Objective) -> Row:
    name = objective.kind.capitalize()
    left = subject.computed(
        Math("100 * (1 - u)", {"u": Stat(m.BUDGET_USED, "Maximum", objective.kind)}), "", "left", "error budget left"
    )
    return [
        Number(f"{name}: budget left, % ({objective.percent:g}% over {objective.days} days)", left, height=6),
        Graph(f"{name}: error budget left", left, HOUR, [USED_UP], left="% of the budget", least=None, width=6),
        _good(subject, objective),
        _burning(subject, objective),
    ]


def _good(subject: Subject, objective: Objective) -> Graph:
    """The share of an hour's requests that kept the promise."""
    bad, requests, parts = counting(objective, subject.ordered)
    good = subject.computed(Math(f"100 * (1 - ({bad}) / ({requests}))", parts), "", "good", "requests that keep it")
    promised = Threshold(objective.percent, f"promised: {objective.percent:g}%")
    name = objective.kind.capitalize()
    return Graph(f"{name}: good requests", good, HOUR, [promised], left="% of an hour", least=None, width=6)


def _burning(subject: Subject, objective: Objective) -> Graph:
    """How many times as fast as allowed the budget is used, over the long windows of the alerts."""
    bad, requests, parts = counting(objective, subject.ordered)
    burn = Math(f"({bad}) / ({requests}) / {shown(objective.budget)}", parts)
    lines: list[Line] = []
    for seconds in sorted({one.long_s for one in BURNS}):
        over = "a day" if seconds == DAY else f"{seconds // HOUR} h"
        lines += subject.computed(burn, "", f"over{seconds}", f"over {over}", period_s=seconds)
    return Graph(
        f"{objective.kind.capitalize()}: burn rate",
        lines,
        HOUR,
        [_alert(burn, objective) for burn in BURNS],
        left="times as fast as allowed",
        width=6,
    )


def _alert(burn: Burn, objective: Objective) -> Threshold:
    """From which rate an alert fires, which is lower where a total outage would not reach the workbook's."""
    rate = round(burn_rate(burn.threshold(objective.budget), objective.budget), 3)
    label = f"{burn.severity.value} {burn.name.replace('-', ' ')}: {rate:g}"
    return Threshold(rate, label, color=URGENT[burn.severity])


def _cost(subject: Subject) -> Sequence[Graph | Number]:
    """Instance hours times the price of one, or the hours alone."""
    slots, price = subject.ordered, subject.price_per_hour
    unit = 1.0 if price is None else price
    hours = Math(f"{shown(unit)} * ({total('h', slots)}) / 60", each("h", m.CPU, "SampleCount", slots))
    what = "Instance hours" if price is None else "Cost of the instances"
    spent = subject.computed(hours, "", "spent", f"{what.lower()}, all slots")
    by_slot = subject.computed_each(Math(f"{shown(unit)} * h / 60", {"h": Stat(m.CPU, "SampleCount")}))
    return [
        Number(f"{what}, of the time shown", spent, HOUR, whole_range=True, height=6),
        Graph(f"{what}, each hour", by_slot, HOUR, left="hours" if price is None else "price", stacked=True, width=9),
        serving.instances(subject, HOUR, width=9),
    ]
