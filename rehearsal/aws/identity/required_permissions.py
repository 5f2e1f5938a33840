"""The permissions of each call: the rows of the tables, and those that depend on several parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rehearsal.aws.autoscaling import scalable_targets
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity import resource_lookup
from rehearsal.aws.identity.action_tables import (
    ACTION_PREFIXES,
    OPERATION_RESOURCES,
    PASSED_ROLES,
    TAG_ACTIONS,
    TRANSACTION_ACTIONS,
)
from rehearsal.aws.identity.permission import ALL_RESOURCES, ApiCall, RequiredPermission, UnknownOperation

_PARAMETER = re.compile(r"\{(\w+)\}")


def list_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    """All permissions that the caller needs, the operation's own first. Raises UnknownOperation."""
    if call.service == "sts":
        return  # GetCallerIdentity needs no permission; the assumed role's trust policy decides on AssumeRole
    special = _OPERATION_PERMISSIONS.get((call.service, call.operation))
    yield from special(call) if special else _list_operation_permissions(call)
    yield from _list_tag_permissions(call)
    yield from _list_pass_role_permissions(call)
    more = _ADDITIONAL_PERMISSIONS.get((call.service, call.operation))
    if more:
        yield from more(call)


def _list_operation_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    template = OPERATION_RESOURCES.get(call.service, {}).get(call.operation)
    if template is None:
        raise UnknownOperation(f"The simulator does not know what {call.service} {call.operation} needs of IAM.")
    action, _, resource = template.rpartition(" on ")
    keys = _CONDITION_KEYS.get((call.service, call.operation), _build_no_keys)(call)
    for arn in _fill_resources(call, resource):
        yield RequiredPermission(
            f"{ACTION_PREFIXES[call.service]}:{action or call.operation}",
            arn,
            {**keys, **resource_lookup.read_tag_keys(arn)},
        )


def _fill_resources(call: ApiCall, template: str) -> Iterator[str]:
    if template == ALL_RESOURCES:
        yield template
        return
    list_parameter = next(
        (name for name in _PARAMETER.findall(template) if isinstance(call.params.get(name), list | tuple)), None
    )
    for item in call.params[list_parameter] if list_parameter else ("",):
        values = {**call.params, "account": ACCOUNT, **({list_parameter: item} if list_parameter else {})}
        filled = _PARAMETER.sub(lambda found, values=values: str(values.get(found[1], "*")), template)
        yield resource_lookup.resolve_arn(call, filled)


