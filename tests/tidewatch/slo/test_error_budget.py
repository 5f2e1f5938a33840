"""What of the error budgets is used, as it is read from the metrics of an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from rehearsal.aws import REGION, simulate_aws
from rehearsal.simulated_clock import ManualClock
from tests.tidewatch.slo.workbook import compute_share_used
from tidewatch.alarms import InvalidAlarms
from tidewatch.slo import Objective, build_request_counts, compute_burn_rate
from tidewatch.slo.error_budget import ErrorBudgets, IncompleteMetrics, parse_objectives

HOUR = timedelta(hours=1)
AVAILABLE = Objective("availability", 99.9)
FAST = Objective("latency", 99, milliseconds=200)


class Endpoint:
    """Metrics of an endpoint, and a count of the calls that read them."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.cloudwatch: Any = boto3.client("cloudwatch", region_name=REGION)
        self.asked: list[dict[str, Any]] = []
        self._read = self.cloudwatch.get_metric_data
        self.cloudwatch.get_metric_data = self.get_metric_data
        clock.advance((HOUR - timedelta(minutes=clock.now().minute, seconds=clock.now().second)).total_seconds() + 60)

    def get_metric_data(self, **given: Any) -> Any:
        self.asked.append(given)
        return self._read(**given)

    def answer(self, variant: str, requests: int, bad: int = 0, slow: int = 0, ago: timedelta = timedelta()) -> None:
        counted: list[tuple[str, list[float], list[float]]] = [
            ("Invocations", [1], [requests]),
            ("Invocation5XXErrors", [1, 0], [bad, requests - bad]),
            ("ModelLatency", [300_000, 20_000], [slow, requests - slow]),
        ]
        dimensions = [{"Name": "EndpointName", "Value": "flights-1"}, {"Name": "VariantName", "Value": variant}]
        data = [
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": self.clock.now() - ago,
                "Values": [value for value, times in zip(values, counts, strict=True) if times],
                "Counts": [times for times in counts if times],
            }
            for name, values, counts in counted
        ]
        self.cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=data)

    def budgets(self, *promised: Objective) -> ErrorBudgets:
        return ErrorBudgets(promised, "flights-1", ("blue", "green"))

    def read_used(self, budgets: ErrorBudgets) -> dict[str, float]:
        return budgets.read_used_shares(self.cloudwatch, self.clock.now())


def age(endpoint: Endpoint, first: timedelta = timedelta()) -> float:
    """The part of the window since the hour of the first request, which was so long ago."""
    now = endpoint.clock.now()
    return (now - (now - first).replace(minute=0, second=0, microsecond=0)) / timedelta(days=28)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with simulate_aws() as clock:
        yield Endpoint(clock)


def test_bad_requests_use_the_budget_of_all_requests_of_all_variants(endpoint: Endpoint) -> None:
    endpoint.answer("blue", 9_000, bad=3, ago=timedelta(days=20))
    endpoint.answer("green", 1_000, bad=2, slow=25, ago=timedelta(days=2))
    used = endpoint.read_used(endpoint.budgets(AVAILABLE, FAST))
    part = age(endpoint, timedelta(days=20))
    assert used == {
        "availability": pytest.approx(part * 5 / (10_000 * 0.001)),
        "latency": pytest.approx(part * 25 / (10_000 * 0.01)),
    }


def test_an_endpoint_younger_than_the_window_has_not_used_all_of_it_by_its_first_failure(endpoint: Endpoint) -> None:
    endpoint.answer("blue", 100, bad=1, ago=timedelta(minutes=30))
    used = endpoint.read_used(endpoint.budgets(AVAILABLE))["availability"]
    assert used == pytest.approx(compute_share_used(compute_burn_rate(0.01, 0.001), HOUR, AVAILABLE.window), rel=0.1)


def test_once_it_is_as_old_as_the_window_all_of_its_requests_are_its_budget(endpoint: Endpoint) -> None:
    endpoint.answer("blue", 1000, ago=timedelta(days=28))
    endpoint.answer("blue", 1000, bad=2)
    assert endpoint.read_used(endpoint.budgets(AVAILABLE))["availability"] == pytest.approx(1.0)


