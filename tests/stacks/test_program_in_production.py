"""Pulumi.prod.yaml as it is in the repository: protected, versions locked for a year, rolled out in steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.engine import OperationFailed
from tests.stacks.deployed_program import DeployedProgram, changes
from tests.stacks.stack_image import production_image
from tidewatch.registry import VersionExists

DEFAULT_TAGS = {"managed-by": "pulumi", "project": "tidewatch"}


@pytest.fixture
def production(tmp_path: Path) -> Iterator[DeployedProgram]:
    with production_image().restore(tmp_path) as one:
        yield one


def test_it_serves_a_canary_rolls_back_and_goes_on(production: DeployedProgram) -> None:
    assert production.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(production.up()) == set()
    production.roll_back()
    production.clock.advance(60)
    incident = production.roll_back().incident
    assert production.weights() == {"blue": 1.0, "green": 0.0}
    assert changes(production.up()) == set()
    assert incident in production.serve(blue=("1", 90), green=("2", 10)).refusal()
    production.set(acknowledgedIncident=incident).up()
    assert production.weights() == {"blue": 0.9, "green": 0.1}


def test_another_version_is_taken_over_in_the_declared_steps(production: DeployedProgram) -> None:
    production.publish("3")
    production.serve(blue=("1", 95), green=("3", 5)).up()
    update = production.endpoint()["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]
    routing = update["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["WaitIntervalInSeconds"]) == ("CANARY", 600)
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 10}
    assert update["TerminationWaitInSeconds"] == 600
    assert production.endpoint()["LastDeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]


def test_it_refuses_to_be_destroyed_and_goes_on_serving(production: DeployedProgram) -> None:
    with pytest.raises(OperationFailed, match="protect"):
        production.stack.destroy()
    assert production.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(production.up()) == set()


@pytest.mark.parametrize("largest", [64 << 20, 100], ids=["in one put", "in parts"])
def test_what_is_published_is_locked_for_a_year(
    production: DeployedProgram, monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    monkeypatch.setattr("tidewatch.registry.upload.MAX_SINGLE_PUT", largest)
    production.publish("3")
    s3, bucket = boto3.client("s3"), production.outputs()["registry"]["bucket"]
    objects = s3.list_object_versions(Bucket=bucket, Prefix="models/flights/3/")["Versions"]
    assert {one["Key"].rsplit("/", 1)[1] for one in objects} >= {"model.tar.gz", "manifest.json"}
    for one in objects:
        head: Any = s3.head_object(Bucket=bucket, Key=one["Key"])
        assert head["ObjectLockMode"] == "GOVERNANCE"
        assert head["ObjectLockRetainUntilDate"] - head["LastModified"] == timedelta(days=365)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"], BypassGovernanceRetention=True)
    with pytest.raises(VersionExists):
        production.publish("3")


def test_the_file_with_its_lock_carries_the_stacks_tags_and_the_providers(production: DeployedProgram) -> None:
    s3, bucket = boto3.client("s3"), production.outputs()["registry"]["bucket"]
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags.items() >= {**DEFAULT_TAGS, "environment": "prod", "cost-center": "ml-serving"}.items()
    assert tags["tidewatch:stack"] == "tidewatch/prod"
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 365}


def test_the_watch_on_the_data_runs_beside_a_locked_registry(production: DeployedProgram) -> None:
    function = production.outputs()["drift"]["function"]
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