def _list_tag_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    parameter, action = TAG_ACTIONS.get((call.service, call.operation), ("", ""))
    tags = _parse_tags(call.params.get(parameter)) if parameter else {}
    if tags:
        for arn in _list_tagged_resources(call):
            yield RequiredPermission(
                action, arn, {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
            )


def _list_tagged_resources(call: ApiCall) -> Iterator[str]:
    if (call.service, call.operation) == ("cloudwatch", "PutCompositeAlarm"):
        yield call.build_arn(f"alarm:{call.params['AlarmName']}")
    elif call.service == "logs":
        yield call.build_arn(f"log-group:{call.params['logGroupName']}")
    else:
        yield from _fill_resources(call, OPERATION_RESOURCES[call.service][call.operation])


def _parse_tags(raw: Any) -> dict[str, str]:
    if isinstance(raw, Mapping):
        return {str(key): str(value) for key, value in raw.items()}
    names = (("Key", "Value"), ("TagKey", "TagValue"))
    return {str(tag[k]): str(tag[v]) for tag in raw or () for k, v in names if k in tag}


def _list_pass_role_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    parameter, service = PASSED_ROLES.get((call.service, call.operation), ("", ""))
    role = call.params.get(parameter) if parameter else None
    if role:
        yield RequiredPermission("iam:PassRole", str(role), {"iam:passedtoservice": service})


def _build_no_keys(call: ApiCall) -> dict[str, str]:
    del call
    return {}


def _build_subscription_keys(call: ApiCall) -> dict[str, str]:
    return {"sns:protocol": str(call.params.get("Protocol")), "sns:endpoint": str(call.params.get("Endpoint"))}


def _build_scaling_keys(call: ApiCall) -> dict[str, str]:
    prefix = "application-autoscaling"
    return {
        f"{prefix}:service-namespace": str(call.params.get("ServiceNamespace")),
        f"{prefix}:scalable-dimension": str(call.params.get("ScalableDimension")),
    }


def _build_request_tag_keys(call: ApiCall) -> dict[str, str]:
    tags = _parse_tags(call.params.get("Tags"))
    return {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}


def _build_leading_keys(call: ApiCall) -> dict[str, str]:
    """The partition keys of the requested items."""
    return _build_leading_keys_of_table(call.region, str(call.params.get("TableName")), call.params)


def _build_leading_keys_of_table(region: str, table: str, request: Mapping[str, Any]) -> dict[str, str]:
    """The partition key of one request, or of one part of a transaction or a batch.

    `ForAllValues` holds for an absent key, so a request that names items must have it. Source: DynamoDB developer
    guide, "Using IAM policy conditions for fine-grained access control".
    """
    key = resource_lookup.find_partition_key(region, table)
    item = request.get("Key") or request.get("Item") or _parse_key_condition(request, key)
    value = item.get(key) if isinstance(item, Mapping) else None
    return {"dynamodb:leadingkeys": str(next(iter(value.values())))} if value else {}


def _parse_key_condition(request: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The partition key in a Query's condition, which must use `=`."""
    names: Mapping[str, str] = request.get("ExpressionAttributeNames") or {}
    for name, value in re.findall(r"([#\w]+)\s*=\s*(:\w+)", str(request.get("KeyConditionExpression") or "")):
        if names.get(name, name) == key:
            return {key: (request.get("ExpressionAttributeValues") or {}).get(value)}
    return {}


_CONDITION_KEYS: Mapping[tuple[str, str], Callable[[ApiCall], Mapping[str, str]]] = {
    ("sns", "Subscribe"): _build_subscription_keys,
    ("kms", "CreateKey"): _build_request_tag_keys,
    ("iam", "AttachRolePolicy"): lambda call: {"iam:policyarn": str(call.params.get("PolicyArn"))},
    ("iam", "DetachRolePolicy"): lambda call: {"iam:policyarn": str(call.params.get("PolicyArn"))},
    ("lambda", "AddPermission"): lambda call: {"lambda:principal": str(call.params.get("Principal"))},
    ("cloudwatch", "PutMetricData"): lambda call: {"cloudwatch:namespace": str(call.params.get("Namespace"))},
    **{
        ("dynamodb", operation): _build_leading_keys
        for operation in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query")
    },
    ("application-autoscaling", "RegisterScalableTarget"): _build_scaling_keys,
    ("application-autoscaling", "DeregisterScalableTarget"): _build_scaling_keys,
    ("application-autoscaling", "PutScalingPolicy"): _build_scaling_keys,
    ("application-autoscaling", "DeleteScalingPolicy"): _build_scaling_keys,
}
"""The condition keys of an operation, from its parameters."""


def _list_put_events_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    for entry in call.params.get("Entries") or ():
        bus = str(entry.get("EventBusName") or "default")
        keys = {"events:source": str(entry.get("Source")), "events:detail-type": str(entry.get("DetailType"))}
        yield RequiredPermission(
            "events:PutEvents", bus if bus.startswith("arn:") else call.build_arn(f"event-bus/{bus}"), keys
        )


def _list_transaction_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    for item in call.params.get("TransactItems") or ():
        for kind, write in item.items():
            table = str(write.get("TableName", ""))
            keys = _build_leading_keys_of_table(call.region, table, write)
            yield RequiredPermission(
                f"dynamodb:{TRANSACTION_ACTIONS.get(kind, kind)}",
                resource_lookup.resolve_arn(call, f"table/{table}"),
                keys,
            )


def _list_batch_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    for table, request in (call.params.get("RequestItems") or {}).items():
        for part in _split_batch(request):
            keys = _build_leading_keys_of_table(call.region, table, part)
            yield RequiredPermission(
                f"dynamodb:{call.operation}", resource_lookup.resolve_arn(call, f"table/{table}"), keys
            )


def _split_batch(request: Any) -> Iterator[Mapping[str, Any]]:
    """The parts of a batch for one table: keys to read, or puts and deletes."""
    if isinstance(request, Mapping):
        yield from ({"Key": key} for key in request.get("Keys") or ())
    else:
        yield from (part for write in request for part in write.values())


_OPERATION_PERMISSIONS: Mapping[tuple[str, str], Callable[[ApiCall], Iterable[RequiredPermission]]] = {
    ("events", "PutEvents"): _list_put_events_permissions,
    ("dynamodb", "TransactWriteItems"): _list_transaction_permissions,
    ("dynamodb", "BatchWriteItem"): _list_batch_permissions,
    ("dynamodb", "BatchGetItem"): _list_batch_permissions,
}
"""Operations whose own actions depend on their content."""


def _list_endpoint_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    """CreateEndpoint and UpdateEndpoint: the configuration, and a grant on its volume key for SageMaker.

    Source: SageMaker developer guide, "Amazon SageMaker AI API Permissions": kms:CreateGrant "required only if the
    associated EndPointConfig has a KmsKeyId specified".
    """
    name = str(call.params["EndpointConfigName"])
    yield RequiredPermission(f"sagemaker:{call.operation}", call.build_arn(f"endpoint-config/{name}"))
    key = resource_lookup.find_volume_key(call.region, name)
    if key:
        keys = {"kms:grantisforawsresource": "true", "kms:viaservice": f"sagemaker.{call.region}.amazonaws.com"}
        for action in ("kms:CreateGrant", "kms:DescribeKey"):
            yield RequiredPermission(action, key, {**keys, **resource_lookup.read_tag_keys(key)})


def _list_deregister_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    """DeleteEndpoint: the deregistration of its scalable targets.

    Source: SageMaker developer guide, "Delete endpoints configured for auto scaling".
    """
    for target in resource_lookup.list_scalable_targets(call.region, str(call.params["EndpointName"])):
        keys = {
            "application-autoscaling:service-namespace": "sagemaker",
            "application-autoscaling:scalable-dimension": scalable_targets.DIMENSION,
        }
        yield RequiredPermission("application-autoscaling:DeregisterScalableTarget", target, keys)


def _list_layer_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    for layer in call.params.get("Layers") or ():
        yield RequiredPermission("lambda:GetLayerVersion", str(layer))


def _list_scaling_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    """The permissions on SageMaker and CloudWatch that Application Auto Scaling checks before it does anything.

    It creates the alarms of a target tracking policy for the caller. Source: its user guide, "Permissions validation
    for Application Auto Scaling API calls on target resources", "Identity-based policy examples";
    AWSApplicationAutoscalingSageMakerEndpointPolicy for the names of the alarms; AmazonSageMakerCanvasFullAccess for
    aws:CalledViaLast.
    """
    target = str(call.params.get("ResourceId", ""))
    for action in ("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"):
        yield RequiredPermission(f"sagemaker:{action}", call.build_arn(f"endpoint/{target.split('/')[1]}", "sagemaker"))
    yield RequiredPermission("cloudwatch:DescribeAlarms", ALL_RESOURCES)
    via = {"aws:calledvialast": "application-autoscaling.amazonaws.com"}
    for action in ("PutMetricAlarm", "DeleteAlarms"):
        yield RequiredPermission(
            f"cloudwatch:{action}", call.build_arn(f"alarm:TargetTracking-{target}", "cloudwatch"), via
        )


def _list_topic_key_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    key = resource_lookup.find_topic_key(str(call.params.get("TopicArn") or ""))
    if key:
        keys = {"kms:viaservice": f"sns.{call.region}.amazonaws.com", **resource_lookup.read_tag_keys(key)}
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            yield RequiredPermission(action, key, keys)


def _list_parameter_key_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    key = resource_lookup.find_parameter_key(call.region, str(call.params.get("Name") or ""))
    if key and call.params.get("WithDecryption"):
        yield RequiredPermission("kms:Decrypt", key, {"kms:viaservice": f"ssm.{call.region}.amazonaws.com"})


_ADDITIONAL_PERMISSIONS: Mapping[tuple[str, str], Callable[[ApiCall], Iterable[RequiredPermission]]] = {
    ("sagemaker", "CreateEndpoint"): _list_endpoint_permissions,
    ("sagemaker", "UpdateEndpoint"): _list_endpoint_permissions,
    ("sagemaker", "DeleteEndpoint"): _list_deregister_permissions,
    ("lambda", "CreateFunction"): _list_layer_permissions,
    ("lambda", "UpdateFunctionConfiguration"): _list_layer_permissions,
    ("application-autoscaling", "RegisterScalableTarget"): _list_scaling_permissions,
    ("application-autoscaling", "PutScalingPolicy"): _list_scaling_permissions,
    ("application-autoscaling", "DeleteScalingPolicy"): _list_scaling_permissions,
    ("sns", "Publish"): _list_topic_key_permissions,
    ("ssm", "GetParameter"): _list_parameter_key_permissions,
}
"""Permissions of an operation on other services or resources, in addition to its own action."""
