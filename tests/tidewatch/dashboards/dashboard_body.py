"""What CloudWatch documents of a dashboard's body, as checks.

Source: CloudWatch API reference, "Dashboard Body Structure and Syntax"; CloudWatch quotas.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from rehearsal.aws.cloudwatch.metric_math import parse_expression
from tidewatch.alarms import statistics as statistics

ID = re.compile(r"[a-z][A-Za-z0-9_]*")
WIDGET = {"type", "x", "y", "width", "height", "properties"}
PROPERTIES = {
    "metric": {
        *("annotations", "metrics", "period", "region", "setPeriodToTimeRange", "sparkline", "stacked", "start"),
        *("title", "view", "yAxis"),
    },
    "alarm": {"alarms", "sortBy", "title"},
    "text": {"markdown"},
    "log": {"query", "region", "title", "view"},
}
"""Of those that are documented, the ones that are used here."""
LOOKS = {"color", "expression", "id", "label", "period", "stat", "visible", "yAxis"}
START = re.compile(r"-P(\d+D|T\d+[HM])")
COLOR = re.compile(r"#[0-9a-f]{6}")
STORED = 455 * 86_400
"""Seconds that CloudWatch keeps a metric."""


def check(body: dict[str, Any]) -> None:
    """Fails where CloudWatch would refuse the body, or not draw what it says."""
    assert len(json.dumps(body).encode()) <= 1_000_000
    assert set(body) == {"start", "periodOverride", "widgets"}
    assert START.fullmatch(body["start"])
    assert body["periodOverride"] in ("auto", "inherit")
    widgets = body["widgets"]
    assert 0 < len(widgets) <= 500
    assert sum(len(metrics(widget)) for widget in widgets) <= 2500
    for widget in widgets:
        _widget(widget)
    for one, other in itertools.combinations(widgets, 2):
        assert not _overlap(one, other), (one["properties"], other["properties"])


def metrics(widget: dict[str, Any]) -> list[list[Any]]:
    return widget["properties"].get("metrics", [])


def series(widget: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str], dict[str, Any]]]:
    """Namespace, name, dimensions and looks of the metrics that a widget reads."""
    for metric in metrics(widget):
        if len(metric) > 1:
            *words, looks = metric
            yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True)), looks


def _widget(widget: dict[str, Any]) -> None:
    assert set(widget) == WIDGET
    assert all(type(widget[each]) is int for each in ("x", "y", "width", "height"))
    assert 0 <= widget["x"] <= 23
    assert widget["y"] >= 0
    assert 1 <= widget["width"] <= 24
    assert 1 <= widget["height"] <= 1000
    assert widget["x"] + widget["width"] <= 24
    properties = widget["properties"]
    assert set(properties) <= PROPERTIES[widget["type"]]
    match widget["type"]:
        case "metric":
            _metric_widget(properties)
        case "alarm":
            assert 1 <= len(properties["alarms"]) <= 100
            assert properties["sortBy"] in ("default", "stateUpdatedTimestamp", "timestamp")
        case "log":
            assert properties["region"]
            assert properties["view"] in ("bar", "pie", "table", "timeSeries")
            assert re.match(r"SOURCE '[\w/.#-]+' \| ", properties["query"])
        case _:
            assert properties["markdown"].strip()


def _metric_widget(properties: dict[str, Any]) -> None:
    assert properties["region"]
    assert properties["view"] in ("timeSeries", "singleValue")
    assert _period(properties["period"])
    assert START.fullmatch(properties.get("start", "-P1D"))
    assert 1 <= len(properties["metrics"]) <= 500
    for axis in properties.get("yAxis", {}).values():
        assert set(axis) <= {"label", "max", "min", "showUnits"}
        assert axis.get("min", 0) < axis.get("max", 1e9)
    for line in properties.get("annotations", {}).get("horizontal", []):
        assert set(line) <= {"color", "label", "value", "yAxis"}
        assert COLOR.fullmatch(line["color"])
        assert line["label"]
    ids = [metric[-1]["id"] for metric in properties["metrics"] if "id" in metric[-1]]
    assert len(ids) == len(set(ids))
    for metric in properties["metrics"]:
        _metric(metric, set(ids))
    assert any(metric[-1].get("visible", True) for metric in properties["metrics"])


def _metric(metric: list[Any], ids: set[str]) -> None:
    *words, looks = metric
    assert set(looks) <= LOOKS
    assert looks.get("yAxis", "left") in ("left", "right")
    assert ID.fullmatch(looks.get("id", "m"))
    assert COLOR.fullmatch(looks.get("color", "#000000"))
    assert _period(looks.get("period", 60))
    # What is shown has a legend, and what is not is read.
    assert looks.get("label") if looks.get("visible", True) else looks.get("id")
    if not words:
        expression = looks["expression"]
        parse_expression(expression)
        assert set(re.findall(rf"\b{ID.pattern}\b", expression)) <= ids - {looks.get("id")}
        return
    assert "expression" not in looks
    assert len(words) >= 2
    assert len(words) % 2 == 0
    assert len(words) <= 2 + 2 * 30
    assert all(isinstance(word, str) and word for word in words)
    assert statistics.is_known_statistic(looks["stat"])


def _period(seconds: int) -> bool:
    return type(seconds) is int and (seconds in (1, 5, 10, 20, 30) or seconds % 60 == 0) and 0 < seconds < STORED


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("x", "width"), ("y", "height"))
    )
