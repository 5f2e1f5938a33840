"""Dashboards, with the same catalog of metrics as the alarms. They are values; components turn them into resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tidewatch.aws.console_urls import build_dashboard_url
from tidewatch.dashboards.context import DashboardContext
from tidewatch.dashboards.debug import build_debug_page
from tidewatch.dashboards.executive import build_executive_page
from tidewatch.dashboards.oncall import build_oncall_page
from tidewatch.dashboards.page import Page
from tidewatch.dashboards.widgets import (
    AlarmStates,
    Graph,
    GraphLine,
    GraphSeries,
    SingleValue,
    TextWidget,
    Threshold,
    Widget,
)

PAGE_BUILDERS: Mapping[str, Callable[[DashboardContext], Page]] = MappingProxyType(
    {"executive": build_executive_page, "oncall": build_oncall_page, "debug": build_debug_page}
)
"""The pages, by the names under which the stack's outputs link them."""

__all__ = [
    "PAGE_BUILDERS",
    "AlarmStates",
    "DashboardContext",
    "Graph",
    "GraphLine",
    "GraphSeries",
    "Page",
    "SingleValue",
    "TextWidget",
    "Threshold",
    "Widget",
    "build_dashboard_url",
    "build_debug_page",
    "build_executive_page",
    "build_oncall_page",
]
