"""What each call needs: the tables' lines filled in, and what depends on more than one parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from simulator.aws import scaling
from simulator.aws.identity import facts
from simulator.aws.identity.need import EVERYTHING, Call, Need, NoRule
from simulator.aws.identity.tables import LINES, PASSED, PREFIXES, TAGGING, TRANSACTED
from simulator.aws.world import ACCOUNT

_PARAMETER = re.compile(r"\{(\w+)\}")


def needs(call: Call) -> Iterator[Need]:
    """Everything that the caller must be allowed, the operation itself first. Raises NoRule."""
    if call.service == "sts":
        return  # GetCallerIdentity needs no permission; AssumeRole is the trusted role's to allow
    special = _SPECIAL.get((call.service, call.operation))
    yield from special(call) if special else _own(call)
    yield from _tagging(call)
    yield from _passing(call)
    more = _MORE.get((call.service, call.operation))
    if more:
        yield from more(call)


def _own(call: Call) -> Iterator[Need]:
    line = LINES.get(call.service, {}).get(call.operation)
    if line is None:
        raise NoRule(f"The simulator does not know what {call.service} {call.operation} needs of IAM.")
    action, _, resource = line.rpartition(" on ")
    keys = _KEYS.get((call.service, call.operation), _nothing)(call)
    for one in _resources(call, resource):
        yield Need(f"{PREFIXES[call.service]}:{action or call.operation}", one, {**keys, **facts.tag_keys(one)})


def _resources(call: Call, line: str) -> Iterator[str]:
    if line == EVERYTHING:
        yield line
        return
    many = next((name for name in _PARAMETER.findall(line) if isinstance(call.params.get(name), list | tuple)), None)
    for item in call.params[many] if many else ("",):
        given = {**call.params, "account": ACCOUNT, **({many: item} if many else {})}
        filled = _PARAMETER.sub(lambda found, given=given: str(given.get(found[1], "*")), line)
        yield facts.resolved(call, filled)


def _tagging(call: Call) -> Iterator[Need]:
    parameter, action = TAGGING.get((call.service, call.operation), ("", ""))
    tags = _tags(call.params.get(parameter)) if parameter else {}
    if tags:
        for one in _tagged(call):
            yield Need(action, one, {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()})


def _tagged(call: Call) -> Iterator[str]:
    if (call.service, call.operation) == ("cloudwatch", "PutCompositeAlarm"):
        yield call.arn(f"alarm:{call.params['AlarmName']}")
    elif call.service == "logs":
        yield call.arn(f"log-group:{call.params['logGroupName']}")
    else:
        yield from _resources(call, LINES[call.service][call.operation])


def _tags(given: Any) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    names = (("Key", "Value"), ("TagKey", "TagValue"))
    return {str(tag[k]): str(tag[v]) for tag in given or () for k, v in names if k in tag}


def _passing(call: Call) -> Iterator[Need]:
    parameter, service = PASSED.get((call.service, call.operation), ("", ""))
    role = call.params.get(parameter) if parameter else None
    if role:
        yield Need("iam:PassRole", str(role), {"iam:passedtoservice": service})


def _nothing(call: Call) -> dict[str, str]:
    del call
    return {}


def _subscribed(call: Call) -> dict[str, str]:
    return {"sns:protocol": str(call.params.get("Protocol")), "sns:endpoint": str(call.params.get("Endpoint"))}


def _scaled(call: Call) -> dict[str, str]:
    prefix = "application-autoscaling"
    return {
        f"{prefix}:service-namespace": str(call.params.get("ServiceNamespace")),
        f"{prefix}:scalable-dimension": str(call.params.get("ScalableDimension")),
    }


def _new_key(call: Call) -> dict[str, str]:
    tags = _tags(call.params.get("Tags"))
    return {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}


def _leading(call: Call) -> dict[str, str]:
    """The partition key of the one item, or of those that are asked for."""
    return _leading_of(call.region, str(call.params.get("TableName")), call.params)


def _leading_of(region: str, table: str, asked: Mapping[str, Any]) -> dict[str, str]:
    """The partition key of one request, or of one part of a transaction or a batch.

    Where the key is absent, `ForAllValues` holds: a request that names items must not come without it. Source: DynamoDB
    developer guide, "Using IAM policy conditions for fine-grained access control".
    """
    key = facts.partition_key(region, table)
    held = asked.get("Key") or asked.get("Item") or _queried(asked, key)
    value = held.get(key) if isinstance(held, Mapping) else None
    return {"dynamodb:leadingkeys": str(next(iter(value.values())))} if value else {}


def _queried(asked: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The partition key that a Query's condition names, which has to be by `=`."""
    names: Mapping[str, str] = asked.get("ExpressionAttributeNames") or {}
    for name, value in re.findall(r"([#\w]+)\s*=\s*(:\w+)", str(asked.get("KeyConditionExpression") or "")):
        if names.get(name, name) == key:
            return {key: (asked.get("ExpressionAttributeValues") or {}).get(value)}
    return {}


