"""The rollback function: what each event makes it do, and what it needs to start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.rollback import handler as function
from rehearsal.aws import create_local_control, simulate_aws
from tests.tidewatch.traffic.account import ALARM_ARN, ENDPOINT, GUARDRAIL, Flights, flights, stamp
from tidewatch import clock as clocks
from tidewatch.traffic import UnknownAlarm

VARIABLES = {
    "STACK_KEY": "tidewatch/dev/flights",
    "ENDPOINT": ENDPOINT,
    "LEDGER_TABLE": "ledger",
    "CONTROL_TABLE": "control",
    "CHAMPION": "blue",
    "GUARDRAIL_ALARMS": json.dumps([GUARDRAIL]),
    "FLOOR": "2",
    "MONITORING_BUCKET": "flights-monitoring",
    "NOTIFICATION_TOPIC": "",
    "ABORT_ALARM": "abort",
    "STACK": "rehearsal",
}
HEAVY = ("numpy", "msgspec", "pydantic", "pulumi", "boto3", "botocore")
LATER = ("tidewatch.slo.error_budget", "tidewatch.slo", "tidewatch.alarms", "tidewatch.incidents.document")


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flights]:
    """Blue 95, green 5, in a process that is the function's."""
    for name, value in {**VARIABLES, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with simulate_aws() as clock:
        before = clocks.get_clock()
        clocks.install(clock)
        forget()
        account = flights(clock, create_local_control())
        account.create()
        account.split(blue=95, green=5)
        account.put_alarm(GUARDRAIL, "ALARM")
        yield account
        clocks.install(before)
        forget()


def forget() -> None:
    for kept in (function.get_environment, function.get_clients, function.get_controller, function.get_error_budgets):
        kept.cache_clear()


def alarm_event(at: str) -> dict[str, Any]:
    """As CloudWatch sends it to a function. Source: CloudWatch user guide, "Invoke a Lambda function from an alarm"."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": ALARM_ARN,
        "accountId": "123456789012",
        "time": at,
        "region": "us-east-1",
        "alarmData": {
            "alarmName": "green-errors",
            "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": at},
            "previousState": {"value": "OK", "reason": "-", "timestamp": at},
            "configuration": {"metrics": []},
        },
    }


@pytest.mark.parametrize(
    "event", [None, {}, {"action": "rollback", "reason": "too many late flights", "requested_by": "ana"}]
)
def test_an_operator_gets_the_weights_back_within_the_call(canary: Flights, event: dict[str, Any] | None) -> None:
    answer = function.handler(event)
    assert answer["state"] == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert json.loads(json.dumps(answer)) == answer
    if event:
        reason = canary.controller().open_incidents()[0].reason
        assert "too many late flights" in reason
        assert "ana" in reason


def test_an_alarm_rolls_back_once_however_often_it_is_delivered(canary: Flights) -> None:
    event = alarm_event(stamp(canary.clock.now()))
    first = function.handler(event)
    again = function.handler(event)
    assert first["state"] == "rolled_back"
    assert again["incident"] == first["incident"]
    (incident,) = canary.controller().open_incidents()
    assert incident.alarm == ALARM_ARN
    assert "green-errors: Threshold Crossed" in incident.reason


def test_an_alarm_of_another_stack_is_an_error_which_the_functions_own_alarm_tells(canary: Flights) -> None:
    event = {**alarm_event(stamp(canary.clock.now())), "alarmArn": ALARM_ARN.replace(GUARDRAIL, "payments-errors")}
    with pytest.raises(UnknownAlarm, match="payments-errors is not a guardrail"):
        function.handler(event)
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_who_asked_is_answered_though_nothing_can_be_told_of_the_endpoint(
    canary: Flights, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> Any:
        raise RuntimeError("throttled")

    monkeypatch.setattr(function.TrafficController, "read_gauges", fail)
    assert function.handler({})["state"] == "rolled_back"
    assert caplog.messages == ["The metrics of this call were not emitted: RuntimeError: throttled"]
    with pytest.raises(RuntimeError, match="throttled"):
        function.handler({"action": "sweep"})
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_the_sweep_copies_the_ledger_where_it_is_never_overwritten(
    canary: Flights, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LEDGER_COPY_BUCKET", "flights-copies")
    function.handler({"action": "sweep"})
    assert "NoSuchBucket" in caplog.messages[-1]
    s3: Any = canary.clients.s3
    s3.create_bucket(Bucket="flights-copies")
    function.handler({"action": "sweep"})
    copied = s3.list_objects_v2(Bucket="flights-copies", Prefix="ledger/tidewatch/dev/flights/")["Contents"]
    assert len(copied) == len(canary.controller().entries())


def test_the_sweep_and_the_state_change_drive_what_is_open_and_open_nothing(canary: Flights) -> None:
    assert function.handler({"action": "sweep"})["state"] == "no_incident"
    canary.ask_weights(blue=1, green=1)
    event = {"source": "aws.sagemaker", "detail-type": "SageMaker Endpoint State Change", "detail": {}}
    assert function.handler(event)["state"] == "no_incident"
    canary.roll_back(wait=0)
    canary.clock.advance(30)
    assert function.handler(event)["state"] == "flipping"
    canary.clock.advance(60)
    assert function.handler({"action": "sweep"})["state"] == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_an_unannounced_flip_is_found_by_the_sweep(canary: Flights) -> None:
    canary.flip_behind(blue=1, green=1)
    answer = function.handler({"action": "sweep"})
    assert answer["out_of_band_incident"] == canary.controller().open_incidents()[0].id


@pytest.mark.parametrize("event", [{"action": "rolback"}, {"Records": []}, {"detail-type": "Scheduled Event"}])
def test_a_stray_event_rolls_nothing_back(canary: Flights, event: dict[str, Any]) -> None:
    with pytest.raises(function.UnknownRollbackEvent, match="send"):
        function.handler(event)
    assert canary.live() == {"blue": 0.95, "green": 0.05}


@pytest.mark.parametrize("state", ["INSUFFICIENT_DATA", "OK", None])
def test_an_alarm_that_does_not_say_alarm_is_refused(canary: Flights, state: str | None) -> None:
    event = alarm_event(stamp(canary.clock.now()))
    event["alarmData"]["state"] = {"value": state} if state else {}
    with pytest.raises(function.UnknownRollbackEvent, match="only ALARM triggers a rollback"):
        function.handler(event)
    assert canary.live() == {"blue": 0.95, "green": 0.05}
    assert canary.controller().open_incidents() == ()


def test_where_alarms_only_advise_one_that_calls_all_the_same_flips_nothing(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATIC", "false")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "flights-rollback")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    answer = function.handler(alarm_event(stamp(canary.clock.now())))
    assert answer["state"] == "advised"
    assert "aws lambda invoke --function-name flights-rollback" in str(answer["message"])
    assert canary.live() == {"blue": 0.95, "green": 0.05}
    assert function.handler({})["state"] == "rolled_back"


PROMISED = '{"availability": {"percent": 99.0, "days": 28, "milliseconds": null}}'


def budget_lines(printed: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return [line for line in found if "BudgetUsed" in line]


def test_the_sweep_emits_what_of_the_budgets_is_used_every_five_minutes(
    canary: Flights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OBJECTIVES", PROMISED)
    canary.requests("blue", 100)
    for _ in range(11):
        function.handler({"action": "sweep"})
        canary.clock.advance(60)
    lines = budget_lines(capsys.readouterr().out)
    assert [(line["Stack"], line["Objective"], line["BudgetUsed"]) for line in lines] == [
        ("tidewatch/dev/flights", "availability", 0.0)
    ] * 3
    assert lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack", "Objective"]]


def test_no_budget_is_read_while_a_rollback_is_driven_nor_by_an_alarm(
    canary: Flights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OBJECTIVES", PROMISED)
    function.handler(alarm_event(stamp(canary.clock.now())))
    assert function.handler({"action": "sweep"})["state"] == "rolled_back"
    assert budget_lines(capsys.readouterr().out) == []


@pytest.mark.parametrize("promised", [PROMISED, "no JSON", '{"availability": {"percent": 100}}'])
def test_a_budget_that_cannot_be_read_is_a_line_of_the_log(
    canary: Flights,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    promised: str,
) -> None:
    def fail(**_: Any) -> Any:
        raise RuntimeError('throttled\n{"_aws": {}, "OutOfBandChanges": 0}')

    monkeypatch.setenv("OBJECTIVES", promised)
    monkeypatch.setattr(function.get_clients().cloudwatch, "get_metric_data", fail)
    canary.flip_behind(blue=1, green=1)
    assert function.handler({"action": "sweep"})["out_of_band_incident"]
    first, *others = [json.loads(printed) for printed in capsys.readouterr().out.splitlines()]
    assert first["OutOfBandChanges"] == 1
    assert not any("OutOfBandChanges" in each for each in others)
    assert caplog.messages[-1].startswith("The error budgets were not read:")
    assert "\n" not in caplog.messages[-1]


@pytest.mark.usefixtures("canary")
def test_a_variant_that_is_gone_still_counts_against_the_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBJECTIVES", PROMISED)
    promised = function.get_error_budgets()
    assert promised is not None
    assert promised.variants == ["blue", "green"]


def read_emitted_metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The metrics' lines of the last call's log."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines][-3:]


def test_a_call_emits_its_metrics(canary: Flights, capsys: pytest.CaptureFixture[str]) -> None:
    function.handler({})
    line, *variants = read_emitted_metrics(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tidewatch"
    assert (line["Stack"], line["OpenIncidents"], line["RollbackBlocked"]) == ("tidewatch/dev/flights", 1, 0)
    assert line["RollbackObserved"] >= 30
    assert {one["Variant"]: one["LiveShare"] for one in variants} == {"blue": 1, "green": 0}
    assert canary.status() == "InService"


def test_the_sweep_emits_how_the_endpoint_stands_each_time(canary: Flights, capsys: pytest.CaptureFixture[str]) -> None:
    canary.flip_behind(blue=1, green=1)
    function.handler({"action": "sweep"})
    line, *variants = read_emitted_metrics(capsys)
    units = {one["Name"]: one["Unit"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert {name: (line[name], units[name]) for name in units} == {
        "OpenIncidents": (1, "Count"),
        "OutOfBandChanges": (1, "Count"),
        "RollbackPendingSeconds": (0, "Seconds"),
        "DeploymentRunning": (0, "Count"),
        "DeploymentRolledBack": (0, "Count"),
        "EndpointNotInService": (0, "Count"),
        "RecordsRefused": (0, "Count"),
        "RollbackRunning": (0, "Count"),
        "RollbackBlocked": (0, "Count"),
    }
    assert {one["Variant"]: one["LiveShare"] for one in variants} == {"blue": 0.5, "green": 0.5}


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(KeyError, match="CHAMPION"):
        function.RollbackEnvironment.from_variables({"STACK_KEY": "tidewatch/dev/flights"})


def test_what_its_document_links_comes_from_its_variables() -> None:
    said = {
        "HEALTH_ALARM": "flights-endpoint-1a2b3c4",
        "RUNBOOKS": "https://example.com/runbooks",
        "DASHBOARD_URL": "https://example.com/oncall",
        "REPORTS_URL": "s3://flights-monitoring/drift/",
    }
    plan = function.RollbackEnvironment.from_variables({**VARIABLES, **said}).plan
    assert plan.incidents.health_alarm == said["HEALTH_ALARM"]
    incidents = plan.incidents
    assert (incidents.runbooks, incidents.dashboard, incidents.reports) == (
        said["RUNBOOKS"],
        said["DASHBOARD_URL"],
        said["REPORTS_URL"],
    )
    bare = function.RollbackEnvironment.from_variables(VARIABLES).plan
    assert (bare.automatic, bare.incidents.runbooks, bare.command) == (True, "runbooks", "")


def test_the_function_loads_without_what_its_archive_does_not_hold_and_what_no_flip_needs() -> None:
    script = (
        f"import sys, lambdas.rollback.handler; print([name for name in {(*HEAVY, *LATER)!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
