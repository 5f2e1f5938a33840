"""The whole program, deployed to the simulator by the embedded engine, and edited."""

from __future__ import annotations

import boto3
import pytest

from tests.stacks.deployed_program import DeployedProgram, changes


def test_a_promotion_changes_traffic_and_nothing_else(canary: DeployedProgram):
    done = canary.serve(blue=("1", 50), green=("2", 50)).up()
    assert canary.weights() == {"blue": 0.5, "green": 0.5}
    assert {kind.rpartition(":")[2] for kind in changes(done)} == {"Gate", "VariantWeights"}


def test_a_count_is_changed_alone(canary: DeployedProgram):
    canary.config["tidewatch:variants"]["green"]["instances"] = 3
    done = canary.up()
    assert {kind.rpartition(":")[2] for kind in changes(done)} == {"VariantCapacity"}
    counts = {one["VariantName"]: one["CurrentInstanceCount"] for one in canary.endpoint()["ProductionVariants"]}
    assert counts == {"blue": 2, "green": 3}


def test_a_new_version_in_the_idle_variant_keeps_the_traffic_of_the_other(canary: DeployedProgram):
    before = canary.endpoint()["EndpointConfigName"]
    canary.serve(blue=("1", 95), green=("3", 5)).up()
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert canary.endpoint()["EndpointConfigName"] != before
    boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=before)
    canary.serve(blue=("1", 95), green=("2", 5)).up()
    assert canary.endpoint()["EndpointConfigName"] != before, "earlier content is a new object"


def test_the_target_of_a_rollback_moves_with_the_champion(canary: DeployedProgram):
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


def test_a_rollback_is_not_undone_by_up_and_quarantines_until_it_is_acknowledged(canary: DeployedProgram):
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


def test_an_out_of_band_flip_is_kept_found_and_asked_about(canary: DeployedProgram):
    canary.flip(blue=0.3, green=0.7)
    assert changes(canary.up()) == set()
    assert canary.weights() == {"blue": 0.3, "green": 0.7}
    refusal = canary.serve(blue=("1", 90), green=("2", 10)).refusal()
    assert "without an entry in the ledger" in refusal
    assert canary.weights() == {"blue": 0.3, "green": 0.7}


def test_a_refusal_also_holds_without_a_preview(canary: DeployedProgram):
    canary.flip(blue=0.3, green=0.7)
    canary.serve(blue=("1", 90), green=("3", 10))
    with pytest.raises(Exception, match="without an entry in the ledger"):
        canary.up(preview=False)
    assert canary.weights() == {"blue": 0.3, "green": 0.7}


def kinds(canary: DeployedProgram) -> set[str]:
    return {kind.rpartition(":")[2] for kind in changes(canary.up())}


def test_another_environment_is_a_deployment_of_the_same_model_that_keeps_weights_and_counts(canary: DeployedProgram):
    canary.serve(blue=("1", 60), green=("2", 40)).up()
    canary.config["tidewatch:variants"]["green"]["instances"] = 3
    canary.up()
    before, entries = canary.endpoint(), len(canary.entries())
    canary.config["tidewatch:endpoint"]["environment"] = {"OMP_NUM_THREADS": "4"}
    assert {"Gate", "Model", "EndpointConfiguration", "EndpointDeployment", "VariantWeights"} <= kinds(canary)
    after = canary.endpoint()
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    assert canary.weights() == {"blue": 0.6, "green": 0.4}
    assert {one["VariantName"]: one["CurrentInstanceCount"] for one in after["ProductionVariants"]} == {
        "blue": 2,
        "green": 3,
    }
    assert len(canary.entries()) == entries, "nothing was drained, and no weight was written"
    assert after["LastDeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"], "under SageMaker's guardrails"
    assert canary.variables() == {"blue": "4", "green": "4"}
    assert changes(canary.up()) == set()


def test_the_challenger_tries_an_environment_first(canary: DeployedProgram):
    canary.serve(blue=("1", 60), green=("2", 40)).up()
    canary.config["tidewatch:variants"]["green"]["environment"] = {"OMP_NUM_THREADS": "8"}
    canary.up()
    assert canary.variables() == {"blue": None, "green": "8"}
    assert canary.weights() == {"blue": 0.6, "green": 0.4}