def test_it_is_what_the_alarms_on_burn_rates_count(endpoint: Endpoint) -> None:
    endpoint.answer("blue", 90, bad=3, slow=7)
    endpoint.answer("green", 10, bad=2, slow=5)
    now = endpoint.clock.now()
    for objective in (AVAILABLE, FAST):
        bad, requests, parts = build_request_counts(objective, ("blue", "green"))
        budgets = endpoint.budgets(objective)
        queries = [{**budgets.build_query(name, stat), "ReturnData": False} for name, stat in parts.items()]
        queries += [{"Id": "bad", "Expression": bad}, {"Id": "requests", "Expression": requests}]
        found = endpoint.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - HOUR, EndTime=now + HOUR)
        sums = {one["Id"]: sum(one["Values"]) for one in found["MetricDataResults"]}
        expected = sums["bad"] / (sums["requests"] * objective.budget)
        assert endpoint.read_used(budgets)[objective.kind] == pytest.approx(expected * age(endpoint))


def test_without_requests_nothing_is_used(endpoint: Endpoint) -> None:
    assert endpoint.read_used(endpoint.budgets(AVAILABLE, FAST)) == {"availability": 0.0, "latency": 0.0}


def test_what_is_older_than_the_window_is_forgotten(endpoint: Endpoint) -> None:
    endpoint.answer("blue", 100, bad=10, ago=timedelta(days=27, hours=23))
    endpoint.answer("blue", 100, bad=0)
    budgets = endpoint.budgets(AVAILABLE)
    assert endpoint.read_used(budgets)["availability"] == pytest.approx(10 / 0.2, rel=0.01)
    endpoint.clock.advance(3 * 3600)
    assert endpoint.read_used(budgets)["availability"] == 0.0


def test_hours_that_are_over_are_read_once_and_late_metrics_are_still_found(endpoint: Endpoint) -> None:
    endpoint.answer("blue", 1000, bad=1, ago=timedelta(days=10))
    budgets = endpoint.budgets(AVAILABLE)
    endpoint.read_used(budgets)
    for hours in range(1, 8):
        endpoint.clock.advance(3600)
        endpoint.answer("blue", 1000, bad=1, ago=2 * HOUR)
        asked = len(endpoint.asked)
        assert endpoint.read_used(budgets) == endpoint.read_used(endpoint.budgets(AVAILABLE))
        warm, cold = endpoint.asked[asked:]
        assert endpoint.read_used(budgets)["availability"] == pytest.approx(
            age(endpoint, timedelta(days=10, hours=hours))
        ), hours
        assert warm["EndTime"] - warm["StartTime"] <= 5 * HOUR
        assert cold["EndTime"] - cold["StartTime"] == timedelta(days=28) + HOUR


def test_pages_are_put_together(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def page(name: str, values: list[float], status: str) -> dict[str, Any]:
        moments = [at + HOUR * place for place in range(len(values))]
        return {"Id": name, "Timestamps": moments, "Values": values, "StatusCode": status}

    pages = [
        {"MetricDataResults": [page("n0", [100], "PartialData")], "NextToken": "more"},
        {"MetricDataResults": [page("n0", [50, 850], "Complete"), page("b0", [1], "Complete")]},
    ]
    monkeypatch.setattr(endpoint.cloudwatch, "get_metric_data", lambda **_: pages.pop(0))
    part = (endpoint.clock.now() - at) / timedelta(days=28)
    assert endpoint.read_used(endpoint.budgets(AVAILABLE))["availability"] == pytest.approx(part)


def test_a_part_of_the_metrics_is_no_budget(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"MetricDataResults": [{"Id": "b1", "Timestamps": [], "Values": [], "StatusCode": "InternalError"}]}
    monkeypatch.setattr(endpoint.cloudwatch, "get_metric_data", lambda **_: answer)
    with pytest.raises(IncompleteMetrics, match="InternalError for b1 of availability"):
        endpoint.read_used(endpoint.budgets(AVAILABLE))


def test_it_is_read_every_five_minutes_though_a_sweep_may_be_early(endpoint: Endpoint) -> None:
    budgets, now = endpoint.budgets(AVAILABLE), endpoint.clock.now()
    assert budgets.is_due(now)
    endpoint.read_used(budgets)
    assert [budgets.is_due(now + timedelta(seconds=after)) for after in (60, 240, 299, 300, 360)] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_objectives_are_read_as_the_function_is_told_them() -> None:
    text = (
        '{"availability": {"percent": 99.9, "days": 30, "milliseconds": null},'
        ' "latency": {"percent": 99, "days": 28, "milliseconds": 200}}'
    )
    assert parse_objectives(text) == (Objective("availability", 99.9, 30), FAST)
    assert parse_objectives("") == parse_objectives("{}") == ()
    with pytest.raises(InvalidAlarms):
        parse_objectives('{"availability": {"percent": 100}}')
