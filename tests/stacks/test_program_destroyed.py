"""How a stack that serves ends: no step of it, wherever it is interrupted, leaves the endpoint without its guards."""

from __future__ import annotations

import boto3
import pytest

from rehearsal.engine import OperationFailed
from tests.stacks.deployed_program import DeployedProgram
from tests.stacks.endpoint_guards import Guarded, watch_guards


@pytest.mark.parametrize("preview", [True, False])
def test_wherever_a_destroy_is_interrupted_the_endpoint_has_its_guards(canary: DeployedProgram, preview: bool):
    guarded = Guarded.of_the_account()
    assert guarded.missing() == []
    assert len(guarded.rules) == 2
    assert len(guarded.alarms) > 50
    watched, missing = watch_guards(canary, guarded)
    watched.destroy(preview=preview)
    assert missing == []
    assert not guarded.there


@pytest.mark.parametrize("at", [1, 4, 30])
def test_an_interrupted_destroy_is_ended_by_the_next(canary: DeployedProgram, at: int):
    guarded = Guarded.of_the_account()
    watched, missing = watch_guards(canary, guarded, at)
    with pytest.raises(OperationFailed):
        watched.destroy(preview=False)
    assert missing == []
    assert guarded.there is (at < 4)
    canary.stack.destroy()
    assert not guarded.there
    assert guarded.missing()


def test_after_an_interrupted_destroy_an_up_refuses_in_preview_what_a_refresh_mends(canary: DeployedProgram):
    canary.set(forceDestroy=None).up()
    watched, _ = watch_guards(canary, Guarded.of_the_account(), 30)
    with pytest.raises(OperationFailed):
        watched.destroy(preview=False)
    assert "`pulumi up --refresh` creates it again" in canary.refusal()
    canary.up(preview=True, refresh=True)
    assert canary.weights() == {"blue": 0.95, "green": 0.05}


def test_wherever_an_up_that_retires_is_interrupted_the_endpoint_has_its_guards(canary: DeployedProgram):
    guarded = Guarded.of_the_account()
    watched, missing = watch_guards(canary.set(variants=None, rollbackTo=None, retire=True), guarded)
    watched.up(preview=False)
    assert missing == []
    assert not guarded.there


def test_the_end_is_in_the_ledger(canary: DeployedProgram):
    table = canary.outputs()["ledger"]
    canary.set(variants=None, rollbackTo=None, retire=True).up()
    entries = boto3.client("dynamodb").scan(TableName=table)["Items"]
    last = sorted(entries, key=lambda entry: int(entry["sequence"]["N"]))[-2:]
    assert [entry["kind"]["S"] for entry in last] == ["intent", "outcome"]
    assert all("is being deleted: the config no longer declares any traffic" in entry["why"]["S"] for entry in last)


@pytest.mark.parametrize("forced", [True, None])
def test_a_destroy_keeps_models_and_unless_forced_the_data(canary: DeployedProgram, forced: bool | None):
    canary.set(forceDestroy=forced).up()
    canary.stack.destroy()
    kept = {
        "models": len(boto3.client("sagemaker").list_models()["Models"]),
        "configurations": len(boto3.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]),
        "endpoints": len(boto3.client("sagemaker").list_endpoints()["Endpoints"]),
        "buckets": sorted(each["Name"].split("-")[1] for each in boto3.client("s3").list_buckets()["Buckets"]),
        "tables": sorted(name.split("-")[1] for name in boto3.client("dynamodb").list_tables()["TableNames"]),
        "roles": sorted(each["RoleName"].split("-")[1] for each in boto3.client("iam").list_roles()["Roles"]),
        "topics": len(boto3.client("sns").list_topics()["Topics"]),
        "functions": len(boto3.client("lambda").list_functions()["Functions"]),
    }
    assert kept == {
        "models": 2,
        "configurations": 1,
        "endpoints": 0,
        "buckets": [] if forced else ["capture", "logs", "monitoring", "registry"],
        "tables": [] if forced else ["control", "ledger"],
        "roles": ["serving"] if forced else ["break", "serving"],
        "topics": 0,
        "functions": 0,
    }


def test_a_protected_stack_loses_nothing_to_destroy_and_retires_in_two_steps(canary: DeployedProgram):
    canary.set(protect=True).up()
    guarded = Guarded.of_the_account()
    watched, _ = watch_guards(canary, guarded)
    with pytest.raises(OperationFailed, match="protected") as refused:
        watched.destroy(preview=False)
    assert {step.name for step in refused.value.summary.changed_steps} <= {"tidewatch-rehearsal", "flights-traffic"}
    assert guarded.there
    assert guarded.missing() == []
    canary.serve(champion="green", blue=("1", 0), green=("2", 100)).up(preview=True)
    canary.serve(champion="green", blue=("3", 0), green=("2", 100)).up(preview=True)
    canary.set(variants=None, rollbackTo=None, retire=True)
    assert "set tidewatch:protect to false and run `pulumi up` first" in canary.refusal()
    canary.serve(champion="green", blue=("3", 0), green=("2", 100)).set(retire=None, protect=False).up()
    canary.set(variants=None, rollbackTo=None, retire=True).up(preview=True)
    assert not guarded.there
