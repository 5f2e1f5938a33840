"""What services do by themselves: only where a resource's policy lets them, and with a role that trusts them.

Source: that of `rehearsal/aws/identity/service_principals.py` and `serving.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import current_account
from tests.rehearsal.aws.account import BODY, CAPTURE, LAYOUT, Account, scalable, variant
from tests.rehearsal.aws.alarm_history import QUEUE, TOPIC, mailbox, minutes, put_alarm, receive_messages

BUCKET, CAPTURED = "arn:aws:s3:::registry/*", "arn:aws:s3:::captured/*"
LOGS = {"Effect": "Allow", "Action": ["logs:*", "cloudwatch:PutMetricData"], "Resource": "*"}
FETCH = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": BUCKET}
PULL = {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}
KEEP = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": CAPTURED}
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton@sha256:" + "ab" * 32


def policy(action: str, resource: str, service: str, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]})


def trust(service: str, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]})


def of_alarms(account: Account, text: str) -> None:
    account.client("sns").set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=text)


@pytest.mark.parametrize(
    ("condition", "lets"),
    [
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/rule"}}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/other"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "210987654321"}}, False),
    ],
)
def test_a_rule_sends_to_a_queue_that_lets_it(account: Account, condition: dict[str, Any], lets: bool) -> None:
    mailbox(account)
    text = policy("sqs:SendMessage", QUEUE, "events.amazonaws.com", **condition)
    account.client("sqs").set_queue_attributes(QueueUrl="inbox", Attributes={"Policy": text})
    account.client("events").put_rule(Name="rule", ScheduleExpression="rate(1 minute)")
    account.client("events").put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": QUEUE}])
    account.clock.advance(1)
    account.clock.advance(120)
    assert bool(receive_messages(account)) is lets
    assert bool(current_account().access_denials) is not lets


@pytest.mark.parametrize(
    ("permission", "lets"),
    [
        ({}, True),
        ({"SourceArn": "arn:aws:events:us-east-1:123456789012:rule/rule"}, True),
        ({"SourceArn": "arn:aws:events:us-east-1:123456789012:rule/other"}, False),
        ({"SourceAccount": "123456789012"}, False),
        (None, False),
    ],
)
def test_a_rule_calls_a_function_that_lets_it(account: Account, permission: dict[str, str] | None, lets: bool) -> None:
    """Of the source's account a rule does not tell: a permission that asks for it lets nobody in."""
    arn = account.function("note", "def handler(event, context):\n    pass\n")
    if permission is not None:
        account.client("lambda").add_permission(
            FunctionName="note", StatementId="events", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com", **permission,
        )  # fmt: skip
    account.client("events").put_rule(Name="rule", ScheduleExpression="rate(1 minute)")
    account.client("events").put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": arn}])
    account.clock.advance(1)
    account.clock.advance(60)
    account.control.wait_for_functions()
    assert bool(current_account().access_denials) is not lets


@pytest.mark.parametrize(("service", "told"), [("cloudwatch.amazonaws.com", 1), ("events.amazonaws.com", 0)])
def test_an_alarm_publishes_to_a_topic_that_lets_it(account: Account, service: str, told: int) -> None:
    mailbox(account)
    of_alarms(account, policy("sns:Publish", TOPIC, service, StringEquals={"aws:SourceAccount": "123456789012"}))
    put_alarm(account, AlarmActions=[TOPIC])
    minutes(account, [5])
    assert len(receive_messages(account)) == told


@pytest.mark.parametrize(("service", "told"), [("cloudwatch.amazonaws.com", 1), ("sns.amazonaws.com", 0)])
def test_an_alarm_publishes_to_a_sealed_topic_whose_key_lets_it(account: Account, service: str, told: int) -> None:
    mailbox(account)
    text = policy("kms:*", "*", service)
    key = account.client("kms").create_key(Policy=text, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    account.client("sns").set_topic_attributes(TopicArn=TOPIC, AttributeName="KmsMasterKeyId", AttributeValue=key)
    put_alarm(account, AlarmActions=[TOPIC])
    minutes(account, [5])
    assert len(receive_messages(account)) == told


def test_a_service_takes_a_role_that_trusts_it(account: Account) -> None:
    role = account.role("other", LOGS, trust=trust("ec2.amazonaws.com"))
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        account.function("note", "def handler(event, context):\n    pass\n", Role=role)
    with pytest.raises(ClientError, match=r"allows principal 'sagemaker.amazonaws.com' to assume the role"):
        account.sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    mine = trust("sagemaker.amazonaws.com", StringEquals={"aws:SourceAccount": "123456789012"})
    account.client("iam").update_assume_role_policy(RoleName="other", PolicyDocument=mine)
    account.sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})


