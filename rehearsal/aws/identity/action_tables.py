"""The IAM actions and resources of operations, by service, for operations that need a single row.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service. An operation's row is
its resource, with the request's parameters in braces; `*` is an action without resources. The action has the
operation's name unless the row begins with another.
"""

from __future__ import annotations

from collections.abc import Mapping

ACTION_PREFIXES: Mapping[str, str] = {
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


def _map_operations(resource: str, *operations: str) -> dict[str, str]:
    return dict.fromkeys(operations, resource)


# Composite alarms need a permission for all resources (API reference, PutCompositeAlarm, DescribeAlarms,
# DescribeAlarmHistory: "scoped to *").
_CLOUDWATCH = {
    **_map_operations("*", "DescribeAlarms", "DescribeAlarmHistory", "PutCompositeAlarm"),
    **_map_operations("*", "GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData", "ListDashboards"),
    **_map_operations("alarm:{AlarmName}", "PutMetricAlarm", "SetAlarmState"),
    **_map_operations("alarm:{AlarmNames}", "DeleteAlarms", "EnableAlarmActions", "DisableAlarmActions"),
    **_map_operations("arn:aws:cloudwatch::{account}:dashboard/{DashboardName}", "GetDashboard", "PutDashboard"),
    "DeleteDashboards": "arn:aws:cloudwatch::{account}:dashboard/{DashboardNames}",
    **_map_operations("{ResourceARN}", "ListTagsForResource", "TagResource", "UntagResource"),
}
_DYNAMODB = {
    **_map_operations("table/{TableName}", "CreateTable", "DeleteTable", "DescribeTable", "UpdateTable"),
    **_map_operations("table/{TableName}", "DescribeContinuousBackups", "UpdateContinuousBackups"),
    **_map_operations("table/{TableName}", "DescribeTimeToLive", "UpdateTimeToLive"),
    **_map_operations("table/{TableName}", "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"),
    **_map_operations("{ResourceArn}", "ListTagsOfResource", "TagResource", "UntagResource"),
    **_map_operations("{ResourceArn}", "GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"),
    "ListTables": "*",
}
TRANSACTION_ACTIONS: Mapping[str, str] = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""A part of TransactWriteItems -> the action that it needs."""
_EVENTS = {
    **_map_operations("rule/{Name}", "PutRule", "DescribeRule", "DeleteRule", "EnableRule", "DisableRule"),
    **_map_operations("rule/{Rule}", "PutTargets", "RemoveTargets", "ListTargetsByRule"),
    **_map_operations("{ResourceARN}", "ListTagsForResource", "TagResource", "UntagResource"),
    "ListRules": "*",
}
_ROLE, _POLICY = "arn:aws:iam::{account}:role/{RoleName}", "arn:aws:iam::{account}:policy/{PolicyName}"
_IAM = {
    **_map_operations(_ROLE, "CreateRole", "GetRole", "DeleteRole", "UpdateRole", "UpdateAssumeRolePolicy", "TagRole"),
    **_map_operations(_ROLE, "UntagRole", "ListRoleTags", "ListInstanceProfilesForRole", "ListAttachedRolePolicies"),
    **_map_operations(
        _ROLE, "GetRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "ListRolePolicies", "UpdateRoleDescription"
    ),
    **_map_operations(_ROLE, "AttachRolePolicy", "DetachRolePolicy"),
    "CreatePolicy": _POLICY,
    **_map_operations(
        "{PolicyArn}", "GetPolicy", "DeletePolicy", "GetPolicyVersion", "ListPolicyVersions", "TagPolicy"
    ),
    **_map_operations("{PolicyArn}", "CreatePolicyVersion", "DeletePolicyVersion", "UntagPolicy", "ListPolicyTags"),
    "ListRoles": "*",
}
_LAMBDA_READS = ("GetFunction", "GetFunctionConfiguration", "GetPolicy", "GetFunctionEventInvokeConfig")
_LAMBDA = {
    **_map_operations(
        "function:{FunctionName}", *_LAMBDA_READS, "ListVersionsByFunction", "GetFunctionCodeSigningConfig"
    ),
    **_map_operations(
        "function:{FunctionName}", "CreateFunction", "DeleteFunction", "UpdateFunctionCode", "AddPermission"
    ),
    **_map_operations("function:{FunctionName}", "UpdateFunctionConfiguration", "RemovePermission"),
    **_map_operations("function:{FunctionName}", "PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"),
    **_map_operations("function:{FunctionName}", "UpdateFunctionEventInvokeConfig", "GetFunctionConcurrency"),
    "Invoke": "InvokeFunction on function:{FunctionName}",
    "PublishLayerVersion": "layer:{LayerName}",
    **_map_operations("layer:{LayerName}:{VersionNumber}", "GetLayerVersion", "DeleteLayerVersion"),
    **_map_operations("{Resource}", "TagResource", "UntagResource", "ListTags"),
    **_map_operations("*", "ListFunctions", "ListLayers", "ListLayerVersions"),
}
# Log groups end in :* in policies, except for tagging (CloudWatch Logs user guide, "Actions, resources, and condition
# keys": "Log group ARN formats").
_LOGS = {
    **_map_operations("log-group:{logGroupName}:log-stream:", "CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy"),
    **_map_operations("log-group:{logGroupName}:log-stream:", "DeleteRetentionPolicy", "FilterLogEvents"),
    **_map_operations(
        "log-group:{logGroupName}:log-stream:{logStreamName}", "CreateLogStream", "PutLogEvents", "GetLogEvents"
    ),
    **_map_operations("{resourceArn}", "ListTagsForResource", "TagResource", "UntagResource"),
    "DescribeLogGroups": "*",
}
_SAGEMAKER = {
    **_map_operations("model/{ModelName}", "CreateModel", "DescribeModel", "DeleteModel"),
    **_map_operations("endpoint-config/{EndpointConfigName}", "CreateEndpointConfig", "DescribeEndpointConfig"),
    "DeleteEndpointConfig": "endpoint-config/{EndpointConfigName}",
    **_map_operations(
        "endpoint/{EndpointName}", "CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint", "DescribeEndpoint"
    ),
    "UpdateEndpointWeightsAndCapacities": "endpoint/{EndpointName}",
    **_map_operations("{ResourceArn}", "ListTags", "AddTags", "DeleteTags"),
    **_map_operations("*", "ListEndpoints", "ListEndpointConfigs", "ListModels"),
}
_SNS = {
    "CreateTopic": "{Name}",
    **_map_operations("{TopicArn}", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "Subscribe", "Publish"),
    "ListSubscriptionsByTopic": "{TopicArn}",
    **_map_operations("{ResourceArn}", "ListTagsForResource", "TagResource", "UntagResource"),
    **_map_operations("*", "Unsubscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes", "ListTopics"),
}
_SQS = {
    **_map_operations("{QueueName}", "CreateQueue", "GetQueueUrl"),
    **_map_operations(
        "{QueueUrl}", "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes", "ListQueueTags", "TagQueue"
    ),
    **_map_operations("{QueueUrl}", "UntagQueue", "SendMessage", "ReceiveMessage", "DeleteMessage", "PurgeQueue"),
    "ListQueues": "*",
}
_SSM = {
    **_map_operations("parameter/{Name}", "GetParameter", "PutParameter", "DeleteParameter"),
    "GetParameters": "parameter/{Names}",
    **_map_operations("parameter/{ResourceId}", "ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource"),
    "DescribeParameters": "*",
}
_KMS = {
    **_map_operations("*", "CreateKey", "ListKeys", "ListAliases"),
    **_map_operations("{KeyId}", "DescribeKey", "EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus"),
    **_map_operations("{KeyId}", "GetKeyPolicy", "PutKeyPolicy", "ScheduleKeyDeletion", "CancelKeyDeletion"),
    **_map_operations("{KeyId}", "ListResourceTags", "TagResource", "UntagResource", "UpdateKeyDescription"),
    **_map_operations(
        "{KeyId}", "Encrypt", "Decrypt", "GenerateDataKey", "CreateGrant", "Sign", "Verify", "GetPublicKey"
    ),
}
_TARGET = "scalable-target/{ResourceId}"
_AUTOSCALING = {
    **_map_operations(
        _TARGET, "RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"
    ),
    **_map_operations(_TARGET, "PutScheduledAction", "DeleteScheduledAction"),
    **_map_operations("{ResourceARN}", "ListTagsForResource", "TagResource", "UntagResource"),
    **_map_operations("*", "DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"),
    "DescribeScalingActivities": "*",
}
_CHATBOT = {
    **_map_operations(
        "*", "CreateSlackChannelConfiguration", "DescribeSlackChannelConfigurations", "DescribeSlackWorkspaces"
    ),
    **_map_operations("{ChatConfigurationArn}", "UpdateSlackChannelConfiguration", "DeleteSlackChannelConfiguration"),
    **_map_operations("{ResourceARN}", "TagResource", "UntagResource"),
    "ListTagsForResource": "*",
}
OPERATION_RESOURCES: Mapping[str, Mapping[str, str]] = {
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
    "service-quotas": _map_operations("*", "ListServiceQuotas", "ListAWSDefaultServiceQuotas"),
    "sns": _SNS,
    "sqs": _SQS,
    "ssm": _SSM,
}
"""Service -> operation -> resource."""
TAG_ACTIONS: Mapping[tuple[str, str], tuple[str, str]] = {
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
"""Operations that tag the resources they create -> the parameter with the tags, and the action that allows it."""
PASSED_ROLES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("sagemaker", "CreateModel"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("chatbot", "CreateSlackChannelConfiguration"): ("IamRoleArn", "chatbot.amazonaws.com"),
    ("chatbot", "UpdateSlackChannelConfiguration"): ("IamRoleArn", "chatbot.amazonaws.com"),
}
"""Operations that pass a role -> the parameter with its ARN, and the service that receives it."""
