"""What `tidewatch doctor` finds in a stack, by what the simulator then holds, and how it reports what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from cli.checks import stack as stack_checks
from cli.checks.result import CheckResult, run_check
from cli.commands.doctor import check_access_settings
from cli.errors import UserError
from cli.main import app
from cli.stack_config_file import StackConfigFile
from rehearsal.demo.paths import RehearsalPaths
from tests.cli.conftest import Ambient
from tests.cli.scripted_account import Account
from tests.stacks.deployed_program import DeployedProgram


def _run_checks(outputs: Mapping[str, Any], stack: str = "rehearsal") -> dict[str, list[CheckResult]]:
    checks = stack_checks.build_checks(stack, outputs, Ambient(stack))  # type: ignore[arg-type]
    return {check.name: list(run_check(check)) for check in checks}


def _states(found: dict[str, list[CheckResult]]) -> dict[str, set[str]]:
    return {name: {one.state for one in findings} for name, findings in found.items()}


def test_a_stack_that_is_well_is_well(operated_canary: DeployedProgram) -> None:
    found = _run_checks(operated_canary.outputs())
    states = _states(found)
    assert states["endpoint"] == states["functions"] == states["queues"] == states["ledger"] == {"ok"}
    assert states["buckets"] == {"ok"}
    assert {"P1", "P2", "P3", "escalation"} == {one.message.split()[0].rstrip(":") for one in found["topics"]}
    assert len(found["functions"]) == len(found["queues"]) == 2
    assert all(one.remedy for findings in found.values() for one in findings if one.state != "ok")


def test_parts_that_are_gone_fail_with_the_command_that_makes_them_again(operated_canary: DeployedProgram) -> None:
    outputs = dict(operated_canary.outputs())
    arn = outputs["topics"]["P1"]
    gone = {
        **outputs,
        "endpoint": {"name": "gone"},
        "rollback": {"function": "gone"},
        "drift": {"function": None},
        "topics": {"P1": f"{arn}-gone"},
        "ledger": "gone",
        "registry": {"bucket": "gone-bucket", "prefix": "models/flights/"},
        "alarms": {"names": {"disk-blue": "gone"}},
        "dashboard_names": {"oncall": "gone", "debug": None},
    }
    found = _run_checks(gone, "dev")
    for name in ("endpoint", "functions", "queues", "topics", "ledger", "alarms", "dashboards"):
        assert [one.state for one in found[name]] == ["fail"], name
    assert [one.state for one in found["buckets"]] == ["fail", "ok"]
    assert found["endpoint"][0].remedy == "pulumi up --refresh --stack dev"
    assert _run_checks(gone)["endpoint"][0].remedy == "pulumi up --refresh --stack rehearsal"


def test_a_ledger_that_was_rewritten_fails_with_its_runbook(operated_canary: DeployedProgram) -> None:
    dynamodb, name, key = (
        boto3.client("dynamodb"),
        operated_canary.outputs()["ledger"],
        operated_canary.outputs()["key"],
    )
    place = {"stack": {"S": key}, "sequence": {"N": "1"}}
    first = dynamodb.get_item(TableName=name, Key=place)["Item"]
    dynamodb.put_item(TableName=name, Item={**first, "who": {"S": "somebody else"}})
    found = _run_checks(operated_canary.outputs())["ledger"]
    dynamodb.put_item(TableName=name, Item=first)
    assert [one.state for one in found] == ["ok", "fail"]
    assert found[1].message == f"1 of its entries were changed, removed or added by another program: {key} 2"
    assert found[1].remedy == "tidewatch runbook records-refused --stack rehearsal"
    assert {one.state for one in _run_checks(operated_canary.outputs())["ledger"]} == {"ok"}


def test_a_stack_that_serves_nothing_has_no_findings_of_alarms_and_dashboards(operated_canary: DeployedProgram) -> None:
    nothing = {"endpoint": {"name": None}, "alarms": {"names": {}}, "dashboard_names": {"oncall": None, "debug": None}}
    found = _run_checks({**operated_canary.outputs(), **nothing}, "dev")
    assert found["alarms"] == found["dashboards"] == []
    assert found["endpoint"][0].state == "warn"
    assert "tidewatch promote" in found["endpoint"][0].remedy


@pytest.mark.parametrize(("ended", "remedy"), [(False, "wait: "), (True, "tidewatch promote NAME/VERSION")])
def test_a_rehearsal_without_an_endpoint_is_waited_for_only_until_the_demo_has_ended(
    ended: bool, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.backend.ROOT", tmp_path)
    summary = RehearsalPaths.of(tmp_path).summary_file
    summary.parent.mkdir(parents=True)
    if ended:
        summary.write_text("{}")
    outputs = {"endpoint": {"name": None}}
    checks = stack_checks.build_checks("rehearsal", outputs, Ambient("rehearsal"))  # type: ignore[arg-type]
    (found,) = next(check for check in checks if check.name == "endpoint").run()
    assert found.state == "warn"
    assert found.remedy.startswith(remedy)


def test_what_waits_in_a_queue_is_a_warning_with_its_runbook(operated_canary: DeployedProgram) -> None:
    sqs, name = boto3.client("sqs"), operated_canary.outputs()["rollback"]["function"]
    config = boto3.client("lambda").get_function_event_invoke_config(FunctionName=name)
    queue = config["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    (found,) = (one for one in _run_checks(operated_canary.outputs())["queues"] if one.state != "ok")
    sqs.purge_queue(QueueUrl=url)
    assert found.state == "warn"
    assert found.remedy == "tidewatch runbook undelivered --stack rehearsal"


@pytest.mark.parametrize(("stack", "state"), [("dev", "warn"), ("prod", "fail")])
def test_a_page_that_nobody_hears_fails_in_production(stack: str, state: str, operated_canary: DeployedProgram) -> None:
    arn = boto3.client("sns").create_topic(Name=f"silent-{stack}")["TopicArn"]
    topics = {"P1": arn, "escalation": None}
    (found,) = _run_checks({**operated_canary.outputs(), "topics": topics}, stack)["topics"]
    assert (found.state, found.message) == (state, "P1 has no recipients")


def test_who_did_not_confirm_hears_nothing() -> None:
    pages = [
        {
            "Subscriptions": [
                {"Endpoint": "a@example.com", "SubscriptionArn": "PendingConfirmation"},
                {"Endpoint": "b@example.com", "SubscriptionArn": "arn:aws:sns:x"},
            ]
        }
    ]
    checks = stack_checks.build_checks("prod", {"topics": {"P1": "arn"}}, Account(sns=pages))  # type: ignore[arg-type]
    (check,) = (one for one in checks if one.name == "topics")
    pending, confirmed = run_check(check)
    assert (pending.state, "a@example.com" in pending.message) == ("warn", True)
    assert (confirmed.state, confirmed.message) == ("ok", "P1 has 1 confirmed")


def test_alarms_that_somebody_switched_off_are_told_with_the_way_back(operated_canary: DeployedProgram) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="muted", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", ActionsEnabled=False,
    )  # fmt: skip
    (found,) = _run_checks({**operated_canary.outputs(), "alarms": {"names": {"disk-blue": "muted"}}})["alarms"]
    cloudwatch.delete_alarms(AlarmNames=["muted"])
    assert (found.state, "disk-blue" in found.message) == ("warn", True)
    assert found.remedy == "aws cloudwatch enable-alarm-actions --alarm-names muted --region us-east-1"


@pytest.fixture
def examined_canary(operated_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch) -> DeployedProgram:
    class Simulated(Ambient):
        is_simulated = True

    monkeypatch.setattr("cli.commands.doctor.read_stack_outputs", lambda stack: dict(operated_canary.outputs()))  # noqa: ARG005
    monkeypatch.setattr("cli.commands.doctor.Session", Simulated)
    return operated_canary


@pytest.mark.usefixtures("examined_canary")
def test_it_prints_a_line_a_finding_with_its_remedy_and_ends_with_0_without_a_failure() -> None:
    said = CliRunner().invoke(app, ["doctor", "--stack", "rehearsal"])
    assert said.exit_code == 0, said.output
    assert "ok    credentials account 123456789012" in said.output
    assert "ok    config      Pulumi.rehearsal.yaml is valid" in said.output
    assert "warn  account" in said.output


def test_a_failure_ends_with_1(examined_canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**examined_canary.outputs(), "ledger": "gone"}
    monkeypatch.setattr("cli.commands.doctor.read_stack_outputs", lambda stack: broken)  # noqa: ARG005
    said = CliRunner().invoke(app, ["doctor", "--stack", "rehearsal", "--json"])
    told = json.loads(said.stdout)
    assert (said.exit_code, told["ok"], told["stack"]) == (1, False, "rehearsal")
    (failed,) = (one for one in told["checks"] if one["state"] == "fail")
    assert failed["check"] == "ledger"
    assert set(failed) == {"check", "state", "message", "remedy"}


@pytest.mark.usefixtures("examined_canary")
def test_a_stack_that_was_never_deployed_is_examined_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(stack: str) -> dict[str, Any]:
        raise UserError(f"the stack {stack} has no outputs yet")

    monkeypatch.setattr("cli.commands.doctor.read_stack_outputs", never)
    said = CliRunner().invoke(app, ["doctor", "--stack", "dev"])
    assert said.exit_code == 0
    assert "warn  outputs" in said.output
    assert "endpoint" not in said.output


@pytest.mark.usefixtures("examined_canary")
@pytest.mark.parametrize(("stack", "warned"), [("prod", True), ("dev", False)])
def test_production_that_names_nobody_who_deploys_is_a_warning(stack: str, warned: bool) -> None:
    settings = StackConfigFile.of(stack).load_settings()
    found = [one.remedy for one in check_access_settings(stack, settings)]
    assert found == (["list those who run `pulumi up` under tidewatch:access.deployers"] if warned else [])


def test_mistakes_of_the_config_are_findings() -> None:
    said = CliRunner().invoke(app, ["doctor", "--stack", "nowhere"])
    assert said.exit_code == 1
    assert "fail  config" in said.output
    assert "there is no Pulumi.nowhere.yaml" in said.output


@pytest.mark.usefixtures("examined_canary")
def test_without_a_stack_it_looks_at_the_machine_alone() -> None:
    said = CliRunner().invoke(app, ["doctor", "--json"])
    assert [one["check"] for one in json.loads(said.stdout)["checks"]] == ["pulumi", "layer", "credentials", "region"]


def test_a_profile_that_is_not_there_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 1
    assert "nobody" in said.output
    assert said.exception is None or isinstance(said.exception, SystemExit)
