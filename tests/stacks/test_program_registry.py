"""The registry of a stack that serves: found again, locked in place, and never replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.engine import DeploymentStep, DeploymentSummary, OperationFailed
from tests.aws_clients import make_client
from tests.stacks.deployed_program import DESCRIPTION, DeployedProgram, changes
from tidewatch.registry import mark_left_behind
from tidewatch.registry.location import LEFT_BEHIND_TAG

PARAMETER = "/tidewatch/tidewatch/rehearsal/registry"


def _lock(bucket: str) -> Any:
    try:
        return boto3.client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return None
        raise


def _read_parameter() -> str:
    return boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]


def _list_lost(summary: DeploymentSummary) -> list[str]:
    return [step.urn for step in summary.changed_steps if step.op.startswith(("delete", "replace"))]


def test_a_lock_is_put_on_the_bucket_in_place_and_only_its_retention_ends(canary: DeployedProgram):
    bucket = canary.outputs()["registry"]["bucket"]
    assert _lock(bucket) is None
    for days, rule in ((30, 30), (7, 7), (0, None)):
        summary = canary.set(registry={"objectLockDays": days}).up(preview=True)
        assert _list_lost(summary) == []
        assert canary.outputs()["registry"]["bucket"] == bucket
        lock = _lock(bucket)
        assert lock["ObjectLockEnabled"] == "Enabled"
        assert (lock.get("Rule") or {"DefaultRetention": {"Days": None}})["DefaultRetention"]["Days"] == rule
        assert changes(canary.up()) == set()
    assert changes(canary.set(registry=None).up()) == set()


@pytest.mark.parametrize("options", [{}, {"preview": True}, {"refresh": True}])
def test_a_parameter_that_was_deleted_by_hand_is_written_again(canary: DeployedProgram, options: dict[str, Any]):
    before = _read_parameter()
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    summary = canary.up(**options)
    assert _read_parameter() == before
    assert {step.name for step in summary.changed_steps if step.op != "refresh"} == {"flights-registry"}
    assert changes(canary.up()) == set()


def test_a_parameter_that_was_edited_by_hand_is_written_again(canary: DeployedProgram):
    before = _read_parameter()
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=before + " ", Overwrite=True)
    canary.up()
    assert _read_parameter() == before


@pytest.mark.parametrize("text", ["registry", "[]", '"registry"', '{"prefix": "models/flights/"}', '{"bucket": ["a"]}'])
def test_a_parameter_that_says_nothing_is_written_again(canary: DeployedProgram, text: str):
    before = _read_parameter()
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=text, Overwrite=True)
    canary.up(preview=True)
    assert _read_parameter() == before
    assert changes(canary.up()) == set()


def test_a_parameter_that_names_another_bucket_is_not_obeyed(canary: DeployedProgram):
    before, s3 = _read_parameter(), boto3.client("s3")
    s3.create_bucket(Bucket="somebody-elses")
    for bucket in ("somebody-elses", "nobodys"):
        said = f'{{"bucket": "{bucket}", "prefix": "models/trains/"}}'
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value=said, Overwrite=True)
        summary = canary.up(preview=True)
        assert {step.name for step in summary.changed_steps} == {"flights-registry"}
        assert _read_parameter() == before


def test_versions_of_a_bucket_that_only_carries_the_stacks_tags_are_refused(canary: DeployedProgram):
    before, own, s3 = _read_parameter(), canary.outputs()["registry"]["bucket"], boto3.client("s3")
    s3.create_bucket(Bucket="lookalike")
    s3.put_bucket_tagging(Bucket="lookalike", Tagging={"TagSet": s3.get_bucket_tagging(Bucket=own)["TagSet"]})
    for one in s3.list_objects_v2(Bucket=own)["Contents"]:
        body = s3.get_object(Bucket=own, Key=one["Key"])["Body"].read()
        s3.put_object(Bucket="lookalike", Key=one["Key"], Body=body)
    said = boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"].replace(own, "lookalike")
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=said, Overwrite=True)
    refusal = canary.refusal()
    assert "read from the bucket lookalike" in refusal
    assert f"the registry of this stack is {own}" in refusal
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=said.replace("lookalike", own), Overwrite=True)
    assert changes(canary.up()) == set()
    assert _read_parameter() == before


def test_without_its_parameter_a_model_that_lives_is_not_renamed_either(canary: DeployedProgram):
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    canary.config["tidewatch:model"] = {**canary.config["tidewatch:model"], "name": "trains"}
    assert "This stack is that of flights" in canary.refusal()


def test_a_bucket_that_outlived_its_stack_is_not_taken_for_the_living_one(canary: DeployedProgram):
    canary.set(forceDestroy=None).up()
    left = canary.outputs()["registry"]["bucket"]
    canary.stack.destroy()
    canary.set(variants=None, rollbackTo=None)
    canary.config["tidewatch:model"] = {**canary.config["tidewatch:model"], "name": "trains"}
    canary.up(preview=True)
    living = canary.outputs()["registry"]["bucket"]
    assert living != left
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    canary.up(preview=True)
    assert f'"{living}"' in _read_parameter()


def test_where_two_could_be_the_registry_it_asks_which(canary: DeployedProgram):
    s3 = boto3.client("s3")
    tags = s3.get_bucket_tagging(Bucket=canary.outputs()["registry"]["bucket"])["TagSet"]
    s3.create_bucket(Bucket="another-registry")
    s3.put_bucket_tagging(Bucket="another-registry", Tagging={"TagSet": tags})
    assert changes(canary.up()) == set()
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    said = canary.refusal()
    assert "another-registry and flights-registry-" in said
    assert _obey(said.replace("BUCKET", "another-registry")) == ["put-parameter"]
    assert _read_parameter() == '{"bucket": "another-registry", "prefix": "models/flights/"}'


def test_a_bucket_that_lost_its_tags_gets_them_again_and_keeps_its_others(canary: DeployedProgram):
    bucket, before = canary.outputs()["registry"]["bucket"], _tags(canary)
    own = {key: value for key, value in before.items() if key != "tidewatch:stack"} | {"cost-centre": "a + b"}
    _tag(bucket, own)
    said = canary.refusal()
    assert (
        f"names the bucket {bucket} as the registry of this stack. The bucket exists, but lacks the stack's tags"
        in said
    )
    assert _obey(said) == ["put-bucket-tagging"]
    assert _tags(canary) == before | own
    assert changes(canary.up()) == set()


def test_after_a_replacement_that_was_killed_the_parameter_is_written_by_the_command_of_the_refusal(
    canary: DeployedProgram,
):
    before = _read_parameter()
    _kill_between(canary)
    said = canary.refusal()
    assert f"marked as left behind: {canary.outputs()['registry']['bucket']}" in said
    assert "deleted" not in said
    assert _obey(said) == ["put-parameter"]
    assert _read_parameter() == before
    canary.up(preview=True)
    assert LEFT_BEHIND_TAG not in _tags(canary)
    assert changes(canary.up()) == set()


@pytest.mark.parametrize("bucket", ["a; touch b", "Registry", ""])
def test_what_no_bucket_is_called_is_in_no_command(canary: DeployedProgram, bucket: str):
    _kill_between(canary)
    value = json.dumps({"bucket": bucket, "prefix": "models/flights/"})
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=value, Type="String")
    said = canary.refusal()
    assert f"the parameter {PARAMETER} names none" in said
    assert value not in said


def test_a_bucket_that_was_deleted_by_hand_is_made_again_beside_an_endpoint_that_serves(canary: DeployedProgram):
    bucket, before, s3 = canary.outputs()["registry"]["bucket"], canary.endpoint(), boto3.client("s3")
    _delete(bucket)
    said = canary.refusal()
    assert f"the bucket {bucket}, is gone" in said
    assert "Leave tidewatch:variants in the config" in said
    assert _obey(said) == ["create-bucket", "put-bucket-tagging"]
    assert "is not in the registry" in canary.refusal()
    _publish_again(canary)
    summary = canary.up(refresh=True)
    assert [step.urn for step in summary.changed_steps if _ends(step)] == []
    _serves_on(canary, before)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert "NeverDelete" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    assert changes(canary.up()) == set()


def test_a_registry_that_a_refresh_took_out_of_the_state_gets_another_bucket(canary: DeployedProgram):
    bucket, before = canary.outputs()["registry"]["bucket"], canary.endpoint()
    _delete(bucket)
    with pytest.raises(OperationFailed) as refused:
        canary.up(refresh=True)
    assert _obey(str(refused.value)) == ["create-bucket", "put-bucket-tagging"]
    _publish_again(canary)
    canary.up(refresh=True)
    _serves_on(canary, before)
    assert canary.outputs()["registry"]["bucket"] != bucket
    assert "is not in the registry" in canary.refusal()
    _publish_again(canary)
    canary.up(preview=True)
    _serves_on(canary, before)
    assert changes(canary.up()) == set()


def _obey(said: str) -> list[str]:
    """Does what the commands in a refusal do; which they are."""
    done: list[str] = []
    for command, rest in re.findall(r"aws \S+ (\S+)((?: --[a-z-]+(?: (?:'[^']*'|[^\s'-][^\s']*))?)+)", said):
        given = {
            key: value.strip("'.") for key, value in re.findall(r" --([a-z-]+)(?: ('[^']*'|[^\s'-][^\s']*))?", rest)
        }
        assert given["region"] == "us-east-1"
        if command == "create-bucket":
            boto3.client("s3").create_bucket(Bucket=given["bucket"])
        elif command == "put-bucket-tagging":
            boto3.client("s3").put_bucket_tagging(Bucket=given["bucket"], Tagging=json.loads(given["tagging"]))
        elif "BUCKET" in given["value"]:
            continue
        else:
            boto3.client("ssm").put_parameter(Name=given["name"], Value=given["value"], Type="String", Overwrite=True)
        done.append(command)
    return done


def _kill_between(stack: DeployedProgram) -> None:
    """As an `up` leaves it that replaces the parameter, and is killed once the old one is deleted."""
    mark_left_behind(boto3.client("s3"), stack.outputs()["registry"]["bucket"])
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    stack.stack.refresh()


def _tags(stack: DeployedProgram) -> dict[str, str]:
    found = boto3.client("s3").get_bucket_tagging(Bucket=stack.outputs()["registry"]["bucket"])
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def _tag(bucket: str, tags: Mapping[str, str]) -> None:
    listed = {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
    make_client("s3").put_bucket_tagging(Bucket=bucket, Tagging=listed)


def _publish_again(stack: DeployedProgram) -> None:
    for version in ("1", "2"):
        stack.registry.publish(version, stack.folder / f"{version}.tar.gz", DESCRIPTION)


def _serves_on(stack: DeployedProgram, before: Mapping[str, Any]) -> None:
    after = stack.endpoint()
    assert all(after[key] == before[key] for key in ("EndpointName", "CreationTime", "EndpointStatus"))
    assert stack.weights() == {"blue": 0.95, "green": 0.05}


def _ends(step: DeploymentStep) -> bool:
    """Whether it takes away something of which AWS had more than the bucket's own settings."""
    return step.op.startswith(("delete", "replace")) and not step.type.startswith("aws:s3/bucket")


def _delete(bucket: str) -> None:
    s3 = boto3.client("s3")
    s3.delete_bucket_policy(Bucket=bucket)
    found = s3.list_object_versions(Bucket=bucket)
    for one in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=bucket)
