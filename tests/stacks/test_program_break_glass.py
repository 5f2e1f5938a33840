"""That break-glass is used is an alarm, whatever is done with it; what others do is none."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from rehearsal.aws import ACCOUNT, REGION
from rehearsal.aws.events import cloudtrail
from rehearsal.aws.identity import act_as
from rehearsal.aws.identity.policy_evaluation import Caller
from tests.rehearsal.aws.account import ANYTHING, TRUST
from tests.stacks.deployed_program import DeployedProgram


@pytest.fixture
def watched_canary(canary: DeployedProgram) -> DeployedProgram:
    """A stack that serves, a few quiet minutes later."""
    _minutes(canary, 3)
    assert _state() == "OK"
    return canary


def _minutes(stack: DeployedProgram, count: int) -> None:
    for _ in range(count):
        stack.clock.advance(60)


def _state() -> str:
    found = boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix="flights-break-glass")["MetricAlarms"]
    return found[0]["StateValue"]


def _bucket(stack: DeployedProgram) -> str:
    return stack.outputs()["registry"]["bucket"]


def _break_glass() -> str:
    return next(one["Arn"] for one in boto3.client("iam").list_roles()["Roles"] if "break-glass" in one["RoleName"])


def _rung(stack: DeployedProgram) -> bool:
    """Whether the alarm went off within minutes, and ended."""
    seen = set[str]()
    for _ in range(8):
        _minutes(stack, 1)
        seen.add(_state())
    assert _state() == "OK"
    return "ALARM" in seen


def test_to_take_the_role_is_told(watched_canary: DeployedProgram) -> None:
    boto3.client("sts").assume_role(RoleArn=_break_glass(), RoleSessionName="drill")
    assert _rung(watched_canary)


def test_to_switch_to_it_in_the_console_is_told(watched_canary: DeployedProgram) -> None:
    cloudtrail.record_role_switch(Caller(_break_glass(), "ada"), f"arn:aws:iam::{ACCOUNT}:user/ada", REGION)
    assert _rung(watched_canary)


def test_what_another_regions_endpoint_serves_is_heard_there_alone(watched_canary: DeployedProgram) -> None:
    """What a stack elsewhere must add is in docs/security.md: a rule of that region that forwards it."""
    sts = boto3.client("sts", region_name="eu-west-1")
    sts.assume_role(RoleArn=_break_glass(), RoleSessionName="drill")
    cloudtrail.record_role_switch(Caller(_break_glass(), "ada"), f"arn:aws:iam::{ACCOUNT}:user/ada", "eu-west-1")
    assert not _rung(watched_canary)


@pytest.mark.parametrize("denied", [False, True])
def test_what_is_changed_with_it_is_told_refused_or_not(watched_canary: DeployedProgram, denied: bool) -> None:
    s3, name = boto3.client("s3"), _bucket(watched_canary)
    policy = s3.get_bucket_policy(Bucket=name)["Policy"]
    with act_as(_break_glass()):
        if denied:
            with pytest.raises(Exception, match="AccessDenied"):
                s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": []})
        else:
            s3.put_bucket_policy(Bucket=name, Policy=policy)
    assert _rung(watched_canary)


def test_what_others_take_and_change_is_not(watched_canary: DeployedProgram) -> None:
    iam, name = boto3.client("iam"), _bucket(watched_canary)
    other: Any = iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    everything = json.dumps({"Version": "2012-10-17", "Statement": [ANYTHING]})
    iam.put_role_policy(RoleName="other", PolicyName="own", PolicyDocument=everything)
    boto3.client("sts").assume_role(RoleArn=other, RoleSessionName="me")
    cloudtrail.record_role_switch(Caller(other, "ada"), f"arn:aws:iam::{ACCOUNT}:user/ada", REGION)
    policy = boto3.client("s3").get_bucket_policy(Bucket=name)["Policy"]
    for who in (other, None):
        if who:
            with act_as(who):
                boto3.client("s3").put_bucket_policy(Bucket=name, Policy=policy)
        else:
            boto3.client("s3").put_bucket_policy(Bucket=name, Policy=policy)
    assert not _rung(watched_canary)
