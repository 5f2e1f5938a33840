"""Widgets as values, and their JSON in CloudWatch's dashboard body.

Source: CloudWatch API reference, "Dashboard Body Structure and Syntax".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tidewatch.metrics import Metric

Json: TypeAlias = dict[str, object]
Axis: TypeAlias = Literal["left", "right"]

MAX_ALARMS = 100
"""In one widget."""
COLUMNS = 24


@dataclass(frozen=True)
class GraphSeries:
    """One statistic of one metric, with the values of its dimensions."""

    metric: Metric
    dimensions: Mapping[str, str] = field(hash=False)
    statistic: str

    def to_metric_array(self) -> list[str]:
        """Returns the beginning of a metrics array."""
        pairs = [word for name, value in self.dimensions.items() for word in (name, value)]
        return [self.metric.namespace, self.metric.name, *pairs]


@dataclass(frozen=True)
class GraphLine:
    """A line of a graph: a series, or a metric math expression over the ids of other lines."""

    data: GraphSeries | str
    label: str = ""
    """In the legend."""
    id: str = ""
    """The id that expressions use."""
    visible: bool = True
    """False if only expressions use it."""
    axis: Axis = "left"
    color: str = ""
    """Such as #d62728."""
    period_s: int = 0
    """In seconds, if it differs from the widget's."""

    def to_json(self) -> list[object]:
        options: Json = {}
        if isinstance(self.data, str):
            options["expression"] = self.data
        else:
            options["stat"] = self.data.statistic
        attributes = {"label": self.label, "id": self.id, "color": self.color, "period": self.period_s}
        options |= {key: value for key, value in attributes.items() if value}
        if self.axis == "right":
            options["yAxis"] = "right"
        if not self.visible:
            options["visible"] = False
        return [options] if isinstance(self.data, str) else [*self.data.to_metric_array(), options]


@dataclass(frozen=True)
class Threshold:
    """A horizontal line at a value."""

    value: float
    label: str
    axis: Axis = "left"
    color: str = "#7f7f7f"

    def to_json(self) -> Json:
        definition: Json = {"value": self.value, "label": self.label, "color": self.color}
        return {**definition, "yAxis": "right"} if self.axis == "right" else definition


@dataclass(frozen=True)
class Graph:
    """Lines over time."""

    title: str
    lines: Sequence[GraphLine]
    period_s: int = 300
    """Of each datapoint."""
    thresholds: Sequence[Threshold] = ()
    left: str = ""
    """The label of the left axis."""
    right: str = ""
    """The label of the right axis."""
    y_min: float | None = 0
    """The start of the left axis; None is automatic."""
    y_max: float | None = None
    """The end of the left axis; None is automatic."""
    stacked: bool = False
    start: str = ""
    """Such as -P7D, if the widget looks back further than its page."""
    width: int = 12
    height: int = 6

    kind = "metric"

    def build_properties(self, region: str) -> Json:
        definition: Json = {
            "view": "timeSeries",
            "stacked": self.stacked,
            "region": region,
            "title": self.title,
            "period": self.period_s,
            "metrics": [line.to_json() for line in self.lines],
            "yAxis": self._build_axes(),
        }
        if self.thresholds:
            definition["annotations"] = {
                "horizontal": [threshold.to_json() for threshold in dict.fromkeys(self.thresholds)]
            }
        if self.start:
            definition["start"] = self.start
        return definition

    def _build_axes(self) -> Json:
        attributes = {"label": self.left or None, "min": self.y_min, "max": self.y_max}
        left: Json = {
            "showUnits": not self.left,
            **{key: value for key, value in attributes.items() if value is not None},
        }
        if not self.right:
            return {"left": left}
        return {"left": left, "right": {"min": 0, "showUnits": False, "label": self.right}}


@dataclass(frozen=True)
class SingleValue:
    """The newest value of each line as a number."""

    title: str
    lines: Sequence[GraphLine]
    period_s: int = 300
    whole_range: bool = False
    """Whether it is one value over the page's whole time range instead."""
    start: str = ""
    width: int = 6
    height: int = 4

    kind = "metric"

    def build_properties(self, region: str) -> Json:
        definition: Json = {
            "view": "singleValue",
            "region": region,
            "title": self.title,
            "period": self.period_s,
            "metrics": [line.to_json() for line in self.lines],
            "sparkline": not self.whole_range,
            "setPeriodToTimeRange": self.whole_range,
        }
        return {**definition, "start": self.start} if self.start else definition


@dataclass(frozen=True)
class AlarmStates:
    """The states of up to 100 alarms by ARN, those in ALARM first."""

    title: str
    arns: Sequence[str]
    width: int = 24
    height: int = 4

    kind = "alarm"

    def build_properties(self, region: str) -> Json:  # noqa: ARG002
        return {"title": self.title, "alarms": list(self.arns), "sortBy": "stateUpdatedTimestamp"}


@dataclass(frozen=True)
class TextWidget:
    """A text in Markdown."""

    markdown: str
    width: int = 24
    height: int = 3

    kind = "text"

    def build_properties(self, region: str) -> Json:  # noqa: ARG002
        return {"markdown": self.markdown}


@dataclass(frozen=True)
class LogTable:
    """The result of a log query as a table, over the page's time range."""

    title: str
    log_group: str
    query: str
    """In CloudWatch Logs Insights' language, without the source. Source: CloudWatch Logs user guide, "CloudWatch Logs
    Insights language query syntax"."""
    width: int = 24
    height: int = 4

    kind = "log"

    def build_properties(self, region: str) -> Json:
        query = f"SOURCE '{self.log_group}' | {self.query}"
        return {"title": self.title, "region": region, "view": "table", "query": query}


Widget: TypeAlias = Graph | SingleValue | AlarmStates | TextWidget | LogTable