def test_the_network_and_the_hosts_can_be_changed_on_a_live_endpoint(canary: DeployedProgram):
    canary.serve(blue=("1", 60), green=("2", 40)).up()
    entries = len(canary.entries())
    canary.set(vpc={"subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-0123456789abcdef0"]}).up()
    assert canary.weights() == {"blue": 0.6, "green": 0.4}
    canary.config["tidewatch:endpoint"]["instanceType"] = "ml.m5.2xlarge"
    canary.up()
    assert canary.weights() == {"blue": 0.6, "green": 0.4}
    assert len(canary.entries()) == entries


def test_weights_that_a_rollback_left_are_kept_by_another_environment(canary: DeployedProgram):
    canary.roll_back()
    canary.clock.advance(60)
    incident = canary.roll_back().incident
    canary.set(acknowledgedIncident=incident).up()
    canary.config["tidewatch:endpoint"]["environment"] = {"OMP_NUM_THREADS": "4"}
    canary.up()
    assert canary.weights() == {"blue": 1.0, "green": 0.0}
    assert changes(canary.up()) == set()


def test_over_an_open_incident_a_new_version_gets_nothing_until_it_is_acknowledged(canary: DeployedProgram):
    canary.serve(blue=("1", 90), green=("2", 10)).up()
    canary.flip(blue=0.35, green=0.65)
    canary.serve(blue=("1", 90), green=("3", 10)).up()
    assert canary.weights() == {"blue": 1.0, "green": 0.0}
    said = canary.outputs()["traffic"]["withheld"]
    assert said.startswith("Variant green gets no traffic while incident ")
    assert changes(canary.up()) == set()
    canary.set(acknowledgedIncident=said.split()[7]).up()
    assert canary.weights() == {"blue": 0.9, "green": 0.1}
    assert canary.outputs()["traffic"]["withheld"] == ""
    assert changes(canary.up()) == set()


def test_the_version_of_the_only_variant_is_refused_in_preview(canary: DeployedProgram):
    canary.serve(blue=("1", 100)).up()
    said = canary.serve(blue=("3", 100)).refusal()
    assert "The model of blue cannot be changed while it has all traffic" in said
    assert "tidewatch.traffic" not in said


def test_an_unknown_incident_is_refused_in_preview(canary: DeployedProgram):
    assert "The ledger has no incident flights-nope" in canary.set(acknowledgedIncident="flights-nope").refusal()


def test_a_refused_edit_makes_nothing_also_without_a_preview(canary: DeployedProgram):
    before = resources() | served_and_told()
    canary.serve(blue=("3", 95), green=("2", 5)).set(notify={"P1": [{"email": "other@example.com"}]})
    with pytest.raises(Exception, match="blue is the rollback target and green serves"):
        canary.up(preview=False)
    assert before == resources() | served_and_told()


def served_and_told() -> set[str]:
    """The models there are, and who is subscribed to the topics."""
    models = boto3.client("sagemaker").list_models()["Models"]
    people = boto3.client("sns").list_subscriptions()["Subscriptions"]
    return {*(one["ModelName"] for one in models), *(one["Endpoint"] for one in people)}


def test_a_variant_whose_guardrail_is_in_alarm_gets_no_new_version(canary: DeployedProgram):
    name = canary.outputs()["alarms"]["guardrails"]["green"]
    boto3.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    said = canary.serve(blue=("1", 95), green=("3", 5)).refusal()
    assert f"Variant green cannot get more traffic while its guardrail {name} is in ALARM" in said
    assert canary.weights() == {"blue": 0.95, "green": 0.05}


def test_variants_that_went_leave_what_a_rollback_may_need(canary: DeployedProgram):
    sagemaker = boto3.client("sagemaker")
    before = {one["ModelName"] for one in sagemaker.list_models()["Models"]}
    canary.serve(blue=("1", 100)).up()
    assert canary.weights() == {"blue": 1.0}
    assert before <= {one["ModelName"] for one in sagemaker.list_models()["Models"]}


def test_autoscaling_keeps_the_champions_floor(canary: DeployedProgram):
    canary.set(autoscaling={"maximum": 4, "invocationsPerInstance": 1000}, rollback={"floor": 2})
    canary.serve(blue=("1", 100)).up()
    (target,) = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    assert changes(canary.up()) == set()


def test_the_watch_on_the_data_can_be_turned_off_and_goes_whole(canary: DeployedProgram):
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


def test_destroy_takes_everything_but_what_is_retained(canary: DeployedProgram):
    canary.stack.destroy()
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert boto3.client("sagemaker").list_models()["Models"]
