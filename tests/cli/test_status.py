"""What `tidewatch status` says of alarms, error budgets, drift and incidents, once and again and again."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console
from typer.testing import CliRunner

from cli.commands import status
from cli.errors import UserError
from cli.main import app
from cli.traffic_controller import create_controller
from tests.aws_clients import make_client
from tests.cli.conftest import Ambient
from tests.stacks.conftest import canary, published_stack, stack
from tests.stacks.deployed_program import DeployedProgram
from tidewatch.drift.job.archive import Archive
from tidewatch.drift.job.job_index import JobIndex, LatestVerdict
from tidewatch.drift.reports import DriftReport, WindowReport
from tidewatch.drift.reports.report import RecordCounts
from tidewatch.drift.statistics import FeatureVerdict, Verdict

__all__ = ["canary", "published_stack", "stack"]

SLO = {
    "availability": {"percent": 99.9, "days": 28, "milliseconds": None},
    "latency": {"percent": 99, "days": 28, "milliseconds": 300},
}
NAMES = {
    "server-errors-blue": "t-server-errors-blue-1",
    "disk-green": "t-disk-green-2",
    "silence-green": "t-silence-green-3",
    "drift": "t-drift-4",
    "guardrail-green": "t-guardrail-green-5",
    "undelivered": "t-undelivered-6",
}


def _metric_alarm(key: str, state: str, severity: str) -> None:
    cloudwatch = make_client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=NAMES[key],
        Namespace="N",
        MetricName=key,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
        Tags=[{"Key": "tidewatch:severity", "Value": severity}],
    )
    cloudwatch.set_alarm_state(AlarmName=NAMES[key], StateValue=state, StateReason="a test says so")


@pytest.fixture
def watched_canary(operated_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedProgram]:
    """The canary with six alarms, of which one was deleted, and two objectives."""
    for key, state, severity in (
        ("server-errors-blue", "ALARM", "P1"),
        ("disk-green", "ALARM", "P2"),
        ("silence-green", "INSUFFICIENT_DATA", "P2"),
        ("drift", "OK", "P2"),
    ):
        _metric_alarm(key, state, severity)
    cloudwatch = make_client("cloudwatch")
    cloudwatch.put_composite_alarm(
        AlarmName=NAMES["guardrail-green"],
        AlarmRule=f'ALARM("{NAMES["server-errors-blue"]}")',
        Tags=[{"Key": "tidewatch:severity", "Value": "P1"}],
    )
    operated_canary.clock.advance(1)
    counts = {"metric": 64, "composite": 60}
    _outputs(monkeypatch, {**operated_canary.outputs(), "alarms": {"names": NAMES, "counts": counts}, "slo": SLO})
    yield operated_canary
    cloudwatch.delete_alarms(AlarmNames=[NAMES["guardrail-green"]])
    cloudwatch.delete_alarms(AlarmNames=[name for key, name in NAMES.items() if key != "guardrail-green"])


def _outputs(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any]) -> None:
    monkeypatch.setattr("cli.commands.status.read_stack_outputs", lambda stack: outputs)  # noqa: ARG005


def _run_status(*options: str) -> str:
    done = CliRunner().invoke(app, ["status", "--stack", "rehearsal", *options])
    assert done.exit_code == 0, done.exception
    return done.output


def _read_status() -> dict[str, Any]:
    return json.loads(_run_status("--json"))


@pytest.mark.usefixtures("watched_canary")
def test_alarms_are_told_with_since_when_severity_and_runbook_the_most_urgent_first() -> None:
    alarms = _read_status()["alarms"]
    told = [(one["alarm"], one["severity"], one["runbook"]) for one in alarms["firing"]]
    assert told == [
        ("guardrail-green", "P1", "tidewatch runbook guardrail-green --stack rehearsal"),
        ("server-errors-blue", "P1", "tidewatch runbook server-errors-blue --stack rehearsal"),
        ("disk-green", "P2", "tidewatch runbook disk-green --stack rehearsal"),
    ]
    assert all(datetime.fromisoformat(one["since"]) for one in alarms["firing"])
    assert (alarms["insufficient"], alarms["missing"], alarms["total"]) == (1, ["undelivered"], 6)
    said = _run_status()
    assert "3 of 6 in ALARM; 1 without enough data" in said
    assert "for these 6 CloudWatch has 124 alarms, 64 metric alarms and 60 composites" in said
    assert "P1  server-errors-blue since 20" in said
    assert "deleted by somebody: undelivered" in said


def test_a_stack_without_alarms_and_objectives_shows_no_line_of_them(
    operated_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"metric": 0, "composite": 0}
    _outputs(monkeypatch, {**operated_canary.outputs(), "alarms": {"names": {}, "counts": counts}, "slo": {}})
    told = _read_status()
    assert (told["alarms"], told["budgets"]) == (None, None)
    said = _run_status()
    assert "alarms" not in said
    assert "budget" not in said


def test_a_budget_is_what_was_measured_last(watched_canary: DeployedProgram) -> None:
    cloudwatch = make_client("cloudwatch")
    for minutes, used in ((90, 0.9), (5, 0.25)):
        cloudwatch.put_metric_data(
            Namespace="Tidewatch",
            MetricData=[
                {
                    "MetricName": "BudgetUsed",
                    "Dimensions": [
                        {"Name": "Stack", "Value": "tidewatch/rehearsal/flights"},
                        {"Name": "Objective", "Value": "availability"},
                    ],
                    "Timestamp": watched_canary.clock.now() - timedelta(minutes=minutes),
                    "Value": used,
                }
            ],
        )
    budgets = _read_status()["budgets"]
    assert budgets["availability"]["remaining_share"] == 0.75
    assert budgets["latency"]["remaining_share"] is None
    said = _run_status()
    assert "error budget of availability (99.9% over 28 days): 75.0% left" in said
    assert "error budget of latency (99% over 28 days): not measured yet" in said


HOUR = datetime(2026, 1, 5, 8, tzinfo=UTC)


def _store_drift_report(operated: DeployedProgram, *features: str) -> None:
    records = RecordCounts(read=100, parsed=100, rejected={})
    verdicts = tuple(
        FeatureVerdict(name, "numeric", Verdict.DRIFT if name in features else Verdict.OK) for name in ("hour", "dist")
    )
    window = WindowReport(rows=100, records=records, verdict=Verdict.DRIFT, features=verdicts)
    report = DriftReport(model="flights", hour=HOUR, verdict=Verdict.DRIFT, windows={"three_days": window})
    archive = Archive(boto3.client("s3"), operated.outputs()["buckets"]["monitoring"])
    archive.save_index(JobIndex().with_latest("blue", LatestVerdict("1", HOUR, "drift", "ticket")))
    archive.save_report("blue", "1", HOUR, report.encode(), "<p>")


def test_drift_is_the_newest_report_of_each_variant(operated_canary: DeployedProgram) -> None:
    _store_drift_report(operated_canary, "dist")
    reports = operated_canary.outputs()["drift"]["reports"]
    drift = _read_status()["drift"]
    assert drift == {
        "blue": {
            "version": "1",
            "served": True,
            "hour": "2026-01-05T08:00:00+00:00",
            "verdict": "drift",
            "severity": "ticket",
            "drifting": ["dist"],
            "report": f"{reports}blue/2026/01/05/08/1.html",
        },
        "green": None,
    }
    said = _run_status()
    assert "drift of blue, version 1, up to 2026-01-05T08:00:00+00:00: drift, severity ticket" in said
    assert "over three days: dist" in said
    assert "drift of green: no report yet" in said


def test_a_report_of_a_version_that_was_replaced_says_so(operated_canary: DeployedProgram) -> None:
    archive = Archive(boto3.client("s3"), operated_canary.outputs()["buckets"]["monitoring"])
    archive.save_index(JobIndex().with_latest("blue", LatestVerdict("0", HOUR, "ok", "none")))
    assert "drift of blue, version 0 (no longer served), up to " in _run_status()


def test_a_report_that_is_gone_leaves_its_verdict(operated_canary: DeployedProgram) -> None:
    _store_drift_report(operated_canary)
    bucket = operated_canary.outputs()["buckets"]["monitoring"]
    boto3.client("s3").delete_object(Bucket=bucket, Key="drift/blue/2026/01/05/08/1.json")
    blue = _read_status()["drift"]["blue"]
    assert (blue["verdict"], blue["drifting"]) == ("drift", None)


@pytest.mark.usefixtures("watched_canary")
def test_what_one_may_not_read_is_said_and_the_rest_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny_access(*_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarms")

    monkeypatch.setattr("cli.stack_health.read_alarms", deny_access)
    told = _read_status()
    assert told["alarms"] is None
    assert told["variants"]["blue"]["live"] == 0.95
    assert "alarms cannot be read" in _run_status()


def test_an_incident_is_open_after_its_rollback_until_it_is_acknowledged(
    canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.commands.status.Session", Ambient)
    canary.roll_back()
    _outputs(monkeypatch, dict(canary.outputs()))
    (incident,) = _read_status()["incidents"]
    assert incident["kind"] == "rollback"
    boto3.client("s3").put_object(
        Bucket=canary.outputs()["buckets"]["monitoring"],
        Key=f"incidents/{incident['id']}.json",
        Body=json.dumps({"state": "closed"}),
    )
    assert _read_status()["incidents"][0]["state"] == "closed"
    said = _run_status()
    assert f"open incident {incident['id']} since {incident['opened_at']} (rolled back): a test" in said
    assert "(closed)" not in said


def test_a_change_of_weights_by_hand_is_no_rollback(canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.commands.status.Session", Ambient)
    canary.flip(blue=50, green=50)
    _outputs(monkeypatch, dict(canary.outputs()))
    session: Any = Ambient("rehearsal")
    create_controller("rehearsal", canary.outputs(), session).detect_out_of_band()
    assert [one["kind"] for one in _read_status()["incidents"]] == ["out_of_band"]
    assert "(weights changed by somebody else)" in _run_status()


class _Interrupted:
    """Lets a watch look so often, then presses Ctrl-C; time passes without anybody waiting."""

    def __init__(self, looks: int) -> None:
        self.looks, self.waited = looks, list[float]()
        self._now = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now + timedelta(seconds=sum(self.waited))

    def sleep(self, seconds: float) -> None:
        if len(self.waited) + 1 == self.looks:
            raise KeyboardInterrupt
        self.waited.append(seconds)


def _interrupt_watch(monkeypatch: pytest.MonkeyPatch, looks: int) -> _Interrupted:
    clock = _Interrupted(looks)
    monkeypatch.setattr("cli.commands.status.clock.get_clock", lambda: clock)
    return clock


@pytest.mark.usefixtures("operated_canary")
def test_a_watch_prints_an_object_a_line_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _interrupt_watch(monkeypatch, looks=3)
    lines = _run_status("--watch", "--json").splitlines()
    assert len(lines) == 3
    assert {json.loads(line)["champion"] for line in lines} == {"blue"}
    assert clock.waited == [5, 5]


def test_a_watch_asks_for_the_outputs_once_a_minute(
    operated_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def outputs(stack: str) -> dict[str, Any]:
        asked.append(stack)
        return dict(operated_canary.outputs())

    monkeypatch.setattr("cli.commands.status.read_stack_outputs", outputs)
    _interrupt_watch(monkeypatch, looks=14)
    _run_status("--watch", "--json")
    assert len(asked) == 2


@pytest.mark.usefixtures("operated_canary")
def test_a_watch_outlives_what_fails_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupt_watch(monkeypatch, looks=3)
    answers, controller = iter([True, False, True]), status.create_controller

    def sometimes(*given: Any) -> Any:
        if next(answers):
            return controller(*given)
        raise ClientError({"Error": {"Code": "Throttling", "Message": "slower"}}, "DescribeEndpoint")

    monkeypatch.setattr(status, "create_controller", sometimes)
    said = _run_status("--watch")
    assert said.count("blue (champion)") == 3
    assert said.count("Not up to date: An error occurred (Throttling)") == 1
    assert "every 5 seconds until Ctrl-C" in said


ROWS = 12


def _left_on_a_terminal(written: str) -> list[str]:
    """The lines that a terminal of ROWS holds after that, with those that have scrolled out of it."""
    lines, row = [""], 0
    for mark, text in re.findall(r"(\x1b\[[?\d;]*[A-Za-z]|[\r\n])|([^\x1b\r\n]+)", written):
        if mark == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif mark == "\x1b[1A":
            row = max(row - 1, len(lines) - ROWS, 0)
        elif mark == "\x1b[2K":
            lines[row] = ""
        lines[row] += text
    return lines


@pytest.mark.usefixtures("operated_canary")
@pytest.mark.parametrize("firing", [2, 30])
def test_a_watch_redraws_in_place_also_what_is_higher_than_the_terminal(
    firing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"severity": "P1", "since": "8:00", "runbook": "-"}
    alarms = {"firing": [{**one, "alarm": f"disk-{n}"} for n in range(firing)], "insufficient": 0, "missing": []}
    counts = {"total": 40, "metric_alarms": 64, "composites": 60}
    monkeypatch.setattr("cli.stack_health.read_alarms", lambda *_: {**alarms, **counts})
    _interrupt_watch(monkeypatch, looks=3)
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=100, height=ROWS)
    monkeypatch.setattr(
        "cli.commands.status.Console", lambda stderr=False, **_: Console(quiet=True) if stderr else terminal
    )
    _run_status("--watch")
    left = _left_on_a_terminal(written.getvalue())
    assert sum("until Ctrl-C" in line for line in left) == 1
    assert sum("disk-" in line for line in left) == firing


def test_a_rehearsal_without_its_endpoint_says_what_brings_it_back_there(operated_canary: DeployedProgram) -> None:
    boto3.client("sagemaker").delete_endpoint(EndpointName=operated_canary.outputs()["endpoint"]["name"])
    operated_canary.clock.advance(600)
    done = CliRunner().invoke(app, ["status", "--stack", "rehearsal"])
    assert isinstance(done.exception, UserError)
    assert "If `tidewatch destroy` was interrupted, run it again" in str(done.exception)
    assert "`tidewatch up --refresh --stack rehearsal`" in str(done.exception)
    assert "region" not in str(done.exception)
