"""Application Auto Scaling: scalable targets and their policies."""

from __future__ import annotations

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import make_retag

_TARGET_KEYS = ("serviceNamespace", "resourceId", "scalableDimension")
_LIMITS = ("minCapacity", "maxCapacity", "roleArn", "suspendedState")
_CONFIGURATIONS = (
    "predictiveScalingPolicyConfiguration",
    "stepScalingPolicyConfiguration",
    "targetTrackingScalingPolicyConfiguration",
)


def _register_target(c: ResourceContext) -> Props:
    params = c.build_params("RegisterScalableTarget", pick(c.props, *_TARGET_KEYS, *_LIMITS))
    if not c.olds and c.get("tags"):
        params["Tags"] = dict(c["tags"])
    response = c.client.register_scalable_target(**params)
    return {
        "id": c["resourceId"],
        "arn": response.get("ScalableTargetARN") or _describe_target(c, c["resourceId"]).get("arn", ""),
    }


def _update_target(c: ResourceContext) -> Props:
    return {"arn": _register_target(c)["arn"]}


def _describe_target(c: ResourceContext, resource: str) -> Props:
    found = c.client.describe_scalable_targets(
        ServiceNamespace=c["serviceNamespace"],
        ResourceIds=[resource],
        ScalableDimension=c["scalableDimension"],
    )["ScalableTargets"]
    if not found:
        raise NotFound(resource)
    target = found[0]
    return {
        "arn": target.get("ScalableTargetARN", ""),
        "roleArn": target.get("RoleARN", ""),
        "minCapacity": target["MinCapacity"],
        "maxCapacity": target["MaxCapacity"],
        "resourceId": target["ResourceId"],
        "scalableDimension": target["ScalableDimension"],
        "serviceNamespace": target["ServiceNamespace"],
    }


def _read_target(c: ResourceContext) -> Props:
    live = _describe_target(c, c.id)
    return {**live, "tags": c.client.list_tags_for_resource(ResourceARN=live["arn"])["Tags"]}


def _deregister_target(c: ResourceContext) -> None:
    c.client.deregister_scalable_target(**c.build_params("DeregisterScalableTarget", pick(c.props, *_TARGET_KEYS)))


def _put_policy(c: ResourceContext) -> Props:
    policy = pick(c.props, *_TARGET_KEYS, "policyType", *_CONFIGURATIONS)
    response = c.client.put_scaling_policy(PolicyName=c["name"], **c.build_params("PutScalingPolicy", policy))
    return {"arn": response["PolicyARN"], "alarmArns": [a["AlarmARN"] for a in response.get("Alarms") or []]}


def _read_policy(c: ResourceContext) -> Props:
    found = c.client.describe_scaling_policies(
        PolicyNames=[c.id],
        ServiceNamespace=c["serviceNamespace"],
        ResourceId=c["resourceId"],
        ScalableDimension=c["scalableDimension"],
    )["ScalingPolicies"]
    if not found:
        raise NotFound(c.id)
    live = c.parse_response("DescribeScalingPolicies", {"ScalingPolicies": found})["scalingPolicies"][0]
    properties = {k: live[k] for k in (*_TARGET_KEYS, "policyType", *_CONFIGURATIONS) if k in live}
    alarms = [a["AlarmARN"] for a in found[0].get("Alarms") or []]
    return {"name": c.id, "arn": found[0]["PolicyARN"], "alarmArns": alarms, **properties}


def _delete_policy(c: ResourceContext) -> None:
    keys = pick(c.props, *_TARGET_KEYS)
    c.client.delete_scaling_policy(PolicyName=c.id, **c.build_params("DeleteScalingPolicy", keys))


SPECS: dict[str, ResourceSpec] = {
    "aws:appautoscaling/target:Target": ResourceSpec(
        "application-autoscaling",
        _register_target,
        _read_target,
        _deregister_target,
        update=_update_target,
        naming=None,
        inputs=frozenset(_LIMITS),
        force_new=frozenset(_TARGET_KEYS),
        computed=("arn", "roleArn"),
        identify=lambda c: str(c["resourceId"]),
        retag=make_retag("ResourceARN", format_tags=dict),
    ),
    "aws:appautoscaling/policy:Policy": ResourceSpec(
        "application-autoscaling",
        _put_policy,
        _read_policy,
        _delete_policy,
        update=_put_policy,
        naming=Naming(limit=255, pattern=r"(?s).+", rule="at least one character"),
        inputs=frozenset({"policyType", *_CONFIGURATIONS}),
        force_new=frozenset(_TARGET_KEYS),
        defaults={"policyType": "StepScaling"},
        computed=("arn", "alarmArns"),
    ),
}
