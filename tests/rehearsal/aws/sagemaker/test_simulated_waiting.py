"""How the clock of a kept rehearsal goes on while an operation of the platform is waited for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from rehearsal.aws import REGION, server
from rehearsal.aws.account import SimulatedAccount, activate, deactivate
from rehearsal.aws.bootstrap import apply_patches, create_account
from rehearsal.aws.lambda_.function_host import FunctionHost, InvocationResult
from rehearsal.simulated_clock import SharedClock
from tests.rehearsal.aws.account import ROLE, TRUST, zip_function

PACE = 1 / 2000
"""Wall seconds of a simulated one: a deployment of five minutes takes 0.15 s."""


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAccount]:
    """An account that the server's ticker drives, in which every function answers at once."""
    apply_patches()
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(FunctionHost, "run", lambda *_: InvocationResult(b"null", None, "", "1"))
    path = tmp_path / "clock"
    account = create_account(SharedClock.create(path, PACE), path, tmp_path, lambda: "http://127.0.0.1:1")
    account.clock.advance_to(account.now().replace(second=20) + timedelta(minutes=1))
    activate(account)
    try:
        with mock_aws():
            yield account
    finally:
        deactivate()


def call_each_minute(name: str) -> None:
    """A function that a rule calls each minute, and an alarm on two minutes without a call."""
    code: Any = {"ZipFile": zip_function({"handler.py": "def handler(e, c): pass"})}
    arn = boto3.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="handler.handler", Code=code
    )["FunctionArn"]
    boto3.client("lambda").add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    events = boto3.client("events")
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )


def tick(account: SimulatedAccount) -> None:
    server.tick(account)
    for thread in list(account.invocation_threads):
        thread.join(10)


def let_minutes_pass(account: SimulatedAccount, minutes: int) -> None:
    for _ in range(minutes):
        account.clock.advance(60)
        tick(account)


def list_states(name: str) -> list[str]:
    history: Any = boto3.client("cloudwatch").describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    return [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in history["AlarmHistoryItems"]]


def test_what_runs_each_minute_runs_during_a_deployment_before_alarms_look_at_it(account: SimulatedAccount) -> None:
    boto3.client("iam").create_role(RoleName="flights", AssumeRolePolicyDocument=TRUST)
    call_each_minute("sweep")
    let_minutes_pass(account, 4)
    before = list_states("sweep")
    assert before[0] == "OK"
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
    variants: Any = [{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants)

    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    operation = account.find_next_operation()
    assert operation is not None
    while account.find_next_operation() is not None:
        tick(account)

    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    assert (
        timedelta(seconds=operation.seconds)
        <= account.now() - operation.started_at
        < timedelta(seconds=operation.seconds + 30)
    )
    let_minutes_pass(account, 2)
    assert list_states("sweep") == before
