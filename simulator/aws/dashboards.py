"""PutDashboard with the checks that moto leaves out.

Source: CloudWatch API reference, "Dashboard Body Structure and Syntax" (0 to 500 widgets; x 0-23, width 1-24, height
1-1000; a metric widget's region, a text widget's markdown, an alarm widget's 1 to 100 alarms); CloudWatch quotas (500
metrics a widget, 2,500 a dashboard).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import wraps
from typing import Any

from moto.cloudwatch.exceptions import DashboardInvalidInputError
from moto.cloudwatch.responses import CloudWatchResponse

TYPES = ("alarm", "chart", "explorer", "log", "metric", "text")
MOST_WIDGETS, MOST_METRICS, MOST_METRICS_IN_ALL, MOST_ALARMS = 500, 500, 2500, 100
_PLACES: Mapping[str, tuple[int, float]] = {
    "x": (0, 23),
    "y": (0, float("inf")),
    "width": (1, 24),
    "height": (1, 1000),
}

Fault = tuple[str, str]
"""Where in the body, and what is wrong."""


def install() -> None:
    """Sets the checks on moto's CloudWatch."""
    CloudWatchResponse.put_dashboard = _checked(CloudWatchResponse.put_dashboard)  # type: ignore[method-assign]


def _checked(original: Any) -> Any:
    @wraps(original)
    def put_dashboard(self: CloudWatchResponse) -> Any:
        found = faults(self.params["DashboardBody"])
        if found:
            told = json.dumps([{"dataPath": where, "message": what} for where, what in found])
            errors = "error" if len(found) == 1 else "errors"
            raise DashboardInvalidInputError(
                f"The dashboard body is invalid, there are {len(found)} validation {errors}: {told}"
            )
        return original(self)

    return put_dashboard


def faults(body: str) -> list[Fault]:
    """What CloudWatch would refuse in a dashboard's body."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return [("", "Should be valid JSON")]
    widgets = content.get("widgets") if isinstance(content, dict) else None
    if not isinstance(widgets, list):
        return [("", "Should have required property 'widgets'")]
    found: list[Fault] = []
    if len(widgets) > MOST_WIDGETS:
        found.append(("/widgets", f"Should NOT have more than {MOST_WIDGETS} items"))
    total = 0
    for place, widget in enumerate(widgets):
        found += _widget(f"/widgets/{place}", widget)
        total += len(_listed(widget, "metrics"))
    if total > MOST_METRICS_IN_ALL:
        found.append(("/widgets", f"Should NOT have more than {MOST_METRICS_IN_ALL} metrics in all"))
    return found


def _widget(where: str, widget: Any) -> Iterator[Fault]:
    if not isinstance(widget, dict) or widget.get("type") not in TYPES:
        yield f"{where}/type", f"Should be equal to one of the allowed values: {', '.join(TYPES)}"
        return
    for member, (least, most) in _PLACES.items():
        value = widget.get(member)
        if value is not None and not (isinstance(value, int) and least <= value <= most):
            yield f"{where}/{member}", f"Should be a whole number from {least} to {most}"
    if all(isinstance(widget.get(member), int) for member in ("x", "width")) and widget["x"] + widget["width"] > 24:
        yield where, "Should lie within the 24 columns"
    yield from _properties(f"{where}/properties", widget)


def _properties(where: str, widget: Mapping[str, Any]) -> Iterator[Fault]:
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        yield where, "Should be an object"
        return
    needed = {"metric": "region", "text": "markdown", "alarm": "alarms", "log": "query"}.get(widget["type"])
    if needed and not properties.get(needed):
        yield where, f"Should have required property '{needed}'"
    if widget["type"] == "metric" and not (properties.get("metrics") or properties.get("annotations")):
        yield where, "Should have required property 'metrics' or 'annotations'"
    if len(_listed(widget, "metrics")) > MOST_METRICS:
        yield f"{where}/metrics", f"Should NOT have more than {MOST_METRICS} items"
    if len(_listed(widget, "alarms")) > MOST_ALARMS:
        yield f"{where}/alarms", f"Should NOT have more than {MOST_ALARMS} items"


def _listed(widget: Any, member: str) -> list[Any]:
    properties = widget.get("properties") if isinstance(widget, dict) else None
    found = properties.get(member) if isinstance(properties, dict) else None
    return found if isinstance(found, list) else []
