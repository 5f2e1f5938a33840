"""The watch on the data as the program deploys it: a function with its layer that runs from its archive, each hour."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from components.drift_monitor import build_schedule
from components.lambda_layer import build_layer
from rehearsal.aws import create_local_control
from rehearsal.aws.lambda_ import api
from rehearsal.engine.providers.archives import hash_code
from tests.aws_clients import make_client
from tests.stacks.deployed_program import DeployedProgram

run_beside = api._run_in_thread


@pytest.fixture
def configuration(canary: DeployedProgram) -> dict[str, Any]:
    name = canary.outputs()["drift"]["function"]
    return make_client("lambda").get_function_configuration(FunctionName=name)


def test_it_is_told_what_the_config_says(canary: DeployedProgram, configuration: dict):
    outputs, variables = canary.outputs(), configuration["Environment"]["Variables"]
    assert variables["MODEL"] == "flights"
    assert variables["STACK_KEY"] == "tidewatch/rehearsal/flights"
    assert variables["ENDPOINT"] == outputs["endpoint"]["name"]
    assert variables["CAPTURE_BUCKET"] == outputs["buckets"]["capture"]
    assert variables["MONITORING_BUCKET"] == outputs["buckets"]["monitoring"]
    assert variables["REGISTRY_BUCKET"] == outputs["registry"]["bucket"]
    assert (variables["LAG_MINUTES"], variables["LOOK_BACK_HOURS"]) == ("20", "72")
    assert json.loads(variables["THRESHOLDS"])["psi_drift"] == 0.2
    assert outputs["drift"]["reports"] == f"s3://{outputs['buckets']['monitoring']}/drift/"


def test_its_packages_are_a_layer_and_its_bounds_are_lambdas(configuration: dict):
    (attached,) = configuration["Layers"]
    name, version = attached["Arn"].split(":")[-2:]
    made = boto3.client("lambda").get_layer_version(LayerName=name, VersionNumber=int(version))
    assert made["Content"]["CodeSha256"] == hash_code(build_layer("drift").read_bytes())
    assert made["CompatibleRuntimes"] == [configuration["Runtime"]]
    assert made["CompatibleArchitectures"] == configuration["Architectures"] == ["arm64"]
    assert (configuration["Timeout"], configuration["MemorySize"]) == (900, 1024)


def test_what_fails_for_good_ends_in_its_queue(configuration: dict):
    asynchronous = boto3.client("lambda").get_function_event_invoke_config(FunctionName=configuration["FunctionName"])
    queue = asynchronous["DestinationConfig"]["OnFailure"]["Destination"]
    assert asynchronous["MaximumRetryAttempts"] == 2
    (rule,) = [one for one in boto3.client("events").list_rules()["Rules"] if "-drift-" in one["Name"]]
    (target,) = boto3.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert (target["DeadLetterConfig"]["Arn"], target["Input"]) == (queue, "{}")
    url = boto3.client("sqs").get_queue_url(QueueName=queue.split(":")[-1])["QueueUrl"]
    policy = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule["Arn"]}}


def test_a_layer_that_cannot_be_built_is_told_before_anything_is_touched(
    canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch
):
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: not path.name.startswith("drift-layer-") and is_file(path))
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    refusal = canary.serve(blue=("1", 50), green=("2", 50)).refusal()
    assert "nor on PATH: run `make install`, or install uv" in refusal


@pytest.mark.parametrize(("lag", "minute"), [(20, 20), (59, 59), (60, 0), (95, 35)])
def test_an_hour_is_read_as_soon_as_its_lag_is_over(lag: int, minute: int):
    assert build_schedule(lag) == f"cron({minute} * * * ? *)"


def test_each_hour_it_runs_from_its_archive(canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch):
    name = canary.outputs()["drift"]["function"]
    half_past = canary.clock.now().replace(minute=30) + timedelta(hours=1)
    canary.clock.advance_to(half_past)
    monkeypatch.setattr(api, "_run_in_thread", run_beside)
    canary.clock.advance_to(half_past + timedelta(hours=2))
    create_local_control().wait_for_functions()
    ran = [one for one in create_local_control().function_timings() if one["function"] == name]
    assert [(one["error"], one["cold"]) for one in ran] == [(None, True), (None, False)]
