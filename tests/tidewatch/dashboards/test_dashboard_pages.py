"""The pages: within CloudWatch's limits whatever the stack, of the catalog's metrics, with all that alarms compare."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from rehearsal.aws import simulate_aws
from rehearsal.aws.cloudwatch.dashboards import list_faults
from tests.aws_clients import make_client
from tests.tidewatch.dashboards.dashboard_body import check, metrics, series
from tests.tidewatch.dashboards.dashboard_subjects import AVAILABILITY, LATENCY, REGION, subject, subjects
from tidewatch.alarms.custom_guardrails import MAX_GUARDRAILS
from tidewatch.dashboards import PAGE_BUILDERS, DashboardContext
from tidewatch.metrics import EMITTED_METRICS, PLATFORM_METRICS
from tidewatch.slo import BURN_RATE_ALERTS

WEEK = timedelta(days=7)
CATALOG = {(metric.namespace, metric.name): set(metric.dimensions) for metric in (*EMITTED_METRICS, *PLATFORM_METRICS)}


def widgets(about: DashboardContext, *pages: str) -> list[dict[str, Any]]:
    """The widgets of these pages, or of all."""
    bodies: list[Any] = [PAGE_BUILDERS[page](about).build_body(REGION) for page in pages or PAGE_BUILDERS]
    return [widget for body in bodies for widget in body["widgets"]]


def find_by_title(about: DashboardContext, page: str, title: str) -> dict[str, Any]:
    found = [one["properties"] for one in widgets(about, page) if title in one["properties"].get("title", "")]
    assert len(found) == 1, [one["properties"].get("title") for one in widgets(about, page)]
    return found[0]


def texts(about: DashboardContext, page: str) -> str:
    return "\n".join(one["properties"]["markdown"] for one in widgets(about, page) if one["type"] == "text")


def limits(properties: dict[str, Any]) -> list[float]:
    return [line["value"] for line in properties.get("annotations", {}).get("horizontal", [])]


@given(subjects())
@settings(max_examples=60)
def test_every_page_of_every_stack_is_a_dashboard(about: DashboardContext) -> None:
    for page in PAGE_BUILDERS.values():
        body = page(about).build_body(REGION)
        check(body)
        assert list_faults(json.dumps(body)) == []


def test_a_stack_with_as_many_guardrails_as_a_composite_holds_is_within_the_limits() -> None:
    for page in PAGE_BUILDERS.values():
        check(page(subject(custom=MAX_GUARDRAILS, gpus=8, alarms=250)).build_body(REGION))


@given(subjects())
@settings(max_examples=30)
def test_every_metric_is_of_the_catalog_or_named_by_the_config(about: DashboardContext) -> None:
    for widget in widgets(about):
        for namespace, name, dimensions, _ in series(widget):
            if namespace == "Shop":
                assert dimensions == {"Variant": "green"}
            elif namespace == "AWS/Lambda":
                assert set(dimensions) == {"FunctionName"}
                assert dimensions["FunctionName"] in about.names.functions.values()
            else:
                assert CATALOG[namespace, name] == set(dimensions)
                assert dimensions.get("EndpointName", "flights-4b53caf") == "flights-4b53caf"
                assert dimensions.get("Stack", "tidewatch/dev/flights") == "tidewatch/dev/flights"


@given(subjects())
@settings(max_examples=30)
def test_what_every_alarm_compares_is_drawn_with_its_threshold(about: DashboardContext) -> None:
    drawn = [one["properties"] for one in widgets(about) if one["type"] == "metric"]
    for alarm in [*(alarm for alarms in about.variants.values() for alarm in alarms), *about.endpoint]:
        graphs = [one for one in drawn if one["title"].startswith(f"{alarm.title} (")]
        assert graphs, alarm.key
        assert any(alarm.threshold in limits(one) for one in graphs), alarm.key
        assert all(one["period"] == alarm.period_s for one in graphs), alarm.key


@pytest.mark.parametrize(
    "title",
    [
        "Success rate",
        "Requests in",
        "Live split",
        "model, p95",
        "model, p99",
        "Server errors",
        "Slow predictions",
        "Challenger fails",
    ],
)
def test_deployments_rollbacks_and_incidents_are_marked_where_users_are(title: str) -> None:
    graph = find_by_title(subject(), "oncall", title)
    marks = [(name, looks["stat"]) for _, name, _, looks in series({"properties": graph}) if looks.get("yAxis")]
    assert marks == [("DeploymentRunning", "Maximum"), ("RollbackRunning", "Maximum"), ("OpenIncidents", "Maximum")]


def test_a_metric_of_ours_is_never_summed() -> None:
    """The embedded metric format delivers at least once."""
    stats = {looks["stat"] for widget in widgets(subject()) for ns, _, _, looks in series(widget) if ns == "Tidewatch"}
    assert stats == {"Maximum", "Minimum"}


def test_the_states_of_all_alarms_are_shown_a_hundred_at_a_time() -> None:
    about = subject(alarms=250)
    shown = [one["properties"]["alarms"] for one in widgets(about, "oncall") if one["type"] == "alarm"]
    assert [len(arns) for arns in shown] == [100, 100, 50]
    assert sorted(arn for arns in shown for arn in arns) == sorted(about.alarm_arns.values())


def test_the_budget_of_each_objective_has_its_burn_rate_with_the_alerts_thresholds() -> None:
    about = subject()
    assert limits(find_by_title(about, "executive", "Availability: burn rate")) == [
        burn.rate for burn in BURN_RATE_ALERTS
    ]
    lines = [metric[-1] for metric in metrics({"properties": find_by_title(about, "executive", "Latency: burn rate")})]
    assert {line["period"] for line in lines if "expression" in line} == {3600, 6 * 3600, 24 * 3600}
    assert limits(find_by_title(about, "executive", "Latency: good requests")) == [LATENCY.percent]
    assert limits(find_by_title(about, "oncall", "Success rate")) == [AVAILABILITY.percent]
    left = find_by_title(about, "executive", "Availability: budget left")
    assert [dimensions["Objective"] for _, _, dimensions, _ in series({"properties": left})] == ["availability"]


def test_cost_is_hours_times_the_price_and_hours_alone_without_one() -> None:
    paid = find_by_title(subject(price=0.736), "executive", "Cost of the instances, of the time shown")
    assert [m[-1]["expression"] for m in paid["metrics"] if len(m) == 1] == ["0.736 * (spent_h0 + spent_h1) / 60"]
    assert paid["setPeriodToTimeRange"]
    free = find_by_title(subject(price=None), "executive", "Instance hours, of the time shown")
    assert [m[-1]["expression"] for m in free["metrics"] if len(m) == 1] == ["1 * (spent_h0 + spent_h1) / 60"]
    assert "list price" not in texts(subject(price=None), "executive")


def test_the_version_and_role_of_each_variant_are_read_from_the_log_that_the_sweep_writes() -> None:
    (now,) = [one["properties"] for one in widgets(subject()) if one["type"] == "log"]
    assert now["query"].startswith("SOURCE 'flights-rollback-1f0c3a2' | filter ispresent(LiveShare) | ")
    lines = find_by_title(subject(), "oncall", "Features that drift")["metrics"]
    assert [metric[-1]["label"] for metric in lines] == ["blue", "green"]


def test_without_a_challenger_nothing_is_compared() -> None:
    about = subject(("blue",))
    assert not [one for one in widgets(about) if "champion would" in json.dumps(one) or "difference" in json.dumps(one)]
    assert "Challenger" not in texts(about, "oncall")


def test_without_drift_no_metric_of_the_drift_function_is_drawn() -> None:
    drawn = {name for widget in widgets(subject(drift=False)) for _, name, _, _ in series(widget)}
    assert not drawn & {"FeaturesDrifting", "MaxPsi", "DriftSeverity", "RecordsRead"}
    assert "Drift" not in texts(subject(drift=False), "oncall")


def test_graphics_processors_are_shown_where_hosts_have_some_with_the_alarms_threshold() -> None:
    hosts = [one["properties"] for one in widgets(subject(gpus=4), "debug")]
    assert [limits(one) for one in hosts if one.get("title") == "Graphics memory"] == [[360]]
    assert [limits(one) for one in hosts if one.get("title") == "Disk"] == [[75]]
    drawn = {name for widget in widgets(subject(gpus=0)) for _, name, _, _ in series(widget)}
    assert not drawn & {"GPUUtilization", "GPUMemoryUtilization"}


def test_cloudwatch_evaluates_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics of every widget as queries of GetMetricData, which the simulator takes one period at a time."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    about = subject()
    with simulate_aws() as clock:
        cloudwatch, now = make_client("cloudwatch", region_name=REGION), clock.now()
        for queries in (queries for widget in widgets(about) for queries in list_queries(widget).values()):
            told = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - WEEK, EndTime=now)
            assert len(told["MetricDataResults"]) == sum(query["ReturnData"] for query in queries)
            assert not told.get("Messages")


def list_queries(widget: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """What a widget asks for, by period."""
    found: dict[int, list[dict[str, Any]]] = {}
    for number, metric in enumerate(metrics(widget)):
        period = metric[-1].get("period", widget["properties"]["period"])
        found.setdefault(period, []).append(_query(number, period, metric))
    return found


def _query(number: int, period: int, metric: list[Any]) -> dict[str, Any]:
    *words, looks = metric
    query = {"Id": looks.get("id", f"line{number}"), "ReturnData": looks.get("visible", True)}
    if "expression" in looks:
        return {**query, "Expression": looks["expression"], "Period": period}
    dimensions = [{"Name": name, "Value": value} for name, value in zip(words[2::2], words[3::2], strict=True)]
    read = {"Namespace": words[0], "MetricName": words[1], "Dimensions": dimensions}
    return {**query, "MetricStat": {"Metric": read, "Period": period, "Stat": looks["stat"]}}


def test_a_line_that_compares_variants_needs_requests_to_both() -> None:
    """Metric math takes a missing value beside another for 0: the difference would be the champion's latency."""
    graph = find_by_title(subject(), "debug", "Latency, difference")
    expressions = [metric[-1]["expression"] for metric in graph["metrics"] if len(metric) == 1]
    assert len(expressions) == 3
    assert all(re.fullmatch(r"IF\(\w+_n > 0, IF\(\w+_k > 0, .+\)\)", one) for one in expressions)


