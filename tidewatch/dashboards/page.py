"""A page of widgets, laid out on CloudWatch's grid of 24 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidewatch.dashboards.widgets import COLUMNS, Json, Widget

Row = Sequence[Widget]


@dataclass(frozen=True)
class Page:
    """Rows of widgets from left to right. A widget that does not fit begins a new line.

    Each graph keeps its own period, because thresholds depend on it.
    """

    start: str
    """The time range, such as -PT6H."""
    rows: Sequence[Row]

    def build_body(self, region: str) -> Json:
        """Returns the dashboard's body, for metrics of that region."""
        widgets = [
            {
                "type": widget.kind,
                "x": x,
                "y": y,
                "width": widget.width,
                "height": widget.height,
                "properties": widget.build_properties(region),
            }
            for x, y, widget in lay_out_widgets(self.rows)
        ]
        return {"start": self.start, "periodOverride": "inherit", "widgets": widgets}


def lay_out_widgets(rows: Sequence[Row]) -> Iterator[tuple[int, int, Widget]]:
    """Yields column and line of each widget's upper left corner. A line begins below the highest widget above it."""
    y = 0
    for row in rows:
        x = tallest = 0
        for widget in row:
            if x + widget.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            yield x, y, widget
            x, tallest = x + widget.width, max(tallest, widget.height)
        y += tallest