_KEYS: Mapping[tuple[str, str], Callable[[Call], Mapping[str, str]]] = {
    ("sns", "Subscribe"): _subscribed,
    ("kms", "CreateKey"): _new_key,
    ("iam", "AttachRolePolicy"): lambda call: {"iam:policyarn": str(call.params.get("PolicyArn"))},
    ("iam", "DetachRolePolicy"): lambda call: {"iam:policyarn": str(call.params.get("PolicyArn"))},
    ("lambda", "AddPermission"): lambda call: {"lambda:principal": str(call.params.get("Principal"))},
    ("cloudwatch", "PutMetricData"): lambda call: {"cloudwatch:namespace": str(call.params.get("Namespace"))},
    **{("dynamodb", operation): _leading for operation in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query")},
    ("application-autoscaling", "RegisterScalableTarget"): _scaled,
    ("application-autoscaling", "DeregisterScalableTarget"): _scaled,
    ("application-autoscaling", "PutScalingPolicy"): _scaled,
    ("application-autoscaling", "DeleteScalingPolicy"): _scaled,
}
"""The condition keys of an operation, from its parameters."""


def _put_events(call: Call) -> Iterator[Need]:
    for entry in call.params.get("Entries") or ():
        bus = str(entry.get("EventBusName") or "default")
        keys = {"events:source": str(entry.get("Source")), "events:detail-type": str(entry.get("DetailType"))}
        yield Need("events:PutEvents", bus if bus.startswith("arn:") else call.arn(f"event-bus/{bus}"), keys)


def _transaction(call: Call) -> Iterator[Need]:
    for item in call.params.get("TransactItems") or ():
        for kind, write in item.items():
            table = str(write.get("TableName", ""))
            keys = _leading_of(call.region, table, write)
            yield Need(f"dynamodb:{TRANSACTED.get(kind, kind)}", facts.resolved(call, f"table/{table}"), keys)


def _batch(call: Call) -> Iterator[Need]:
    for table, asked in (call.params.get("RequestItems") or {}).items():
        for part in _parts(asked):
            keys = _leading_of(call.region, table, part)
            yield Need(f"dynamodb:{call.operation}", facts.resolved(call, f"table/{table}"), keys)


def _parts(asked: Any) -> Iterator[Mapping[str, Any]]:
    """What a batch asks of one table, item by item: keys to read, or puts and deletes."""
    if isinstance(asked, Mapping):
        yield from ({"Key": key} for key in asked.get("Keys") or ())
    else:
        yield from (part for one in asked for part in one.values())


_SPECIAL: Mapping[tuple[str, str], Callable[[Call], Iterable[Need]]] = {
    ("events", "PutEvents"): _put_events,
    ("dynamodb", "TransactWriteItems"): _transaction,
    ("dynamodb", "BatchWriteItem"): _batch,
    ("dynamodb", "BatchGetItem"): _batch,
}
"""Operations whose own actions depend on what is in them."""


def _fleet(call: Call) -> Iterator[Need]:
    """CreateEndpoint and UpdateEndpoint name a configuration too, whose volume key SageMaker takes a grant on for the
    caller. Source: SageMaker developer guide, "Amazon SageMaker AI API Permissions": kms:CreateGrant "required only if
    the associated EndPointConfig has a KmsKeyId specified"."""
    name = str(call.params["EndpointConfigName"])
    yield Need(f"sagemaker:{call.operation}", call.arn(f"endpoint-config/{name}"))
    key = facts.volume_key(call.region, name)
    if key:
        keys = {"kms:grantisforawsresource": "true", "kms:viaservice": f"sagemaker.{call.region}.amazonaws.com"}
        for action in ("kms:CreateGrant", "kms:DescribeKey"):
            yield Need(action, key, {**keys, **facts.tag_keys(key)})


def _unscaled(call: Call) -> Iterator[Need]:
    """Source: SageMaker developer guide, "Delete endpoints configured for auto scaling": whoever deletes an endpoint
    needs leave to deregister what is scaled of it."""
    for target in facts.scaled_targets(call.region, str(call.params["EndpointName"])):
        keys = {
            "application-autoscaling:service-namespace": "sagemaker",
            "application-autoscaling:scalable-dimension": scaling.DIMENSION,
        }
        yield Need("application-autoscaling:DeregisterScalableTarget", target, keys)


def _layers(call: Call) -> Iterator[Need]:
    for layer in call.params.get("Layers") or ():
        yield Need("lambda:GetLayerVersion", str(layer))


def _scaling_watched(call: Call) -> Iterator[Need]:
    """What Application Auto Scaling asks of SageMaker and CloudWatch with the caller's leave before it does anything: a
    target tracking policy's alarms are made for the caller.

    Source: its user guide, "Permissions validation for Application Auto Scaling API calls on target resources",
    "Identity-based policy examples"; AWSApplicationAutoscalingSageMakerEndpointPolicy for the names of the alarms;
    AmazonSageMakerCanvasFullAccess for aws:CalledViaLast.
    """
    target = str(call.params.get("ResourceId", ""))
    for action in ("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"):
        yield Need(f"sagemaker:{action}", call.arn(f"endpoint/{target.split('/')[1]}", "sagemaker"))
    yield Need("cloudwatch:DescribeAlarms", EVERYTHING)
    via = {"aws:calledvialast": "application-autoscaling.amazonaws.com"}
    for action in ("PutMetricAlarm", "DeleteAlarms"):
        yield Need(f"cloudwatch:{action}", call.arn(f"alarm:TargetTracking-{target}", "cloudwatch"), via)


def _publishes(call: Call) -> Iterator[Need]:
    key = facts.topic_key(str(call.params.get("TopicArn") or ""))
    if key:
        keys = {"kms:viaservice": f"sns.{call.region}.amazonaws.com", **facts.tag_keys(key)}
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            yield Need(action, key, keys)


def _sealed(call: Call) -> Iterator[Need]:
    key = facts.parameter_key(call.region, str(call.params.get("Name") or ""))
    if key and call.params.get("WithDecryption"):
        yield Need("kms:Decrypt", key, {"kms:viaservice": f"ssm.{call.region}.amazonaws.com"})


_MORE: Mapping[tuple[str, str], Callable[[Call], Iterable[Need]]] = {
    ("sagemaker", "CreateEndpoint"): _fleet,
    ("sagemaker", "UpdateEndpoint"): _fleet,
    ("sagemaker", "DeleteEndpoint"): _unscaled,
    ("lambda", "CreateFunction"): _layers,
    ("lambda", "UpdateFunctionConfiguration"): _layers,
    ("application-autoscaling", "RegisterScalableTarget"): _scaling_watched,
    ("application-autoscaling", "PutScalingPolicy"): _scaling_watched,
    ("application-autoscaling", "DeleteScalingPolicy"): _scaling_watched,
    ("sns", "Publish"): _publishes,
    ("ssm", "GetParameter"): _sealed,
}
"""What an operation needs besides its own action, of other services or resources."""
