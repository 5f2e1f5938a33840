"""A sound stack that is none of ours: a model served by plain AWS resources, as anybody would write it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.stack_state import AnalyzedResource

PREFIX = "urn:pulumi:dev::shop::"
TAGS = {"owner": "a@example.com", "model": "shop", "environment": "prod", "cost-center": "7"}
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton@sha256:" + "0" * 64
ARN = "arn:aws:"


def build_policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


DENY_PLAIN_HTTP = {
    "Effect": "Deny",
    "Action": "s3:*",
    "Resource": "*",
    "Principal": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
DENY_OVERWRITING = {
    "Effect": "Deny",
    "Action": ["s3:PutObject"],
    "Resource": "*",
    "Principal": {"AWS": "*"},
    "Condition": {"Null": {"s3:if-none-match": "true"}},
}
APPEND_ONLY = {
    "Effect": "Deny",
    "Action": ["dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"],
    "Resource": "*",
    "Principal": {"AWS": "*"},
}
KEY_POLICY = build_policy(
    {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
    }
)


@dataclass
class ForeignResource:
    """One resource of the program: by property the names of the resources that its value comes from."""

    type: str
    props: dict[str, Any]
    refers: dict[str, str] = field(default_factory=dict[str, str])
    protect: bool = False


class ForeignProgram:
    """The resources by name; a test edits them."""

    def __init__(self) -> None:
        self.resources = copy.deepcopy(RESOURCES)

    def edit(self, name: str, path: str, value: Any) -> None:
        """Sets a property such as dataCaptureConfig.enableCapture, or with a number an item of a list."""
        target: Any = self.resources[name].props
        *parents, last = path.split(".")
        for part in parents:
            target = target[int(part) if part.isdigit() else part]
        target[int(last) if last.isdigit() else last] = value

    def build(self) -> list[AnalyzedResource]:
        urns = {name: f"{PREFIX}{each.type}::{name}" for name, each in self.resources.items()}
        root = AnalyzedResource(f"{PREFIX}pulumi:pulumi:Stack::shop-dev", "pulumi:pulumi:Stack", {}, {})
        return [root, *self._build_resources(urns)]

    def _build_resources(self, urns: Mapping[str, str]) -> Iterator[AnalyzedResource]:
        for name, each in self.resources.items():
            yield AnalyzedResource(
                urns[name],
                each.type,
                each.props,
                each.props,
                protect=each.protect,
                property_dependencies={key: [urns[owner]] for key, owner in each.refers.items() if owner in urns},
            )


def _bucket(name: str, *statements: Mapping[str, Any]) -> dict[str, ForeignResource]:
    """A private, encrypted bucket that denies what `statements` say."""
    return {
        name: ForeignResource("aws:s3/bucket:Bucket", {"bucket": f"shop-{name}", "tags": dict(TAGS)}, protect=True),
        f"{name}-encryption": ForeignResource(
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            {
                "bucket": f"shop-{name}",
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "k"}}],
            },
        ),
        f"{name}-access": ForeignResource(
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            {
                "bucket": f"shop-{name}",
                "blockPublicAcls": True,
                "blockPublicPolicy": True,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            },
        ),
        f"{name}-policy": ForeignResource(
            "aws:s3/bucketPolicy:BucketPolicy",
            {"bucket": f"shop-{name}", "policy": build_policy(DENY_PLAIN_HTTP, *statements)},
        ),
    }


RESOURCES: dict[str, ForeignResource] = {
    **_bucket("registry", DENY_OVERWRITING),
    "registry-versions": ForeignResource(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"bucket": "shop-registry", "versioningConfiguration": {"status": "Enabled"}},
    ),
    "registry-lock": ForeignResource(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        {"bucket": "shop-registry", "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}},
    ),
    **_bucket("capture"),
    "capture-lifecycle": ForeignResource(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {"bucket": "shop-capture", "rules": [{"id": "old", "status": "Enabled", "expiration": {"days": 30}}]},
    ),
    "model": ForeignResource(
        "aws:sagemaker/model:Model",
        {
            "name": "shop-model",
            "enableNetworkIsolation": True,
            "primaryContainer": {"image": IMAGE, "modelDataUrl": "s3://shop-registry/models/shop/3/model.tar.gz"},
            "tags": dict(TAGS),
        },
    ),
    "configuration": ForeignResource(
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        {
            "name": "shop-configuration",
            "kmsKeyArn": f"{ARN}kms:us-east-1:123456789012:key/k",
            "productionVariants": [
                {
                    "variantName": "only",
                    "modelName": "shop-model",
                    "instanceType": "ml.p3.2xlarge",
                    "initialInstanceCount": 2,
                    "initialVariantWeight": 1,
                }
            ],
            "dataCaptureConfig": {
                "enableCapture": True,
                "initialSamplingPercentage": 100,
                "destinationS3Uri": "s3://shop-capture/here",
                "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
            },
            "tags": dict(TAGS),
        },
    ),
    "endpoint": ForeignResource(
        "aws:sagemaker/endpoint:Endpoint",
        {
            "name": "shop",
            "endpointConfigName": "shop-configuration",
            "deploymentConfig": {"autoRollbackConfiguration": {"alarms": [{"alarmName": "shop-errors"}]}},
            "tags": dict(TAGS),
        },
        protect=True,
    ),
    "errors": ForeignResource(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "name": "shop-errors",
            "alarmDescription": "See runbooks/errors.md.",
            "alarmActions": [f"{ARN}sns:us-east-1:123456789012:shop-pages"],
            "tags": dict(TAGS),
        },
        {"alarmActions": "pages"},
    ),
    "pages-key": ForeignResource(
        "aws:kms/key:Key",
        {
            "arn": f"{ARN}kms:us-east-1:123456789012:key/k",
            "enableKeyRotation": True,
            "policy": KEY_POLICY,
            "tags": dict(TAGS),
        },
    ),
    "pages": ForeignResource(
        "aws:sns/topic:Topic",
        {
            "name": "shop-pages",
            "arn": f"{ARN}sns:us-east-1:123456789012:shop-pages",
            "kmsMasterKeyId": f"{ARN}kms:us-east-1:123456789012:key/k",
            "tags": dict(TAGS),
        },
    ),
    "pages-policy": ForeignResource(
        "aws:sns/topicPolicy:TopicPolicy",
        {
            "arn": f"{ARN}sns:us-east-1:123456789012:shop-pages",
            "policy": build_policy(
                {
                    "Effect": "Allow",
                    "Action": "sns:Publish",
                    "Resource": "*",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                }
            ),
        },
    ),
    "dead-letters": ForeignResource(
        "aws:sqs/queue:Queue", {"name": "shop-dead-letters", "sqsManagedSseEnabled": True, "tags": dict(TAGS)}
    ),
    "log-group": ForeignResource(
        "aws:cloudwatch/logGroup:LogGroup", {"name": "/aws/lambda/shop", "retentionInDays": 30, "tags": dict(TAGS)}
    ),
    "function": ForeignResource(
        "aws:lambda/function:Function",
        {"name": "shop", "deadLetterConfig": {"targetArn": f"{ARN}sqs:us-east-1:123456789012:x"}, "tags": dict(TAGS)},
    ),
    "permission": ForeignResource(
        "aws:lambda/permission:Permission",
        {
            "function": "shop",
            "principal": "events.amazonaws.com",
            "sourceArn": f"{ARN}events:us-east-1:123456789012:rule/x",
        },
    ),
    "role-policy": ForeignResource(
        "aws:iam/rolePolicy:RolePolicy",
        {
            "policy": build_policy(
                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{ARN}s3:::shop-registry/*"},
                {"Effect": "Allow", "Action": "cloudwatch:GetMetricData", "Resource": "*"},
            )
        },
    ),
    "ledger": ForeignResource(
        "aws:dynamodb/table:Table",
        {
            "name": "shop-ledger",
            "arn": f"{ARN}dynamodb:us-east-1:123456789012:table/shop-ledger",
            "pointInTimeRecovery": {"enabled": True},
            "tags": dict(TAGS),
        },
        protect=True,
    ),
    "ledger-policy": ForeignResource(
        "aws:dynamodb/resourcePolicy:ResourcePolicy",
        {
            "resourceArn": f"{ARN}dynamodb:us-east-1:123456789012:table/shop-ledger",
            "policy": build_policy(APPEND_ONLY),
        },
    ),
}
