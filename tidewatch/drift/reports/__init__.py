"""Reports: a window's verdict for people, as JSON and as a page."""

from __future__ import annotations

from tidewatch.drift.reports.html_report import (
    STYLE,
    VERDICT_MARKS,
    VERDICT_NOTE,
    format_statistics,
    render_report,
    sort_worst_first,
)
from tidewatch.drift.reports.report import (
    DriftReport,
    WindowReport,
    build_window_report,
    decode_report,
    list_examples,
    summarize_records,
)

__all__ = [
    "STYLE",
    "VERDICT_MARKS",
    "VERDICT_NOTE",
    "DriftReport",
    "WindowReport",
    "build_window_report",
    "decode_report",
    "format_statistics",
    "list_examples",
    "render_report",
    "sort_worst_first",
    "summarize_records",
]
