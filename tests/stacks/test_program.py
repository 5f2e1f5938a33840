"""The whole program, deployed to the simulator by the embedded engine."""

from __future__ import annotations

import json
import shlex

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.stacks.rehearsed import Rehearsed, changes

CONTRACT = {
    "endpoint": {"name", "arn", "platform", "invoke"},
    "traffic": {"champion", "declared", "versions"},
    "rollback": {"function", "target", "command"},
    "registry": {"bucket", "prefix"},
    "buckets": {"capture", "monitoring"},
    "topics": {"P1", "P2", "P3"},
    "dashboards": {"executive", "oncall", "debug"},
}


@pytest.fixture
def canary(published: Rehearsed) -> Rehearsed:
    """Blue serves version 1, green version 2 at five percent."""
    published.serve(blue=("1", 95), green=("2", 5)).up()
    return published


def test_without_variants_the_registry_and_the_shared_parts_are_made(stack: Rehearsed):
    stack.up()
    outputs = stack.outputs()
    assert outputs.keys() == {*CONTRACT, "ledger"}
    assert {key: set(outputs[key]) for key in CONTRACT} == CONTRACT
    for part in ("endpoint", "traffic", "rollback", "dashboards"):
        assert set(outputs[part].values()) == {None}
    assert outputs["registry"]["prefix"] == "models/flights/"
    assert changes(stack.up()) == set()


def test_the_outputs_are_the_contract(canary: Rehearsed):
    outputs = canary.outputs()
    assert outputs.keys() == {*CONTRACT, "ledger"}
    assert {key: set(outputs[key]) for key in CONTRACT} == CONTRACT
    assert outputs["traffic"] == {
        "champion": "blue",
        "declared": {"blue": 0.95, "green": 0.05},
        "versions": {"blue": "1", "green": "2"},
    }
    assert outputs["rollback"]["target"] == {"blue": 1.0, "green": 0.0}
    command = shlex.split(outputs["rollback"]["command"])
    assert command[:4] == ["aws", "lambda", "invoke", "--function-name"]
    assert command[4] == outputs["rollback"]["function"]
    assert command[-1] == "/dev/stdout"
    assert outputs["endpoint"]["name"] in outputs["endpoint"]["invoke"]


def test_the_declared_split_is_served_and_a_second_up_changes_nothing(canary: Rehearsed):
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up()) == set()


def test_a_refresh_arms_nothing(canary: Rehearsed):
    canary.stack.refresh()
    assert changes(canary.up()) == set()


def test_a_promotion_changes_traffic_and_nothing_else(canary: Rehearsed):
    done = canary.serve(blue=("1", 50), green=("2", 50)).up()
    assert canary.weights() == {"blue": 0.5, "green": 0.5}
    assert {kind.rpartition(":")[2] for kind in changes(done)} == {"Gate", "VariantWeights"}


def test_a_count_is_changed_alone(canary: Rehearsed):
    canary.config["tidewatch:variants"]["green"]["instances"] = 3
    done = canary.up()
    assert {kind.rpartition(":")[2] for kind in changes(done)} == {"VariantCapacity"}
    counts = {one["VariantName"]: one["CurrentInstanceCount"] for one in canary.endpoint()["ProductionVariants"]}
    assert counts == {"blue": 2, "green": 3}


def test_a_new_version_in_the_idle_slot_keeps_the_traffic_of_the_other(canary: Rehearsed):
    before = canary.endpoint()["EndpointConfigName"]
    canary.serve(blue=("1", 95), green=("3", 5)).up()
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert canary.endpoint()["EndpointConfigName"] != before
    boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=before)
    canary.serve(blue=("1", 95), green=("2", 5)).up()
    assert canary.endpoint()["EndpointConfigName"] != before, "earlier content is a new object"


def test_the_champions_version_cannot_be_edited_while_another_slot_serves(canary: Rehearsed):
    assert "blue is the rollback target and green serves" in canary.serve(blue=("3", 95), green=("2", 5)).refusal()


def test_the_target_of_a_rollback_moves_with_the_champion(canary: Rehearsed):
    canary.serve(blue=("1", 0), green=("2", 100)).up()
    done = canary.serve("green", blue=("1", 0), green=("2", 100)).up()
    assert {kind.rpartition(":")[2] for kind in changes(done)} == {"Gate", "Function"}
    assert canary.outputs()["rollback"]["target"] == {"blue": 0.0, "green": 1.0}


