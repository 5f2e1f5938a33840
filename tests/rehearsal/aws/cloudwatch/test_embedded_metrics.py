"""Metrics that functions write into their log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from rehearsal.aws.cloudwatch.embedded_metrics import parse_line
from tests.rehearsal.aws.account import Account
from tests.rehearsal.aws.alarm_history import put_alarm, state
from tidewatch.aws.embedded_metrics import format_embedded_metrics
from tidewatch.metrics import OPEN_INCIDENTS

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LINE = format_embedded_metrics({OPEN_INCIDENTS: 2}, {"Stack": "flights"}, NOON)
EMITTER = """
import json
def handler(event, context):
    print(json.dumps(event))
"""


def test_a_line_of_our_own_functions_is_understood() -> None:
    """Source: user guide, "Embedded metric format specification"."""
    (found,) = parse_line(LINE)
    assert (found.namespace, found.name, found.dimensions) == ("Tidewatch", "OpenIncidents", {"Stack": "flights"})
    assert (found.values, found.unit, found.timestamp) == ((2.0,), "Count", NOON.timestamp())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "START RequestId: 1",
        "{",
        '{"CloudWatchMetrics": 1}',
        LINE.replace('"Stack": "flights"', '"Other": "flights"'),
        LINE.replace('"OpenIncidents": 2', '"OpenIncidents": "two"'),
        LINE.replace("Timestamp", "Time"),
    ],
)
def test_any_other_line_is_just_a_line(line: str) -> None:
    assert list(parse_line(line)) == []


def test_every_set_of_dimensions_is_a_metric_and_a_list_holds_several_values() -> None:
    line = json.loads(LINE) | {"Variant": "blue", "OpenIncidents": [1, 2]}
    line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [["Stack"], ["Stack", "Variant"]]
    first, second = parse_line(json.dumps(line))
    assert (first.dimensions, first.values) == ({"Stack": "flights"}, (1.0, 2.0))
    assert second.dimensions == {"Stack": "flights", "Variant": "blue"}


def test_an_alarm_sees_what_a_function_measured(account: Account) -> None:
    account.function("emitter", EMITTER)
    where = [{"Name": "Stack", "Value": "flights"}]
    put_alarm(account, Namespace="Tidewatch", MetricName="OpenIncidents", Dimensions=where, Statistic="Maximum")
    account.clock.advance(30)
    account.invoke(
        "emitter",
        json.loads(format_embedded_metrics({OPEN_INCIDENTS: 2}, {"Stack": "flights"}, account.clock.now())),
    )
    account.clock.advance(30)
    fired = state(account)
    account.clock.advance_to(account.clock.now() + timedelta(minutes=5))

    assert (fired, state(account)) == ("ALARM", "INSUFFICIENT_DATA")