def _served_by(account: Account, *statements: Mapping[str, Any], **fields: Any) -> str:
    """The status of an endpoint whose model has a role of these statements."""
    role = account.role("serves", *statements)
    account.model("one", LAYOUT)
    found = account.sagemaker.describe_model(ModelName="one")["PrimaryContainer"]
    account.sagemaker.create_model(ModelName="two", ExecutionRoleArn=role, PrimaryContainer={**found, "Image": IMAGE})
    account.config("first", variant("blue", model="two"), **fields)
    account.sagemaker.create_endpoint(EndpointName="flights", EndpointConfigName="first")
    account.clock.advance(300)
    return account.endpoint()["EndpointStatus"]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ((LOGS, FETCH, PULL), ""),
        ((LOGS, PULL), "Could not access model data"),
        ((LOGS, FETCH), "does not grant ecr:GetDownloadUrlForLayer"),
    ],
)
def test_hosts_start_a_model_with_its_role_alone(
    account: Account, statements: tuple[Mapping[str, Any], ...], said: str
) -> None:
    assert _served_by(account, *statements) == ("Failed" if said else "InService")
    assert said in account.endpoint().get("FailureReason", "")
    assert current_account().access_denials == []


def test_a_role_that_may_not_write_logs_serves_and_is_noted(account: Account) -> None:
    assert _served_by(account, FETCH, PULL) == "InService"
    assert "logs:CreateLogGroup" in current_account().access_denials[0]


@pytest.mark.parametrize(("statements", "written"), [((KEEP,), 1), ((), 0)])
def test_captured_records_are_written_with_the_models_role(
    account: Account, statements: tuple[Mapping[str, Any], ...], written: int
) -> None:
    account.client("s3").create_bucket(Bucket="captured")
    assert _served_by(account, LOGS, FETCH, PULL, *statements, DataCaptureConfig=CAPTURE) == "InService"
    account.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="flights", ContentType="application/json", Body=BODY
    )
    account.clock.advance(600)
    assert account.client("s3").list_objects_v2(Bucket="captured")["KeyCount"] == written
    assert bool(current_account().access_denials) is not bool(written)


def test_what_is_scaled_of_an_endpoint_that_is_deleted_is_deregistered(endpoint: Account) -> None:
    scaling = endpoint.client("application-autoscaling")
    scaling.register_scalable_target(**scalable("blue"), MinCapacity=1, MaxCapacity=4)
    delete = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    person = endpoint.as_role(endpoint.role("person", delete), "sagemaker")
    with pytest.raises(ClientError, match="application-autoscaling:DeregisterScalableTarget"):
        person.delete_endpoint(EndpointName="flights")
    endpoint.sagemaker.delete_endpoint(EndpointName="flights")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


@pytest.mark.parametrize("service", ["sns", "sqs", "iam"])
def test_a_policy_with_a_condition_that_is_not_evaluated_is_refused_where_it_is_put(
    account: Account, service: str
) -> None:
    text = policy("sns:Publish", "*", "events.amazonaws.com", DateLessThan={"aws:CurrentTime": "2027-01-01T00:00:00Z"})
    calls = {
        "sns": lambda: account.client("sns").create_topic(Name="t", Attributes={"Policy": text}),
        "sqs": lambda: account.client("sqs").create_queue(QueueName="q", Attributes={"Policy": text}),
        "iam": lambda: account.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=text),
    }
    with pytest.raises(ClientError, match="does not evaluate DateLessThan"):
        calls[service]()
