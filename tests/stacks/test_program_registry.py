"""The registry of a stack that serves: found again, locked in place, and never replaced."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.engine import Summary
from tests.stacks.rehearsed import Rehearsed, changes

PARAMETER = "/tidewatch/tidewatch/rehearsal/registry"


def _lock(bucket: str) -> Any:
    try:
        return boto3.client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return None
        raise


def _told() -> str:
    return boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]


def _lost(summary: Summary) -> list[str]:
    return [step.urn for step in summary.changed if step.op.startswith(("delete", "replace"))]


@pytest.mark.on_a_copy
def test_a_lock_is_put_on_the_bucket_in_place_and_only_its_retention_ends(standing: Rehearsed):
    bucket = standing.outputs()["registry"]["bucket"]
    assert _lock(bucket) is None
    for days, rule in ((30, 30), (7, 7), (0, None)):
        summary = standing.set(registry={"objectLockDays": days}).up(preview=True)
        assert _lost(summary) == []
        assert standing.outputs()["registry"]["bucket"] == bucket
        lock = _lock(bucket)
        assert lock["ObjectLockEnabled"] == "Enabled"
        assert (lock.get("Rule") or {"DefaultRetention": {"Days": None}})["DefaultRetention"]["Days"] == rule
        assert changes(standing.up()) == set()
    assert changes(standing.set(registry=None).up()) == set()


@pytest.mark.on_a_copy
@pytest.mark.parametrize("options", [{}, {"preview": True}, {"refresh": True}])
def test_a_parameter_that_was_deleted_by_hand_is_written_again(standing: Rehearsed, options: dict[str, Any]):
    before = _told()
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    summary = standing.up(**options)
    assert _told() == before
    assert {step.name for step in summary.changed if step.op != "refresh"} == {"flights-registry"}
    assert changes(standing.up()) == set()


@pytest.mark.on_a_copy
def test_a_parameter_that_was_edited_by_hand_is_written_again(standing: Rehearsed):
    before = _told()
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=before + " ", Overwrite=True)
    standing.up()
    assert _told() == before


@pytest.mark.on_a_copy
@pytest.mark.parametrize("text", ["registry", "[]", '"registry"', '{"prefix": "models/flights/"}', '{"bucket": ["a"]}'])
def test_a_parameter_that_says_nothing_is_written_again(standing: Rehearsed, text: str):
    before = _told()
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=text, Overwrite=True)
    standing.up(preview=True)
    assert _told() == before
    assert changes(standing.up()) == set()


@pytest.mark.on_a_copy
def test_a_parameter_that_names_another_bucket_is_not_obeyed(standing: Rehearsed):
    before, s3 = _told(), boto3.client("s3")
    s3.create_bucket(Bucket="somebody-elses")
    for bucket in ("somebody-elses", "nobodys"):
        said = f'{{"bucket": "{bucket}", "prefix": "models/trains/"}}'
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value=said, Overwrite=True)
        summary = standing.up(preview=True)
        assert {step.name for step in summary.changed} == {"flights-registry"}
        assert _told() == before


@pytest.mark.on_a_copy
def test_without_its_parameter_a_model_that_lives_is_not_renamed_either(standing: Rehearsed):
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    standing.config["tidewatch:model"] = {**standing.config["tidewatch:model"], "name": "trains"}
    assert "This stack is that of flights" in standing.refusal()


@pytest.mark.on_a_copy
def test_a_bucket_that_outlived_its_stack_is_not_taken_for_the_living_one(standing: Rehearsed):
    standing.set(forceDestroy=None).up()
    left = standing.outputs()["registry"]["bucket"]
    standing.stack.destroy()
    standing.set(variants=None, rollbackTo=None)
    standing.config["tidewatch:model"] = {**standing.config["tidewatch:model"], "name": "trains"}
    standing.up(preview=True)
    living = standing.outputs()["registry"]["bucket"]
    assert living != left
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    standing.up(preview=True)
    assert f'"{living}"' in _told()


@pytest.mark.on_a_copy
def test_where_two_could_be_the_registry_it_asks_which(standing: Rehearsed):
    s3 = boto3.client("s3")
    tags = s3.get_bucket_tagging(Bucket=standing.outputs()["registry"]["bucket"])["TagSet"]
    s3.create_bucket(Bucket="another-registry")
    s3.put_bucket_tagging(Bucket="another-registry", Tagging={"TagSet": tags})
    assert changes(standing.up()) == set()
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    said = standing.refusal()
    assert "another-registry and flights-registry-" in said
    assert f"aws ssm put-parameter --type String --overwrite --name {PARAMETER}" in said
