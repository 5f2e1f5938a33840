"""The whole program as it stands deployed: what can be seen, and what is refused, without changing it."""

from __future__ import annotations

import json
import shlex

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.aws_clients import make_client
from tests.stacks.deployed_program import CONTRACT, DeployedProgram, changes


def test_the_outputs_are_the_contract(canary: DeployedProgram):
    outputs = canary.outputs()
    assert outputs.keys() == {*CONTRACT, "key", "model", "region", "prefix", "ledger", "slo"}
    assert {key: set(outputs[key]) for key in CONTRACT} == CONTRACT
    assert outputs["key"] == "tidewatch/rehearsal/flights"
    assert (outputs["model"], outputs["region"], outputs["prefix"]) == ("flights", "us-east-1", "flights")
    for page, name in outputs["dashboard_names"].items():
        assert outputs["dashboards"][page].endswith(f"#dashboards/dashboard/{name}")
    assert outputs["traffic"] == {
        "champion": "blue",
        "declared": {"blue": 0.95, "green": 0.05},
        "versions": {"blue": "1", "green": "2"},
        "withheld": "",
    }
    assert outputs["rollback"]["target"] == {"blue": 1.0, "green": 0.0}
    command = shlex.split(outputs["rollback"]["command"])
    assert command[:4] == ["aws", "lambda", "invoke", "--function-name"]
    assert command[4] == outputs["rollback"]["function"]
    assert command[-1] == "/dev/stdout"
    assert outputs["endpoint"]["name"] in outputs["endpoint"]["invoke"]


def test_the_declared_split_is_served_and_a_second_up_changes_nothing(canary: DeployedProgram):
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up()) == set()


def test_a_refresh_arms_nothing(canary: DeployedProgram):
    canary.stack.refresh()
    assert changes(canary.up()) == set()


def test_the_champions_version_cannot_be_edited_while_another_variant_serves(canary: DeployedProgram):
    assert "blue is the rollback target and green serves" in canary.serve(blue=("3", 95), green=("2", 5)).refusal()


def test_the_champion_is_not_replaced_in_the_edit_that_names_another(canary: DeployedProgram):
    refusal = canary.serve("green", blue=("3", 95), green=("2", 5)).refusal()
    assert "blue is the rollback target and green serves" in refusal
    assert canary.weights() == {"blue": 0.95, "green": 0.05}


def test_a_configuration_says_which_version_each_variant_held(canary: DeployedProgram):
    bucket = canary.outputs()["buckets"]["monitoring"]
    s3 = boto3.client("s3")
    (found,) = s3.list_objects_v2(Bucket=bucket, Prefix="deployments/")["Contents"]
    document = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert {variant: one["version"] for variant, one in document["variants"].items()} == {"blue": "1", "green": "2"}
    name = canary.endpoint()["EndpointConfigName"]
    capture = boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)["DataCaptureConfig"]
    assert capture["EnableCapture"]
    assert {one["CaptureMode"] for one in capture["CaptureOptions"]} == {"Input", "Output"}
    assert capture["DestinationS3Uri"].endswith(f"/capture/{document['configuration']}")


def test_a_published_version_can_be_neither_replaced_nor_deleted(canary: DeployedProgram):
    bucket, key = canary.outputs()["registry"]["bucket"], "models/flights/1/model.tar.gz"
    s3 = boto3.client("s3")
    for attempt in (
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"other"),
        lambda: s3.delete_object(Bucket=bucket, Key=key),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()


def test_the_ledger_cannot_be_rewritten(canary: DeployedProgram):
    dynamodb, ledger = make_client("dynamodb"), canary.outputs()["ledger"]
    first = {"stack": {"S": "tidewatch/rehearsal/flights"}, "sequence": {"N": "1"}}
    ending = {"Enabled": True, "AttributeName": "at"}
    for attempt in (
        lambda: dynamodb.delete_item(TableName=ledger, Key=first),
        lambda: dynamodb.update_item(TableName=ledger, Key=first, UpdateExpression="REMOVE who"),
        lambda: dynamodb.update_time_to_live(TableName=ledger, TimeToLiveSpecification=ending),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()
