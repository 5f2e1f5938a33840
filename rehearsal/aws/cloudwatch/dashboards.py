"""PutDashboard with the checks that moto lacks.

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
MAX_WIDGETS, MAX_METRICS, MAX_METRICS_TOTAL, MAX_ALARMS = 500, 500, 2500, 100
_LAYOUT_BOUNDS: Mapping[str, tuple[int, float]] = {
    "x": (0, 23),
    "y": (0, float("inf")),
    "width": (1, 24),
    "height": (1, 1000),
}

BodyFault = tuple[str, str]
"""The path in the body, and the problem."""


def install() -> None:
    """Patches moto's CloudWatch with the checks."""
    CloudWatchResponse.put_dashboard = _add_body_check(CloudWatchResponse.put_dashboard)  # type: ignore[method-assign]


def _add_body_check(original: Any) -> Any:
    @wraps(original)
    def put_dashboard(self: CloudWatchResponse) -> Any:
        found = list_faults(self.params["DashboardBody"])
        if found:
            details = json.dumps([{"dataPath": where, "message": what} for where, what in found])
            noun = "error" if len(found) == 1 else "errors"
            raise DashboardInvalidInputError(
                f"The dashboard body is invalid, there are {len(found)} validation {noun}: {details}"
            )
        return original(self)

    return put_dashboard


def list_faults(body: str) -> list[BodyFault]:
    """The problems in a dashboard's body that CloudWatch would refuse."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return [("", "Should be valid JSON")]
    widgets = content.get("widgets") if isinstance(content, dict) else None
    if not isinstance(widgets, list):
        return [("", "Should have required property 'widgets'")]
    found: list[BodyFault] = []
    if len(widgets) > MAX_WIDGETS:
        found.append(("/widgets", f"Should NOT have more than {MAX_WIDGETS} items"))
    total = 0
    for index, widget in enumerate(widgets):
        found += _check_widget(f"/widgets/{index}", widget)
        total += len(_get_list(widget, "metrics"))
    if total > MAX_METRICS_TOTAL:
        found.append(("/widgets", f"Should NOT have more than {MAX_METRICS_TOTAL} metrics in all"))
    return found


def _check_widget(path: str, widget: Any) -> Iterator[BodyFault]:
    if not isinstance(widget, dict) or widget.get("type") not in TYPES:
        yield f"{path}/type", f"Should be equal to one of the allowed values: {', '.join(TYPES)}"
        return
    for member, (minimum, maximum) in _LAYOUT_BOUNDS.items():
        value = widget.get(member)
        if value is not None and not (isinstance(value, int) and minimum <= value <= maximum):
            yield f"{path}/{member}", f"Should be a whole number from {minimum} to {maximum}"
    if all(isinstance(widget.get(member), int) for member in ("x", "width")) and widget["x"] + widget["width"] > 24:
        yield path, "Should lie within the 24 columns"
    yield from _check_properties(f"{path}/properties", widget)


def _check_properties(path: str, widget: Mapping[str, Any]) -> Iterator[BodyFault]:
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        yield path, "Should be an object"
        return
    required_member = {"metric": "region", "text": "markdown", "alarm": "alarms", "log": "query"}.get(widget["type"])
    if required_member and not properties.get(required_member):
        yield path, f"Should have required property '{required_member}'"
    if widget["type"] == "metric" and not (properties.get("metrics") or properties.get("annotations")):
        yield path, "Should have required property 'metrics' or 'annotations'"
    if len(_get_list(widget, "metrics")) > MAX_METRICS:
        yield f"{path}/metrics", f"Should NOT have more than {MAX_METRICS} items"
    if len(_get_list(widget, "alarms")) > MAX_ALARMS:
        yield f"{path}/alarms", f"Should NOT have more than {MAX_ALARMS} items"


def _get_list(widget: Any, member: str) -> list[Any]:
    properties = widget.get("properties") if isinstance(widget, dict) else None
    found = properties.get(member) if isinstance(properties, dict) else None
    return found if isinstance(found, list) else []