def test_predictions_are_not_shown_but_it_is_said_who_may_read_them() -> None:
    said = texts(subject(), "debug")
    assert "flights-capture-5f" in said
    assert "capture-reader" in said
    assert {one["type"] for one in widgets(subject())} == {"alarm", "log", "metric", "text"}
    assert all("capture" not in one["properties"]["query"] for one in widgets(subject()) if one["type"] == "log")


def test_on_call_finds_runbooks_reports_ledger_and_incident_documents() -> None:
    said = texts(subject(), "oncall")
    for link in (
        "(https://github.com/me/flights/blob/main/runbooks/guardrail-errors.md)",
        "/s3/buckets/flights-monitoring-3f?region=eu-central-1&prefix=drift/)",
        "/s3/buckets/flights-monitoring-3f?region=eu-central-1&prefix=incidents/)",
        "/dynamodbv2/home?region=eu-central-1#item-explorer?table=flights-ledger-4f)",
        "/lambda/home?region=eu-central-1#/functions/flights-rollback-1f?tab=monitoring)",
    ):
        assert link in said, link


def test_pages_link_each_other() -> None:
    for page in PAGE_BUILDERS:
        said = texts(subject(), page)
        assert {other for other in PAGE_BUILDERS if f"[{other}](" in said} == set(PAGE_BUILDERS) - {page}
