"""Tags: whatever can carry them gets them, changes them in place and shows them in a refresh."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi import AssetArchive, StringAsset

from tests.rehearsal.engine.providers.conftest import Aws


def policy(**who_or_what: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **who_or_what}]})


TRUST = policy(Action="sts:AssumeRole", Principal={"Service": ["lambda.amazonaws.com", "chatbot.amazonaws.com"]})
ROLE = "arn:aws:iam::123456789012:role/function"
TAGGED: dict[str, dict[str, Any]] = {
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": {
        "configurationName": "on-call",
        "iamRoleArn": ROLE,
        "slackChannelId": "C07EZ1ABC23",
        "slackTeamId": "T07EA123LEP",
    },
    "aws:cloudwatch/eventRule:EventRule": {"scheduleExpression": "rate(1 minute)"},
    "aws:cloudwatch/logGroup:LogGroup": {},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "comparisonOperator": "GreaterThanThreshold",
        "evaluationPeriods": 1.0,
        "metricName": "m",
        "namespace": "n",
        "period": 60.0,
        "statistic": "Sum",
        "threshold": 1.0,
    },
    "aws:dynamodb/table:Table": {
        "attributes": [{"name": "k", "type": "S"}],
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": "k",
    },
    "aws:iam/policy:Policy": {"policy": policy(Action="s3:GetObject", Resource="*")},
    "aws:iam/role:Role": {"assumeRolePolicy": TRUST},
    "aws:kms/key:Key": {},
    "aws:lambda/function:Function": {
        "code": AssetArchive({"h.py": StringAsset("")}),
        "handler": "h.f",
        "role": ROLE,
        "runtime": "python3.12",
    },
    "aws:s3/bucket:Bucket": {},
    "aws:sns/topic:Topic": {},
    "aws:sqs/queue:Queue": {},
    "aws:ssm/parameter:Parameter": {"type": "String", "value": "x"},
}


@pytest.mark.parametrize("token", TAGGED)
def test_tags_are_given_changed_and_seen(aws: Aws, token: str) -> None:
    aws.create_resource("aws:iam/role:Role", name="function", assumeRolePolicy=TRUST)
    given = TAGGED[token]
    tagged = aws.create_resource(token, **given, tags={"stays": "1", "goes": "1"})
    assert tagged.read().outs["tags"] == {"stays": "1", "goes": "1"}
    assert tagged.update(**given, tags={"stays": "2", "new": "1"})["tagsAll"] == {"stays": "2", "new": "1"}
    assert tagged.read().outs["tags"] == {"stays": "2", "new": "1"}
    assert tagged.update(**given)["tagsAll"] == {}
    assert tagged.read().outs["tags"] == {}
