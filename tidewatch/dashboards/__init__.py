"""Dashboards: what people look at, from the same catalog as the alarms. Values only; components make resources of them.

    Subject(region, names, slots, endpoint, ...)          what the pages are about, all of it plain text and numbers
    executive(subject) / oncall(subject) / debug(subject) -> Page
    PAGES                                                 the three by name
    Page.body(region) -> the dashboard's body as CloudWatch documents it
    dashboard_url(region, name), bucket_url(...), ...     where the console shows it

Every line is a metric of tidewatch.metrics, and every alarm's signal is drawn on a page with its threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tidewatch.console import dashboard_url
from tidewatch.dashboards.debug import debug
from tidewatch.dashboards.executive import executive
from tidewatch.dashboards.oncall import oncall
from tidewatch.dashboards.page import Page
from tidewatch.dashboards.subject import Subject
from tidewatch.dashboards.widgets import AlarmStates, Graph, Line, Number, Series, Text, Threshold, Widget

PAGES: Mapping[str, Callable[[Subject], Page]] = MappingProxyType(
    {"executive": executive, "oncall": oncall, "debug": debug}
)
"""By the name under which the stack's outputs link them."""

__all__ = [
    "PAGES",
    "AlarmStates",
    "Graph",
    "Line",
    "Number",
    "Page",
    "Series",
    "Subject",
    "Text",
    "Threshold",
    "Widget",
    "dashboard_url",
    "debug",
    "executive",
    "oncall",
]
