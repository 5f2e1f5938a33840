"""IAM actions that the real AWS provider needs for each resource type, beyond those of the rehearsal's providers.

The rehearsal's providers make the calls that a resource's arguments need. The real one reads more to fill its state,
and changes tags, including `aws:defaultTags`, in separate calls for every type that can carry tags. Source:
hashicorp/terraform-provider-aws, the file named in each row (Create, Read, Update and Delete functions, finders and
waiters); pulumi-aws bridges them unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rehearsal.permissions.grants import STACK_TAG, Grant

_ARN = "arn:{partition}:"
_REGION_ACCOUNT = "{region}:{account}:"


@dataclass(frozen=True)
class TypePermissions:
    """The permissions of a Pulumi resource type."""

    source: str
    """The provider's source file with the calls."""
    resource: str
    """The ARN pattern of the resource."""
    reads: tuple[str, ...]
    """Actions of a refresh."""
    writes: tuple[str, ...] = ()
    """Further actions of a deployment."""
    condition: Mapping[str, Mapping[str, str]] | None = None


def _build_regional_arn(service: str, resource: str) -> str:
    return f"{_ARN}{service}:{_REGION_ACCOUNT}{resource}"


_BUCKET, _ROLE = f"{_ARN}s3:::{{bucket}}-*", f"{_ARN}iam::{{account}}:role/{{stem}}-*"
_FUNCTION, _ALARM = (
    _build_regional_arn("lambda", "function:{stem}-*"),
    _build_regional_arn("cloudwatch", "alarm:{stem}-*"),
)
_TAGS = ("TagResource", "UntagResource")

