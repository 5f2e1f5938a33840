"""What the containers write: SageMaker's own log group is kept as long as the config says, with the stack's tags."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.stacks.deployed_program import DeployedProgram, changes
from tidewatch.aws.log_group import LogGroup


def _group(stack: DeployedProgram) -> dict[str, Any]:
    """The group as it is, with its tags; raises StopIteration where there is none."""
    logs, name = boto3.client("logs"), f"/aws/sagemaker/Endpoints/{stack.endpoint()['EndpointName']}"
    found = next(iter(logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]))
    tags = logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"]
    return {"name": name, "arn": found["arn"].removesuffix(":*"), "days": found.get("retentionInDays"), "tags": tags}


def test_the_group_is_kept_as_long_as_the_config_says_with_the_stacks_tags(canary: DeployedProgram):
    found = _group(canary)
    assert found["days"] == 30
    assert found["tags"]["tidewatch:stack"] == "tidewatch/rehearsal"
    summary = canary.set(logs={"retentionDays": 7}, tags={"team": "ml"}).up(preview=True)
    assert "flights-logs" in {step.name for step in summary.changed_steps if step.op == "update"}
    assert (_group(canary)["days"], _group(canary)["tags"]["team"]) == (7, "ml")
    assert changes(canary.up()) == set()
    canary.set(tags=None).up()
    assert "team" not in _group(canary)["tags"]


def test_what_was_done_to_it_by_hand_is_mended_after_a_refresh(canary: DeployedProgram):
    logs, before = boto3.client("logs"), _group(canary)
    logs.delete_retention_policy(logGroupName=before["name"])
    logs.untag_resource(resourceArn=before["arn"], tagKeys=["tidewatch:stack"])
    logs.tag_resource(resourceArn=before["arn"], tags={"by": "hand"})
    canary.up(refresh=True)
    assert _group(canary) == before
    logs.delete_log_group(logGroupName=before["name"])
    canary.up(refresh=True)
    assert _group(canary) == before


@pytest.mark.parametrize(("force", "stays"), [(True, False), (None, True)])
def test_it_outlives_the_stack_like_what_else_holds_data(canary: DeployedProgram, force: bool | None, stays: bool):
    canary.set(forceDestroy=force).up()
    name = _group(canary)["name"]
    canary.stack.destroy()
    left = boto3.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert bool(left) == stays


@pytest.mark.usefixtures("canary")
def test_a_group_that_sagemaker_made_first_is_taken_as_it_is():
    logs, name = boto3.client("logs"), "/aws/sagemaker/Endpoints/flights-1"
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{name}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=f"{name}0")
    wanted = LogGroup(name, arn, 14, {"team": "ml"})
    for _ in range(2):
        wanted.put(logs)
        assert LogGroup.read(logs, name, arn) == wanted
    with pytest.raises(ClientError, match="retentionInDays"):
        LogGroup(name, arn, 15, {}).put(logs)
    LogGroup.delete(logs, name)
    LogGroup.delete(logs, name)
    assert LogGroup.read(logs, name, arn) is None