def test_a_rollback_is_not_undone_by_up_and_latches_until_it_is_acknowledged(canary: Rehearsed):
    canary.roll_back()
    canary.clock.advance(60)
    incident = canary.roll_back().incident
    assert canary.weights() == {"blue": 1.0, "green": 0.0}
    assert changes(canary.up()) == set()
    canary.stack.refresh()
    assert changes(canary.up()) == set()
    assert incident in canary.serve(blue=("1", 80), green=("2", 20)).refusal()
    assert canary.weights() == {"blue": 1.0, "green": 0.0}
    canary.set(acknowledgedIncident=incident).up()
    assert canary.weights() == {"blue": 0.8, "green": 0.2}
    assert changes(canary.up()) == set()


def test_an_out_of_band_flip_is_kept_found_and_asked_about(canary: Rehearsed):
    canary.flip(blue=0.3, green=0.7)
    assert changes(canary.up()) == set()
    assert canary.weights() == {"blue": 0.3, "green": 0.7}
    refusal = canary.serve(blue=("1", 90), green=("2", 10)).refusal()
    assert "without an entry in the ledger" in refusal
    assert canary.weights() == {"blue": 0.3, "green": 0.7}


def test_a_refusal_also_holds_without_a_preview(canary: Rehearsed):
    canary.flip(blue=0.3, green=0.7)
    canary.serve(blue=("1", 90), green=("3", 10))
    with pytest.raises(Exception, match="without an entry in the ledger"):
        canary.up(preview=False)
    assert canary.weights() == {"blue": 0.3, "green": 0.7}


def test_a_mistake_in_the_config_touches_nothing(stack: Rehearsed):
    said = stack.set(variants={"red": {"version": "latest", "weight": -1}}, rollbackTo="blue").refusal()
    assert "The config of rehearsal has mistakes:" in said
    assert all(f"tidewatch:variants.red{rest}" in said for rest in (":", ".version:", ".weight:"))
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_slots_that_went_leave_what_a_rollback_may_need(canary: Rehearsed):
    sagemaker = boto3.client("sagemaker")
    before = {one["ModelName"] for one in sagemaker.list_models()["Models"]}
    canary.serve(blue=("1", 100)).up()
    assert canary.weights() == {"blue": 1.0}
    assert before <= {one["ModelName"] for one in sagemaker.list_models()["Models"]}


def test_a_configuration_says_which_version_each_slot_held(canary: Rehearsed):
    bucket = canary.outputs()["buckets"]["monitoring"]
    s3 = boto3.client("s3")
    (found,) = s3.list_objects_v2(Bucket=bucket, Prefix="deployments/")["Contents"]
    document = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert {slot: one["version"] for slot, one in document["slots"].items()} == {"blue": "1", "green": "2"}
    name = canary.endpoint()["EndpointConfigName"]
    capture = boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)["DataCaptureConfig"]
    assert capture["EnableCapture"]
    assert {one["CaptureMode"] for one in capture["CaptureOptions"]} == {"Input", "Output"}
    assert capture["DestinationS3Uri"].endswith(f"/capture/{document['configuration']}")


def test_a_published_version_can_be_neither_replaced_nor_deleted(published: Rehearsed):
    bucket, key = published.outputs()["registry"]["bucket"], "models/flights/1/model.tar.gz"
    s3 = boto3.client("s3")
    for attempt in (
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"other"),
        lambda: s3.delete_object(Bucket=bucket, Key=key),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()


def test_the_ledger_cannot_be_rewritten(canary: Rehearsed):
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.client("dynamodb").delete_item(
            TableName=canary.outputs()["ledger"], Key={"endpoint": {"S": "flights"}, "sequence": {"N": "1"}}
        )


def test_autoscaling_keeps_the_champions_floor(published: Rehearsed):
    published.set(autoscaling={"maximum": 4, "invocationsPerInstance": 1000}, rollback={"floor": 2})
    published.serve(blue=("1", 100)).up()
    (target,) = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    assert changes(published.up()) == set()


@pytest.mark.parametrize("name", ["f", "F" * 63, "a-" * 31 + "b"])
def test_names_stay_within_aws_limits(stack: Rehearsed, name: str):
    stack.config["tidewatch:model"]["name"] = name
    stack.up()
    assert changes(stack.up()) == set()


def test_destroy_takes_everything_but_what_is_retained(canary: Rehearsed):
    canary.stack.destroy()
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert boto3.client("sagemaker").list_models()["Models"]