TYPE_PERMISSIONS: Mapping[str, TypePermissions] = {
    "aws.appautoscaling.Target": TypePermissions(
        "internal/service/appautoscaling/target.go",
        _build_regional_arn("application-autoscaling", "scalable-target/*"),
        ("application-autoscaling:ListTagsForResource",),
        tuple(f"application-autoscaling:{tag}" for tag in _TAGS),
    ),
    "aws.chatbot.SlackChannelConfiguration": TypePermissions(
        "internal/service/chatbot/slack_channel_configuration.go",
        f"{_ARN}chatbot::{{account}}:chat-configuration/slack-channel/{{stem}}-*",
        (),
        ("chatbot:UntagResource", "chatbot:UpdateSlackChannelConfiguration"),
    ),
    "aws.cloudwatch.CompositeAlarm": TypePermissions(
        "internal/service/cloudwatch/composite_alarm.go",
        _ALARM,
        ("cloudwatch:ListTagsForResource",),
        tuple(f"cloudwatch:{tag}" for tag in _TAGS),
    ),
    "aws.cloudwatch.EventRule": TypePermissions(
        "internal/service/events/rule.go",
        _build_regional_arn("events", "rule/{stem}-*"),
        ("events:DescribeRule", "events:ListTagsForResource"),
        tuple(f"events:{tag}" for tag in _TAGS),
    ),
    "aws.cloudwatch.LogGroup": TypePermissions(
        "internal/service/logs/group.go",
        _build_regional_arn("logs", "log-group:{stem}-*"),
        ("logs:ListTagsForResource",),
        ("logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"),
    ),
    "aws.cloudwatch.MetricAlarm": TypePermissions(
        "internal/service/cloudwatch/metric_alarm.go",
        _ALARM,
        ("cloudwatch:ListTagsForResource",),
        tuple(f"cloudwatch:{tag}" for tag in _TAGS),
    ),
    "aws.dynamodb.Table": TypePermissions(
        "internal/service/dynamodb/table.go",
        _build_regional_arn("dynamodb", "table/{stem}-*"),
        ("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"),
        ("dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"),
    ),
    "aws.iam.Role": TypePermissions(
        "internal/service/iam/role.go",
        _ROLE,
        (
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:ListRolePolicies",
        ),
        ("iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"),
    ),
    "aws.kms.Key": TypePermissions(
        "internal/service/kms/key.go",
        _build_regional_arn("kms", "key/*"),
        ("kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"),
        ("kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"),
        STACK_TAG,
    ),
    "aws.lambda.Function": TypePermissions(
        "internal/service/lambda/function.go",
        _FUNCTION,
        ("lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"),
        (
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ),
    ),
    "aws.s3.Bucket": TypePermissions(
        "internal/service/s3/bucket.go",
        _BUCKET,
        (
            "s3:GetAccelerateConfiguration",
            "s3:GetBucketAcl",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketPolicy",
            "s3:GetBucketRequestPayment",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetBucketWebsite",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListTagsForResource",
        ),
        ("s3:PutBucketTagging", "s3:TagResource", "s3:UntagResource"),
    ),
    "aws.s3.BucketObjectLockConfiguration": TypePermissions(
        "internal/service/s3/bucket_object_lock_configuration.go",
        f"{_ARN}s3:::{{bucket}}-registry-*",
        (),
        ("s3:PutBucketObjectLockConfiguration",),
    ),
    "aws.s3.BucketObjectv2": TypePermissions(
        "internal/service/s3/object.go",
        f"{_ARN}s3:::{{bucket}}-monitoring-*/deployments/*",
        ("s3:GetObjectTagging",),
        ("s3:DeleteObjectTagging", "s3:PutObjectTagging"),
    ),
    "aws.sagemaker.Endpoint": TypePermissions(
        "internal/service/sagemaker/endpoint.go",
        _build_regional_arn("sagemaker", "endpoint/{stem}-{own}-*"),
        ("sagemaker:ListTags",),
        ("sagemaker:AddTags", "sagemaker:DeleteTags"),
    ),
    "aws.sagemaker.EndpointConfiguration": TypePermissions(
        "internal/service/sagemaker/endpoint_configuration.go",
        _build_regional_arn("sagemaker", "endpoint-config/{stem}-cfg-*"),
        ("sagemaker:ListTags",),
        ("sagemaker:AddTags", "sagemaker:DeleteTags"),
    ),
    "aws.sagemaker.Model": TypePermissions(
        "internal/service/sagemaker/model.go",
        _build_regional_arn("sagemaker", "model/{stem}-model-*"),
        ("sagemaker:ListTags",),
        ("sagemaker:AddTags", "sagemaker:DeleteTags"),
    ),
    "aws.sns.Topic": TypePermissions(
        "internal/service/sns/topic.go",
        _build_regional_arn("sns", "{stem}-*"),
        ("sns:GetTopicAttributes", "sns:ListTagsForResource"),
        tuple(f"sns:{tag}" for tag in _TAGS),
    ),
    "aws.sns.TopicSubscription": TypePermissions(
        "internal/service/sns/topic_subscription.go", "*", (), ("sns:SetSubscriptionAttributes",)
    ),
    "aws.sqs.Queue": TypePermissions(
        "internal/service/sqs/queue.go",
        _build_regional_arn("sqs", "{stem}-*"),
        ("sqs:GetQueueAttributes", "sqs:ListQueueTags"),
        ("sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"),
    ),
    "dynamic.EndpointLogs": TypePermissions(
        "components/sagemaker/logs.py",
        _build_regional_arn("logs", "log-group:/aws/sagemaker/Endpoints/{stem}-{own}-*"),
        (),
        ("logs:TagResource", "logs:UntagResource"),
    ),
    "dynamic.RegistryParameter": TypePermissions(
        "components/registry_parameter.py",
        _build_regional_arn("ssm", "parameter/tidewatch/{project}/{stack}/*"),
        ("ssm:GetParameter",),
        ("ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"),
    ),
}
"""Resource type -> its row. A preview with `--refresh` makes the reads, an `up` all calls."""
NO_EXTRA_ACTIONS = frozenset(
    {
        "aws.appautoscaling.Policy",
        "aws.cloudwatch.Dashboard",
        "aws.cloudwatch.EventTarget",
        "aws.dynamodb.ResourcePolicy",
        "aws.iam.RolePolicy",
        "aws.lambda.FunctionEventInvokeConfig",
        "aws.lambda.LayerVersion",
        "aws.lambda.Permission",
        "aws.s3.BucketLifecycleConfiguration",
        "aws.s3.BucketLogging",
        "aws.s3.BucketOwnershipControls",
        "aws.s3.BucketPolicy",
        "aws.s3.BucketPublicAccessBlock",
        "aws.s3.BucketServerSideEncryptionConfiguration",
        "aws.s3.BucketVersioning",
        "aws.sns.TopicPolicy",
        "aws.sqs.QueuePolicy",
        "dynamic.EndpointDeployment",
        "dynamic.EndpointEnd",
        "dynamic.Gate",
        "dynamic.VariantCapacity",
        "dynamic.VariantWeights",
    }
)
"""Types that carry no tags and for which the real provider makes the same calls as the rehearsal's.

Pulumi's dynamic resources are the program's own code; the recorded lifecycle makes their calls.
"""


def list_grants(role: str) -> Iterator[Grant]:
    """The grants that the provider needs for `preview` or for `deployer`."""
    for type_, permissions in TYPE_PERMISSIONS.items():
        for action in (*permissions.reads, *(permissions.writes if role == "deployer" else ())):
            yield Grant(action, permissions.resource, permissions.condition, f"{type_}: {permissions.source}")
