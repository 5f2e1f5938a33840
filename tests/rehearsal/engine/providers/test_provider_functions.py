"""Functions with what belongs to them, queues, topics, rules and log groups."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from pulumi import Archive, AssetArchive, StringAsset

from rehearsal.engine.providers.archives import build_zip
from tests.rehearsal.engine.providers.conftest import Aws, Resource

FUNCTION = "aws:lambda/function:Function"


def archive(text: str = "def handler(event, context): return event\n") -> Archive:
    return AssetArchive({"handler.py": StringAsset(text)})


@pytest.fixture
def role(aws: Aws) -> Resource:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return aws.create_resource("aws:iam/role:Role", "function", assumeRolePolicy=policy)


@pytest.fixture
def queue(aws: Aws) -> Resource:
    return aws.create_resource("aws:sqs/queue:Queue", "dead", messageRetentionSeconds=1_209_600.0)


@pytest.fixture
def function_inputs(role: Resource, queue: Resource) -> dict[str, Any]:
    return {
        "role": role.outs["arn"],
        "runtime": "python3.12",
        "handler": "handler.handler",
        "architectures": ["arm64"],
        "timeout": 60.0,
        "memorySize": 512.0,
        "environment": {"variables": {"MODEL": "flights"}},
        "deadLetterConfig": {"targetArn": queue.outs["arn"]},
        "tracingConfig": {"mode": "Active"},
        "code": archive(),
    }


@pytest.fixture
def function(aws: Aws, function_inputs: dict[str, Any]) -> Resource:
    return aws.create_resource(FUNCTION, "rollback", **function_inputs)


def test_a_function_is_what_was_declared(aws: Aws, function: Resource) -> None:
    said = aws.client("lambda").get_function_configuration(FunctionName=function.id)
    assert (said["Timeout"], said["MemorySize"], said["Architectures"]) == (60, 512, ["arm64"])
    assert said["Environment"]["Variables"] == {"MODEL": "flights"}
    assert said["TracingConfig"]["Mode"] == "Active"
    digest = base64.b64encode(hashlib.sha256(build_zip(archive())).digest()).decode()
    assert function.outs["sourceCodeHash"] == digest == said["CodeSha256"]
    arn = function.outs["arn"]
    assert function.outs["qualifiedArn"] == f"{arn}:$LATEST"
    assert function.outs["invokeArn"].endswith(f"functions/{arn}/invocations")
    assert function.read().inputs is None


def test_code_and_environment_change_in_place(aws: Aws, function: Resource, function_inputs: dict[str, Any]) -> None:
    first = function.outs["codeSha256"]
    function_inputs["environment"] = {"variables": {"MODEL": "other"}}
    assert function.update(**function_inputs)["codeSha256"] == first
    function_inputs["code"] = archive("def handler(event, context): return 1\n")
    assert function.update(**function_inputs)["codeSha256"] != first
    said = aws.client("lambda").get_function_configuration(FunctionName=function.id)
    assert said["Environment"]["Variables"] == {"MODEL": "other"}
    assert function.replaced_by(**{**function_inputs, "name": "x"}) == ["name"]


def test_reserved_concurrency_is_set_and_lifted(aws: Aws, function: Resource, function_inputs: dict[str, Any]) -> None:
    function.update(**function_inputs, reservedConcurrentExecutions=1.0)
    said = aws.client("lambda").get_function(FunctionName=function.id)
    assert said["Concurrency"]["ReservedConcurrentExecutions"] == 1
    function.update(**function_inputs)
    assert "Concurrency" not in aws.client("lambda").get_function(FunctionName=function.id)


def test_a_function_without_code_is_refused(aws: Aws, function_inputs: dict[str, Any]) -> None:
    del function_inputs["code"]
    assert "must be specified" in aws.resource(FUNCTION).type.check({}, function_inputs).failures[0].reason


def test_a_function_may_be_gone_already(function: Resource) -> None:
    function.delete()
    assert not function.exists()
    function.delete()


def test_a_permission_cannot_change(aws: Aws, function: Resource) -> None:
    allowed = {
        "function": function.id,
        "action": "lambda:InvokeFunction",
        "principal": "lambda.alarms.cloudwatch.amazonaws.com",
        "sourceArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a",
    }
    permission = aws.create_resource("aws:lambda/permission:Permission", "alarm", **allowed)
    policy = json.loads(aws.client("lambda").get_policy(FunctionName=function.id)["Policy"])
    assert [s["Sid"] for s in policy["Statement"]] == [permission.id]
    assert permission.replaced_by(**{**allowed, "principal": "events.amazonaws.com"}) == ["principal"]
    permission.delete()
    assert not permission.exists()
    permission.delete()


def test_failures_of_asynchronous_calls_go_to_the_queue(aws: Aws, function: Resource, queue: Resource) -> None:
    destination = {"onFailure": {"destination": queue.outs["arn"]}}
    token = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    setting = aws.create_resource(
        token, functionName=function.id, destinationConfig=destination, maximumRetryAttempts=1.0
    )
    said = aws.client("lambda").get_function_event_invoke_config(FunctionName=function.id)
    assert said["DestinationConfig"]["OnFailure"]["Destination"] == queue.outs["arn"]
    assert said["MaximumRetryAttempts"] == 1
    setting.delete()
    assert not setting.exists()


def test_a_layer_is_a_new_version_each_time(aws: Aws) -> None:
    token = "aws:lambda/layerVersion:LayerVersion"
    layer = aws.create_resource(token, layerName="numbers", code=archive(), compatibleRuntimes=["python3.12"])
    assert layer.id == layer.outs["arn"] == f"{layer.outs['layerArn']}:1"
    assert layer.replaced_by(layerName="numbers", code=archive("x"), compatibleRuntimes=["python3.12"]) == ["code"]


def test_a_queue_changes_in_place(aws: Aws, queue: Resource) -> None:
    assert queue.id == queue.outs["url"]
    queue.update(messageRetentionSeconds=1_209_600.0, visibilityTimeoutSeconds=60.0, tags={"a": "b"})
    said = aws.client("sqs").get_queue_attributes(QueueUrl=queue.id, AttributeNames=["All"])["Attributes"]
    assert (said["VisibilityTimeout"], said["MessageRetentionPeriod"]) == ("60", "1209600")
    assert queue.replaced_by(fifoQueue=True, name="x.fifo") == ["fifoQueue", "name"]
    queue.delete()
    assert not queue.exists()
    queue.delete()


def test_a_queue_says_who_may_send(aws: Aws, queue: Resource) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.outs["arn"],
    }
    written = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policy = aws.create_resource("aws:sqs/queuePolicy:QueuePolicy", queueUrl=queue.id, policy=written)
    assert policy.read().inputs is None
    policy.delete()
    assert not policy.exists()


def test_a_topic_and_who_listens_to_it(aws: Aws, queue: Resource) -> None:
    topic = aws.create_resource("aws:sns/topic:Topic", "p1", displayName="P1")
    topic.update(displayName="Page", kmsMasterKeyId="alias/topics")
    said = aws.client("sns").get_topic_attributes(TopicArn=topic.id)["Attributes"]
    assert (said["DisplayName"], said["KmsMasterKeyId"]) == ("Page", "alias/topics")
    listening = {"topic": topic.id, "protocol": "sqs", "endpoint": queue.outs["arn"]}
    subscription = aws.create_resource(
        "aws:sns/topicSubscription:TopicSubscription", **listening, rawMessageDelivery=True
    )
    subscription.update(**listening, filterPolicy='{"severity": ["P1"]}')
    assert subscription.replaced_by(**{**listening, "endpoint": "arn:other"}) == ["endpoint"]
    policy = aws.create_resource(
        "aws:sns/topicPolicy:TopicPolicy", arn=topic.id, policy='{"Version": "2012-10-17", "Statement": []}'
    )
    policy.delete()
    subscription.delete()
    topic.delete()
    assert not subscription.exists()
    assert not topic.exists()


def test_a_rule_and_its_target(aws: Aws, queue: Resource) -> None:
    rule = aws.create_resource("aws:cloudwatch/eventRule:EventRule", "sweep", scheduleExpression="rate(1 minute)")
    token = "aws:cloudwatch/eventTarget:EventTarget"
    target = aws.create_resource(token, rule=rule.id, arn=queue.outs["arn"], input='{"action": "sweep"}')
    target.update(rule=rule.id, arn=queue.outs["arn"], input='{"action": "again"}')
    said = aws.client("events").list_targets_by_rule(Rule=rule.id)["Targets"]
    assert [t["Input"] for t in said] == ['{"action": "again"}']
    assert target.replaced_by(rule="other", arn=queue.outs["arn"]) == ["rule"]
    rule.update(scheduleExpression="rate(1 minute)", state="DISABLED")
    assert aws.client("events").describe_rule(Name=rule.id)["State"] == "DISABLED"
    target.delete()
    assert not target.exists()
    rule.delete()
    assert not rule.exists()


def test_a_log_group_keeps_what_it_is_told_to(aws: Aws) -> None:
    group = aws.create_resource("aws:cloudwatch/logGroup:LogGroup", name="/aws/lambda/rollback", retentionInDays=30.0)
    group.update(name="/aws/lambda/rollback", retentionInDays=7.0, tags={"a": "b"})
    said = aws.client("logs").describe_log_groups()["logGroups"]
    assert [(g["logGroupName"], g["retentionInDays"]) for g in said] == [("/aws/lambda/rollback", 7)]
    assert group.read().inputs is None
    group.delete()
    assert not group.exists()
