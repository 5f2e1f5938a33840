"""What `tidewatch doctor` finds: in an account by its answers, in a stack by what the simulator then holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from typer.testing import CliRunner

from cli import account, parts
from cli.errors import UserError
from cli.finding import Check, Finding, made
from cli.main import app
from stacks.settings import Settings, load
from tests.cli.conftest import Ambient
from tests.stacks.rehearsed import IMAGE, Rehearsed, rehearsal_config

HOST = "ml.g5.xlarge"


def _error(code: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code} it says"}}, operation)


class _Account:
    """An account whose services give the pages or the errors that a test says."""

    simulated = False
    region = "eu-central-1"

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[tuple[str, str, Mapping[str, Any]]]()

    def client(self, service: str, region: str = "") -> _Client:
        return _Client(self, service.replace("-", "_"), region or self.region)


class _Client:
    def __init__(self, account: _Account, service: str, region: str) -> None:
        self._account, self._service, self._region = account, service, region

    def get_paginator(self, operation: str) -> _Client:  # noqa: ARG002
        return self

    def paginate(self, **given: Any) -> Iterator[Any]:
        return iter(self._answer(given))

    def get_caller_identity(self) -> Any:
        return self._answer({})

    def batch_get_image(self, **given: Any) -> Any:
        return self._answer(given)

    def _answer(self, given: Mapping[str, Any]) -> Any:
        self._account.asked.append((self._service, self._region, given))
        answer = self._account.answers[self._service]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _settings(**endpoint: Any) -> Settings:
    config = rehearsal_config()
    config["tidewatch:endpoint"] = {**config["tidewatch:endpoint"], **endpoint}
    config["tidewatch:variants"] = {
        "blue": {"version": "1", "weight": 95, "instances": 2},
        "green": {"version": "2", "weight": 5, "instances": 1},
    }
    config["tidewatch:rollbackTo"] = "blue"
    return load(config, "rehearsal")


def _of(name: str, session: Any, settings: Settings | None = None, registry: Any = None) -> list[Finding]:
    checks = account.checks(session, settings or _settings(), registry)
    return [finding for check in checks if check.name == name for finding in made(check)]


@pytest.mark.parametrize(
    ("allowed", "state", "told"),
    [(2, "fail", "2 in this account and region, 3 declared"), (3, "warn", "as many again"), (6, "ok", "6 in this")],
)
def test_a_quota_must_hold_the_hosts_and_for_a_deployment_as_many_again(allowed: int, state: str, told: str) -> None:
    quotas = [
        {"Quotas": [{"QuotaName": "ml.g5.2xlarge for endpoint usage", "Value": 99.0, "QuotaCode": "L-1"}]},
        {"Quotas": [{"QuotaName": f"{HOST} for endpoint usage", "Value": float(allowed), "QuotaCode": "L-2"}]},
    ]
    (found,) = _of("quota", _Account(service_quotas=quotas))
    assert (found.state, told in found.says) == (state, True)
    if state != "ok":
        assert "--quota-code L-2 --desired-value 6 --region eu-central-1" in found.remedy


def test_a_quota_that_nobody_lists_is_a_warning() -> None:
    (found,) = _of("quota", _Account(service_quotas=[{"Quotas": []}]))
    assert found.state == "warn"
    assert HOST in found.remedy


@pytest.mark.parametrize(
    ("check", "permission"),
    [("quota", "servicequotas:ListServiceQuotas"), ("price", "pricing:GetProducts"), ("image", "ecr:BatchGetImage")],
)
def test_who_is_denied_is_told_what_to_allow(check: str, permission: str) -> None:
    denied = _error("AccessDeniedException")
    (found, *_) = _of(check, _Account(service_quotas=denied, pricing=denied, ecr=denied), registry=_Versions(IMAGE))
    assert (found.state, found.remedy) == ("warn", f"allow {permission}")


def _product(usd: str, **attributes: str) -> str:
    terms = {"OnDemand": {"t": {"priceDimensions": {"d": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}}}}
    return json.dumps({"product": {"attributes": attributes}, "terms": terms})


PRICES = [
    {"PriceList": [_product("9.99", component="Training"), _product("0.0", component="Hosting")]},
    {"PriceList": [_product("1.408", component="Hosting")]},
]


def test_the_price_is_that_of_hosting_asked_for_where_price_lists_are() -> None:
    session = _Account(pricing=PRICES)
    (found,) = _of("price", session)
    assert (found.state, found.says) == ("ok", f"{HOST} costs 1.408 USD an hour in eu-central-1: 4.22 USD for 3")
    ((_, region, given),) = session.asked
    assert region == "us-east-1"
    assert {each["Field"]: each["Value"] for each in given["Filters"]} == {
        "instanceName": HOST,
        "regionCode": "eu-central-1",
    }


@pytest.mark.parametrize(("declared", "state"), [(1.408, "ok"), (1.2, "warn")])
def test_a_price_in_the_config_is_compared(declared: float, state: str) -> None:
    (found,) = _of("price", _Account(pricing=PRICES), _settings(hourlyPrice=declared))
    assert found.state == state


def test_a_price_that_is_not_listed_is_unknown() -> None:
    (found,) = _of("price", _Account(pricing=[{"PriceList": []}]))
    assert found.state == "warn"
    assert found.says.startswith("unknown")


class _Versions:
    """A registry whose versions all have one image."""

    name = "flights"

    def __init__(self, image: str) -> None:
        self.image = image

    def manifest(self, version: str) -> _Versions:  # noqa: ARG002
        return self


@pytest.mark.parametrize(
    ("image", "answer", "state", "told"),
    [
        (IMAGE, {"images": [{}]}, "ok", "is there"),
        (IMAGE, {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}, "fail", "is not there"),
        (IMAGE, _error("RepositoryNotFoundException"), "fail", "is not there"),
        ("nvcr.io/nvidia/tritonserver@sha256:" + "ab" * 32, {}, "warn", "is not in ECR"),
    ],
)
def test_the_image_of_each_version_is_looked_for_in_its_own_region(
    image: str, answer: Any, state: str, told: str
) -> None:
    session = _Account(ecr=answer)
    found = _of("image", session, registry=_Versions(image))
    assert [one.state for one in found] == [state, state]
    assert all(told in one.says for one in found)
    assert {region for _, region, _ in session.asked} <= {"us-east-1"}


def test_a_rehearsal_is_not_asked_for_what_it_does_not_simulate() -> None:
    session = _Account()
    session.simulated = True
    (check,) = account.checks(session, _settings(), _Versions(IMAGE))  # type: ignore[arg-type]
    assert [one.state for one in made(check)] == ["warn"]


@pytest.mark.parametrize("error", [NoCredentialsError(), _error("ExpiredToken")])
def test_without_credentials_it_says_how_to_log_in(error: Exception) -> None:
    found = account.credentials(_Account(sts=error))  # type: ignore[arg-type]
    assert found.state == "fail"
    assert "aws sso login" in found.remedy


def test_what_aws_answers_otherwise_is_a_warning() -> None:
    def look() -> Iterator[Finding]:
        raise _error("InternalFailure")

    (found,) = made(Check("part", look, "a:B"))
    assert (found.check, found.state) == ("part", "warn")
    assert "InternalFailure it says" in found.says


def _parts(outputs: Mapping[str, Any], stack: str = "rehearsal") -> dict[str, list[Finding]]:
    checks = parts.checks(stack, outputs, Ambient(stack))  # type: ignore[arg-type]
    return {check.name: list(made(check)) for check in checks}


def _states(found: dict[str, list[Finding]]) -> dict[str, set[str]]:
    return {name: {one.state for one in findings} for name, findings in found.items()}


def test_a_stack_that_is_well_is_well(operated: Rehearsed) -> None:
    found = _parts(operated.outputs())
    states = _states(found)
    assert states["endpoint"] == states["functions"] == states["queues"] == states["ledger"] == {"ok"}
    assert states["buckets"] == {"ok"}
    assert {"P1", "P2", "P3", "escalation"} == {one.says.split()[0].rstrip(":") for one in found["topics"]}
    assert len(found["functions"]) == len(found["queues"]) == 2
    assert all(one.remedy for findings in found.values() for one in findings if one.state != "ok")


def test_parts_that_are_gone_fail_with_the_command_that_makes_them_again(operated: Rehearsed) -> None:
    outputs = dict(operated.outputs())
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
        "dashboards": {"oncall": "https://console/cloudwatch/home#dashboards/dashboard/gone", "debug": None},
    }
    found = _parts(gone)
    for name in ("endpoint", "functions", "queues", "topics", "ledger", "alarms", "dashboards"):
        assert [one.state for one in found[name]] == ["fail"], name
    assert [one.state for one in found["buckets"]] == ["fail", "ok"]
    assert found["endpoint"][0].remedy == "pulumi up --refresh --stack rehearsal"


def test_an_older_stack_has_no_findings_of_what_it_does_not_name(operated: Rehearsed) -> None:
    outputs = {key: value for key, value in operated.outputs().items() if key not in ("alarms", "dashboards")}
    found = _parts({**outputs, "endpoint": {"name": None}})
    assert found["alarms"] == found["dashboards"] == []
    assert found["endpoint"][0].state == "warn"
    assert "tidewatch promote" in found["endpoint"][0].remedy


def test_what_waits_in_a_queue_is_a_warning_with_its_runbook(operated: Rehearsed) -> None:
    sqs, name = boto3.client("sqs"), operated.outputs()["rollback"]["function"]
    config = boto3.client("lambda").get_function_event_invoke_config(FunctionName=name)
    queue = config["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    (found,) = (one for one in _parts(operated.outputs())["queues"] if one.state != "ok")
    sqs.purge_queue(QueueUrl=url)
    assert found.state == "warn"
    assert found.remedy == "tidewatch runbook undelivered --stack rehearsal"


@pytest.mark.parametrize(("stack", "state"), [("dev", "warn"), ("prod", "fail")])
@pytest.mark.usefixtures("operated")
def test_a_page_that_nobody_hears_fails_in_production(stack: str, state: str) -> None:
    arn = boto3.client("sns").create_topic(Name=f"silent-{stack}")["TopicArn"]
    (found,) = _parts({"ledger": "x", "topics": {"P1": arn}}, stack)["topics"]
    assert (found.state, found.says) == (state, "P1 is told to nobody")


def test_who_did_not_confirm_hears_nothing() -> None:
    pages = [
        {
            "Subscriptions": [
                {"Endpoint": "a@example.com", "SubscriptionArn": "PendingConfirmation"},
                {"Endpoint": "b@example.com", "SubscriptionArn": "arn:aws:sns:x"},
            ]
        }
    ]
    checks = parts.checks("prod", {"topics": {"P1": "arn"}}, _Account(sns=pages))  # type: ignore[arg-type]
    (check,) = (one for one in checks if one.name == "topics")
    pending, heard = made(check)
    assert (pending.state, "a@example.com" in pending.says) == ("warn", True)
    assert (heard.state, heard.says) == ("ok", "P1 is told to 1")


@pytest.mark.usefixtures("operated")
def test_alarms_that_somebody_switched_off_are_told_with_the_way_back() -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="muted", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", ActionsEnabled=False,
    )  # fmt: skip
    (found,) = _parts({"alarms": {"names": {"disk-blue": "muted"}}})["alarms"]
    cloudwatch.delete_alarms(AlarmNames=["muted"])
    assert (found.state, "disk-blue" in found.says) == ("warn", True)
    assert found.remedy == "aws cloudwatch enable-alarm-actions --alarm-names muted --region us-east-1"


@pytest.fixture
def examined(operated: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> Rehearsed:
    class Simulated(Ambient):
        simulated = True

    monkeypatch.setattr("cli.doctor.stack_outputs", lambda stack: dict(operated.outputs()))  # noqa: ARG005
    monkeypatch.setattr("cli.doctor.Session", Simulated)
    return operated


@pytest.mark.usefixtures("examined")
def test_it_prints_a_line_a_finding_with_its_remedy_and_ends_with_0_without_a_failure() -> None:
    said = CliRunner().invoke(app, ["doctor", "--stack", "rehearsal"])
    assert said.exit_code == 0, said.output
    assert "ok    credentials account 123456789012" in said.output
    assert "ok    config      Pulumi.rehearsal.yaml is valid" in said.output
    assert "warn  account" in said.output


def test_a_failure_ends_with_1(examined: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**examined.outputs(), "ledger": "gone"}
    monkeypatch.setattr("cli.doctor.stack_outputs", lambda stack: broken)  # noqa: ARG005
    said = CliRunner().invoke(app, ["doctor", "--stack", "rehearsal", "--json"])
    told = json.loads(said.stdout)
    assert (said.exit_code, told["ok"], told["stack"]) == (1, False, "rehearsal")
    (failed,) = (one for one in told["checks"] if one["state"] == "fail")
    assert failed["check"] == "ledger"
    assert set(failed) == {"check", "state", "says", "remedy"}


@pytest.mark.usefixtures("examined")
def test_a_stack_that_was_never_deployed_is_examined_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(stack: str) -> dict[str, Any]:
        raise UserError(f"the stack {stack} has no outputs yet")

    monkeypatch.setattr("cli.doctor.stack_outputs", never)
    said = CliRunner().invoke(app, ["doctor", "--stack", "dev"])
    assert said.exit_code == 0
    assert "warn  outputs" in said.output
    assert "endpoint" not in said.output


@pytest.mark.usefixtures("examined")
def test_mistakes_of_the_config_are_findings() -> None:
    said = CliRunner().invoke(app, ["doctor", "--stack", "nowhere"])
    assert said.exit_code == 1
    assert "fail  config" in said.output
    assert "there is no Pulumi.nowhere.yaml" in said.output


@pytest.mark.usefixtures("examined")
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
