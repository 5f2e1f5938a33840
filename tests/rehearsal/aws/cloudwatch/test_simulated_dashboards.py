"""What the simulated CloudWatch refuses of a dashboard."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudwatch.dashboards import list_faults
from tests.rehearsal.aws.account import Account

METRIC: dict[str, Any] = {
    "type": "metric",
    "x": 0,
    "y": 0,
    "width": 12,
    "height": 6,
    "properties": {"region": "us-east-1", "metrics": [["AWS/SageMaker", "Invocations"]]},
}
TEXT: dict[str, Any] = {"type": "text", "properties": {"markdown": "# on call"}}


def find_faults(*widgets: Any) -> list[str]:
    return [where for where, _ in list_faults(json.dumps({"widgets": list(widgets)}))]


def test_a_dashboard_within_the_limits_has_no_faults() -> None:
    alarms = {"type": "alarm", "properties": {"alarms": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"]}}
    assert find_faults(METRIC, TEXT, alarms) == []
    assert find_faults() == []


@pytest.mark.parametrize(
    ("widget", "where"),
    [
        ({**METRIC, "type": "graph"}, "/widgets/0/type"),
        ({**METRIC, "x": 24, "width": None}, "/widgets/0/x"),
        ({**METRIC, "width": 25, "x": None}, "/widgets/0/width"),
        ({**METRIC, "x": 18}, "/widgets/0"),
        ({**METRIC, "height": 0}, "/widgets/0/height"),
        ({**METRIC, "properties": {"metrics": [["a", "b"]]}}, "/widgets/0/properties"),
        ({**METRIC, "properties": {"region": "us-east-1"}}, "/widgets/0/properties"),
        ({**METRIC, "properties": {"region": "r", "metrics": [["a", "b"]] * 501}}, "/widgets/0/properties/metrics"),
        ({**TEXT, "properties": {}}, "/widgets/0/properties"),
        ({"type": "alarm", "properties": {"alarms": ["a"] * 101}}, "/widgets/0/properties/alarms"),
        ({"type": "text"}, "/widgets/0/properties"),
        ("text", "/widgets/0/type"),
    ],
)
def test_a_widget_beyond_the_limits(widget: Any, where: str) -> None:
    """Source: API reference, "Dashboard Body Structure and Syntax"; CloudWatch quotas."""
    assert find_faults(widget) == [where]


def test_too_many_widgets_or_metrics() -> None:
    many = {**METRIC, "properties": {"region": "us-east-1", "metrics": [["a", "b"]] * 500}}
    assert find_faults(*[TEXT] * 501) == ["/widgets"]
    assert find_faults(*[many] * 6) == ["/widgets"]


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"widgets": {}}'])
def test_a_body_that_is_no_dashboard_is_refused_by_put_dashboard(account: Account, body: str) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterInput.*there are 1 validation error"):
        account.client("cloudwatch").put_dashboard(DashboardName="oncall", DashboardBody=body)
