"""The IAM actions and resources of operations, service by service, where a line says it all.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service. An operation's line
is its resource, with the request's parameters in braces; `*` is an action without resources. The action is the
operation's own name unless the line begins with another.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIXES: Mapping[str, str] = {
    "application-autoscaling": "application-autoscaling",
    "chatbot": "chatbot",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "ecr": "ecr",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "pricing": "pricing",
    "resourcegroupstaggingapi": "tag",
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "service-quotas": "servicequotas",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
}
"""boto3's name of a service -> the prefix of its actions."""


def _each(resource: str, *operations: str) -> dict[str, str]:
    return dict.fromkeys(operations, resource)


# Composite alarms are put and described with leave for everything only (API reference, PutCompositeAlarm,
# DescribeAlarms, DescribeAlarmHistory: "scoped to *").
_CLOUDWATCH = {
    **_each("*", "DescribeAlarms", "DescribeAlarmHistory", "PutCompositeAlarm"),
    **_each("*", "GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData", "ListDashboards"),
    **_each("alarm:{AlarmName}", "PutMetricAlarm", "SetAlarmState"),
    **_each("alarm:{AlarmNames}", "DeleteAlarms", "EnableAlarmActions", "DisableAlarmActions"),
    **_each("arn:aws:cloudwatch::{account}:dashboard/{DashboardName}", "GetDashboard", "PutDashboard"),
    "DeleteDashboards": "arn:aws:cloudwatch::{account}:dashboard/{DashboardNames}",
    **_each("{ResourceARN}", "ListTagsForResource", "TagResource", "UntagResource"),
}
_DYNAMODB = {
    **_each("table/{TableName}", "CreateTable", "DeleteTable", "DescribeTable", "UpdateTable"),
    **_each("table/{TableName}", "DescribeContinuousBackups", "UpdateContinuousBackups"),
    **_each("table/{TableName}", "DescribeTimeToLive", "UpdateTimeToLive"),
    **_each("table/{TableName}", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"),
    **_each("{ResourceArn}", "ListTagsOfResource", "TagResource", "UntagResource"),
    **_each("{ResourceArn}", "GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"),
    "ListTables": "*",
}
TRANSACTED: Mapping[str, str] = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""A part of TransactWriteItems -> the action that it needs."""
_EVENTS = {
    **_each("rule/{Name}", "PutRule", "DescribeRule", "DeleteRule", "EnableRule", "DisableRule"),
    **_each("rule/{Rule}", "PutTargets", "RemoveTargets", "ListTargetsByRule"),
    **_each("{ResourceARN}", "ListTagsForResource", "TagResource", "UntagResource"),
    "ListRules": "*",
}
_ROLE, _POLICY = "arn:aws:iam::{account}:role/{RoleName}", "arn:aws:iam::{account}:policy/{PolicyName}"
_IAM = {
    **_each(_ROLE, "CreateRole", "GetRole", "DeleteRole", "UpdateRole", "UpdateAssumeRolePolicy", "TagRole"),
    **_each(_ROLE, "UntagRole", "ListRoleTags", "ListInstanceProfilesForRole", "ListAttachedRolePolicies"),
    **_each(_ROLE, "GetRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "ListRolePolicies", "UpdateRoleDescription"),
    **_each(_ROLE, "AttachRolePolicy", "DetachRolePolicy"),
    "CreatePolicy": _POLICY,
    **_each("{PolicyArn}", "GetPolicy", "DeletePolicy", "GetPolicyVersion", "ListPolicyVersions", "TagPolicy"),
    **_each("{PolicyArn}", "CreatePolicyVersion", "DeletePolicyVersion", "UntagPolicy", "ListPolicyTags"),
    "ListRoles": "*",
}
_LAMBDA_READS = ("GetFunction", "GetFunctionConfiguration", "GetPolicy", "GetFunctionEventInvokeConfig")
_LAMBDA = {
    **_each("function:{FunctionName}", *_LAMBDA_READS, "ListVersionsByFunction", "GetFunctionCodeSigningConfig"),
    **_each("function:{FunctionName}", "CreateFunction", "DeleteFunction", "UpdateFunctionCode", "AddPermission"),
    **_each("function:{FunctionName}", "UpdateFunctionConfiguration", "RemovePermission"),
    **_each("function:{FunctionName}", "PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"),
    **_each("function:{FunctionName}", "UpdateFunctionEventInvokeConfig", "GetFunctionConcurrency"),
    "Invoke": "InvokeFunction on function:{FunctionName}",
    "PublishLayerVersion": "layer:{LayerName}",
    **_each("layer:{LayerName}:{VersionNumber}", "GetLayerVersion", "DeleteLayerVersion"),
    **_each("{Resource}", "TagResource", "UntagResource", "ListTags"),
    **_each("*", "ListFunctions", "ListLayers", "ListLayerVersions"),
}
# Log groups end in :* in policies, but for tagging (CloudWatch Logs user guide, "Actions, resources, and condition
# keys": "Log group ARN formats").
_LOGS = {
    **_each("log-group:{logGroupName}:log-stream:", "CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy"),
    **_each("log-group:{logGroupName}:log-stream:", "DeleteRetentionPolicy", "FilterLogEvents"),
    **_each("log-group:{logGroupName}:log-stream:{logStreamName}", "CreateLogStream", "PutLogEvents", "GetLogEvents"),
    **_each("{resourceArn}", "ListTagsForResource", "TagResource", "UntagResource"),
    "DescribeLogGroups": "*",
}
_SAGEMAKER = {
    **_each("model/{ModelName}", "CreateModel", "DescribeModel", "DeleteModel"),
    **_each("endpoint-config/{EndpointConfigName}", "CreateEndpointConfig", "DescribeEndpointConfig"),
    "DeleteEndpointConfig": "endpoint-config/{EndpointConfigName}",
    **_each("endpoint/{EndpointName}", "CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint", "DescribeEndpoint"),
    "UpdateEndpointWeightsAndCapacities": "endpoint/{EndpointName}",
    **_each("{ResourceArn}", "ListTags", "AddTags", "DeleteTags"),
    **_each("*", "ListEndpoints", "ListEndpointConfigs", "ListModels"),
}
_SNS = {
    "CreateTopic": "{Name}",
    **_each("{TopicArn}", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "Subscribe", "Publish"),
    "ListSubscriptionsByTopic": "{TopicArn}",
    **_each("{ResourceArn}", "ListTagsForResource", "TagResource", "UntagResource"),
    **_each("*", "Unsubscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes", "ListTopics"),
}
_SQS = {
    **_each("{QueueName}", "CreateQueue", "GetQueueUrl"),
    **_each("{QueueUrl}", "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes", "ListQueueTags", "TagQueue"),
    **_each("{QueueUrl}", "UntagQueue", "SendMessage", "ReceiveMessage", "DeleteMessage", "PurgeQueue"),
    "ListQueues": "*",
}
_SSM = {
    **_each("parameter/{Name}", "GetParameter", "PutParameter", "DeleteParameter"),
    "GetParameters": "parameter/{Names}",
    **_each("parameter/{ResourceId}", "ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource"),
    "DescribeParameters": "*",
}
_KMS = {
    **_each("*", "CreateKey", "ListKeys", "ListAliases"),
    **_each("{KeyId}", "DescribeKey", "EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus"),
    **_each("{KeyId}", "GetKeyPolicy", "PutKeyPolicy", "ScheduleKeyDeletion", "CancelKeyDeletion"),
    **_each("{KeyId}", "ListResourceTags", "TagResource", "UntagResource", "UpdateKeyDescription"),
    **_each("{KeyId}", "Encrypt", "Decrypt", "GenerateDataKey", "CreateGrant", "Sign", "Verify", "GetPublicKey"),
}
_TARGET = "scalable-target/{ResourceId}"
_AUTOSCALING = {
    **_each(_TARGET, "RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"),
    **_each(_TARGET, "PutScheduledAction", "DeleteScheduledAction"),
    **_each("{ResourceARN}", "ListTagsForResource", "TagResource", "UntagResource"),
    **_each("*", "DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"),
    "DescribeScalingActivities": "*",
}
_CHATBOT = {
    **_each("*", "CreateSlackChannelConfiguration", "DescribeSlackChannelConfigurations", "DescribeSlackWorkspaces"),
    **_each("{ChatConfigurationArn}", "UpdateSlackChannelConfiguration", "DeleteSlackChannelConfiguration"),
    **_each("{ResourceARN}", "TagResource", "UntagResource"),
    "ListTagsForResource": "*",
}
LINES: Mapping[str, Mapping[str, str]] = {
    "application-autoscaling": _AUTOSCALING,
    "chatbot": _CHATBOT,
    "cloudwatch": _CLOUDWATCH,
    "dynamodb": _DYNAMODB,
    "ecr": {"DescribeImages": "repository/{repositoryName}"},
    "events": _EVENTS,
    "iam": _IAM,
    "kms": _KMS,
    "lambda": _LAMBDA,
    "logs": _LOGS,
    "pricing": {"GetProducts": "*"},
    "resourcegroupstaggingapi": {"GetResources": "*"},
    "sagemaker": _SAGEMAKER,
    "sagemaker-runtime": {"InvokeEndpoint": "endpoint/{EndpointName}"},
    "service-quotas": _each("*", "ListServiceQuotas", "ListAWSDefaultServiceQuotas"),
    "sns": _SNS,
    "sqs": _SQS,
    "ssm": _SSM,
}
"""Service -> operation -> resource."""
TAGGING: Mapping[tuple[str, str], tuple[str, str]] = {
    ("cloudwatch", "PutMetricAlarm"): ("Tags", "cloudwatch:TagResource"),
    ("cloudwatch", "PutCompositeAlarm"): ("Tags", "cloudwatch:TagResource"),
    ("dynamodb", "CreateTable"): ("Tags", "dynamodb:TagResource"),
    ("events", "PutRule"): ("Tags", "events:TagResource"),
    ("iam", "CreateRole"): ("Tags", "iam:TagRole"),
    ("iam", "CreatePolicy"): ("Tags", "iam:TagPolicy"),
    ("kms", "CreateKey"): ("Tags", "kms:TagResource"),
    ("lambda", "CreateFunction"): ("Tags", "lambda:TagResource"),
    ("logs", "CreateLogGroup"): ("tags", "logs:TagResource"),
    ("sagemaker", "CreateModel"): ("Tags", "sagemaker:AddTags"),
    ("sagemaker", "CreateEndpointConfig"): ("Tags", "sagemaker:AddTags"),
    ("sagemaker", "CreateEndpoint"): ("Tags", "sagemaker:AddTags"),
    ("sns", "CreateTopic"): ("Tags", "sns:TagResource"),
    ("sqs", "CreateQueue"): ("tags", "sqs:TagQueue"),
    ("ssm", "PutParameter"): ("Tags", "ssm:AddTagsToResource"),
    ("application-autoscaling", "RegisterScalableTarget"): ("Tags", "application-autoscaling:TagResource"),
    ("chatbot", "CreateSlackChannelConfiguration"): ("Tags", "chatbot:TagResource"),
}
"""Operations that put tags on what they make -> the parameter with the tags, and the action that allows it."""
PASSED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("sagemaker", "CreateModel"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("chatbot", "CreateSlackChannelConfiguration"): ("IamRoleArn", "chatbot.amazonaws.com"),
    ("chatbot", "UpdateSlackChannelConfiguration"): ("IamRoleArn", "chatbot.amazonaws.com"),
}
"""Operations that pass a role -> the parameter with its ARN, and the service that it is passed to."""
