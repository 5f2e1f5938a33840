"""Edits that replace something, or touch roles, buckets, tables or models, carried out one after the other on a stack
that serves and is not protected: what the account holds afterwards.

For every other key `test_every_edit` shows by a preview that nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from rehearsal.aws import current_account
from rehearsal.aws.identity import act_as
from tests.stacks.deployed_program import DeployedProgram, changes, deployer
from tests.stacks.test_every_edit import EDITS, config_with

DATA = (
    "access.deployers",
    "registry.objectLockDays",
    "access.breakGlass",
    "access.captureReaders",
    "tags",
    "forceDestroy",
    "protect",
)
FLEET = ("endpoint.environment", "endpoint.capturePrefix", "vpc", "variants.<variant>.version", "autoscaling")
GUARDS = ("endpoint.instanceType", "rollback.automatic", "notify.escalation.to", "logs.retentionDays", "drift.enabled")


@dataclass(frozen=True)
class Holds:
    """What an account holds of a stack, each thing with all that must not change about it."""

    things: frozenset[str]

    @classmethod
    def of(cls, stack: DeployedProgram, models: set[str]) -> Holds:
        """models: those that were ever on the endpoint; the live ones are added."""
        found = stack.endpoint()
        config = boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
        models |= {one["ModelName"] for one in config["ProductionVariants"]}
        serving = {key: str(found[key]) for key in ("EndpointName", "CreationTime", "EndpointStatus")}
        fleet = f"endpoint {serving} {stack.weights()}"
        return cls(frozenset((fleet, *map(_model, models), *_objects(), *_tables(stack), *_guards())))

    def list_lost(self, after: Holds) -> list[str]:
        return sorted(self.things - after.things)


def _model(name: str) -> str:
    """A model with its role and what that may do."""
    iam = boto3.client("iam")
    model = boto3.client("sagemaker").describe_model(ModelName=name)
    role = model["ExecutionRoleArn"].rsplit("/", 1)[-1]
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    allowed = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    return f"model {name} {model['PrimaryContainer']} {role} {trust} {allowed}"


def _objects() -> Iterator[str]:
    s3 = boto3.client("s3")
    for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
        yield f"bucket {bucket}"
        for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            yield f"object {bucket}/{one['Key']} {one['ETag']}"
        for one in s3.list_object_versions(Bucket=bucket).get("Versions", ()):
            yield f"object {bucket}/{one['Key']} {one['VersionId']}"


def _tables(stack: DeployedProgram) -> Iterator[str]:
    """The tables; of the ledger also what is in it."""
    for name in boto3.client("dynamodb").list_tables()["TableNames"]:
        yield f"table {name}"
    for entry in stack.entries():
        yield f"entry {sorted(entry.items(), key=str)}"


def _guards() -> Iterator[str]:
    """The rollback function with what wakes it, the topics, and the alarm that stops deployments."""
    for one in boto3.client("lambda").list_functions()["Functions"]:
        if "-rollback-" in one["FunctionName"]:
            yield f"function {one['FunctionName']} {one['Role']}"
    for one in boto3.client("events").list_rules()["Rules"]:
        if "-state-" in one["Name"] or "-sweep-" in one["Name"]:
            yield f"rule {one['Name']} {boto3.client('events').list_targets_by_rule(Rule=one['Name'])['Targets']}"
    for one in boto3.client("sns").list_topics()["Topics"]:
        yield f"topic {one['TopicArn']}"
    for one in boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix="flights-abort")["MetricAlarms"]:
        yield f"alarm {one['AlarmName']} {one['Dimensions']}"


@pytest.mark.parametrize("keys", [DATA, FLEET, GUARDS], ids=["data", "fleet", "guards"])
def test_edits_that_are_carried_out_take_nothing_away(canary: DeployedProgram, keys: tuple[str, ...]):
    """The deployer's printed policy allows it, and nothing that it does not is needed."""
    models, who = set[str](), deployer()
    before = Holds.of(canary, models)
    assert len(before.things) > 30
    for key in keys:
        canary.config = config_with(canary, key, EDITS[key])
        with act_as(who):
            canary.up(preview=False)
        assert current_account().access_denials == [], key
        after = Holds.of(canary, models)
        assert before.list_lost(after) == [], key
        before = after
    assert changes(canary.up()) == set()


def test_what_is_lost_is_told(canary: DeployedProgram):
    """The check itself: it sees an object, a policy, a weight and an alarm that go."""
    before = Holds.of(canary, models := set[str]())
    iam, s3 = boto3.client("iam"), boto3.client("s3")
    role = next(one["RoleName"] for one in iam.list_roles()["Roles"] if "-serving-" in one["RoleName"])
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document: Any = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=_with_less(document))
    monitoring = canary.outputs()["buckets"]["monitoring"]
    for one in s3.list_objects_v2(Bucket=monitoring)["Contents"]:
        s3.delete_object(Bucket=monitoring, Key=one["Key"])
    canary.flip(blue=50, green=50)
    lost = {one.split()[0] for one in before.list_lost(Holds.of(canary, models))}
    assert {"object", "model", "endpoint"} <= lost


def _with_less(document: Any) -> str:
    return json.dumps({**document, "Statement": document["Statement"][1:]})
