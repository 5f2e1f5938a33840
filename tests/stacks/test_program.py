"""The whole program, deployed to the simulator by the embedded engine, and edited."""

from __future__ import annotations

import boto3
import pytest

from tests.stacks.rehearsed import Rehearsed, changes

pytestmark = pytest.mark.on_a_copy


@pytest.fixture
def canary(deployed: Rehearsed) -> Rehearsed:
    """Blue serves version 1, green version 2 at five percent: a copy for each test."""
    return deployed


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


def test_the_target_of_a_rollback_moves_with_the_champion(canary: Rehearsed):
    canary.serve(blue=("1", 0), green=("2", 100)).up()
    done = canary.serve("green", blue=("1", 0), green=("2", 100)).up()
    assert {kind.rpartition(":")[2] for kind in changes(done)} == {
        "Gate",
        "Function",
        "MetricAlarm",
        "CompositeAlarm",
        "Dashboard",
        "Permission",
    }, "guardrails are the challenger's"
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


def test_slots_that_went_leave_what_a_rollback_may_need(canary: Rehearsed):
    sagemaker = boto3.client("sagemaker")
    before = {one["ModelName"] for one in sagemaker.list_models()["Models"]}
    canary.serve(blue=("1", 100)).up()
    assert canary.weights() == {"blue": 1.0}
    assert before <= {one["ModelName"] for one in sagemaker.list_models()["Models"]}


def test_autoscaling_keeps_the_champions_floor(canary: Rehearsed):
    canary.set(autoscaling={"maximum": 4, "invocationsPerInstance": 1000}, rollback={"floor": 2})
    canary.serve(blue=("1", 100)).up()
    (target,) = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    assert changes(canary.up()) == set()


def test_the_watch_on_the_data_can_be_turned_off_and_goes_whole(canary: Rehearsed):
    before = resources()
    canary.set(drift={"enabled": False}).up()
    assert set(canary.outputs()["drift"].values()) == {None}
    gone = before - resources()
    assert {one for one in before if "drift" in one} == gone


def resources() -> set[str]:
    """The names of what could outlive a component: functions, layers, rules, queues, roles, logs."""
    rules = boto3.client("events").list_rules()["Rules"]
    roles = boto3.client("iam").list_roles()["Roles"]
    return {
        *(one["FunctionName"] for one in boto3.client("lambda").list_functions()["Functions"]),
        *(one["LayerArn"] for one in boto3.client("lambda").list_layers()["Layers"]),
        *(one["Arn"] for one in rules),
        *(one["RoleName"] for one in roles),
        *boto3.client("sqs").list_queues().get("QueueUrls", []),
        *(one["logGroupName"] for one in boto3.client("logs").describe_log_groups()["logGroups"]),
    }


def test_destroy_takes_everything_but_what_is_retained(canary: Rehearsed):
    canary.stack.destroy()
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert boto3.client("sagemaker").list_models()["Models"]
