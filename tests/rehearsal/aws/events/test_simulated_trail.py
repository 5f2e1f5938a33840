"""What EventBridge gets of calls: roles that are taken and changes of buckets, by whom, and if they were refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.aws.account import ANYTHING, Account, from_events


@pytest.fixture
def trail_reader(account: Account) -> Any:
    """Reads the events that matched a rule for everything of CloudTrail."""
    events, sqs = account.client("events"), account.client("sqs")
    url = sqs.create_queue(QueueName="trail")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": from_events(arn)})
    pattern = json.dumps({"detail-type": ["AWS API Call via CloudTrail"]})
    events.put_rule(Name="trail", EventPattern=pattern)
    events.put_targets(Rule="trail", Targets=[{"Id": "trail", "Arn": arn}])

    def ask() -> list[dict[str, Any]]:
        account.clock.advance(1)
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"])["detail"] for one in found]

    return ask


def test_a_role_that_is_taken_is_named(account: Account, trail_reader: Any) -> None:
    role = account.role("glass")
    account.as_role(role, "s3")
    (told,) = trail_reader()
    assert (told["eventSource"], told["eventName"]) == ("sts.amazonaws.com", "AssumeRole")
    assert told["requestParameters"] == {"roleArn": role, "roleSessionName": "me"}


def test_a_change_of_a_bucket_names_who_made_it_and_reads_are_not_told(account: Account, trail_reader: Any) -> None:
    role = account.role("glass", ANYTHING)
    s3 = account.as_role(role, "s3")
    trail_reader()
    s3.create_bucket(Bucket="mine")
    s3.put_object(Bucket="mine", Key="k", Body=b"")
    s3.list_objects_v2(Bucket="mine")
    s3.delete_object(Bucket="mine", Key="k")
    (told,) = trail_reader()
    assert (told["eventName"], told["requestParameters"]) == ("CreateBucket", {"bucketName": "mine"})
    assert told["userIdentity"]["sessionContext"]["sessionIssuer"] == {"type": "Role", "arn": role}
    assert "errorCode" not in told


def test_what_was_refused_is_told_as_such(account: Account, trail_reader: Any) -> None:
    s3 = account.as_role(account.role("nobody"), "s3")
    trail_reader()
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.create_bucket(Bucket="mine")
    (told,) = trail_reader()
    assert told["errorCode"] == "AccessDenied"


@pytest.mark.usefixtures("trail_reader")
def test_a_rule_counts_what_it_matched(account: Account) -> None:
    """Source: EventBridge user guide, "EventBridge metrics", TriggeredRules."""
    begun = account.clock.now().replace(second=0, microsecond=0)
    account.as_role(account.role("glass"), "s3")
    account.clock.advance(1)
    account.clock.advance(180)
    (point,) = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName="TriggeredRules",
        Dimensions=[{"Name": "RuleName", "Value": "trail"}],
        StartTime=begun,
        EndTime=account.clock.now(),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 1
