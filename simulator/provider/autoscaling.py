"""Application Auto Scaling: scalable targets and their policies."""

from __future__ import annotations

from simulator.provider.base import Call, Gone, Naming, Spec
from simulator.provider.tagging import tagging
from simulator.provider.values import Props, chosen

_WHERE = ("serviceNamespace", "resourceId", "scalableDimension")
_LIMITS = ("minCapacity", "maxCapacity", "roleArn", "suspendedState")
_CONFIGURATIONS = (
    "predictiveScalingPolicyConfiguration",
    "stepScalingPolicyConfiguration",
    "targetTrackingScalingPolicyConfiguration",
)


def _register(c: Call) -> Props:
    params = c.params("RegisterScalableTarget", chosen(c.props, *_WHERE, *_LIMITS))
    if not c.olds and c.get("tags"):
        params["Tags"] = dict(c["tags"])
    said = c.client.register_scalable_target(**params)
    return {"id": c["resourceId"], "arn": said.get("ScalableTargetARN") or _target(c, c["resourceId"]).get("arn", "")}


def _update_target(c: Call) -> Props:
    return {"arn": _register(c)["arn"]}


def _target(c: Call, resource: str) -> Props:
    found = c.client.describe_scalable_targets(
        ServiceNamespace=c["serviceNamespace"],
        ResourceIds=[resource],
        ScalableDimension=c["scalableDimension"],
    )["ScalableTargets"]
    if not found:
        raise Gone(resource)
    said = found[0]
    return {
        "arn": said.get("ScalableTargetARN", ""),
        "roleArn": said.get("RoleARN", ""),
        "minCapacity": said["MinCapacity"],
        "maxCapacity": said["MaxCapacity"],
        "resourceId": said["ResourceId"],
        "scalableDimension": said["ScalableDimension"],
        "serviceNamespace": said["ServiceNamespace"],
    }


def _read_target(c: Call) -> Props:
    live = _target(c, c.id)
    return {**live, "tags": c.client.list_tags_for_resource(ResourceARN=live["arn"])["Tags"]}


def _deregister(c: Call) -> None:
    c.client.deregister_scalable_target(**c.params("DeregisterScalableTarget", chosen(c.props, *_WHERE)))


def _put_policy(c: Call) -> Props:
    given = chosen(c.props, *_WHERE, "policyType", *_CONFIGURATIONS)
    said = c.client.put_scaling_policy(PolicyName=c["name"], **c.params("PutScalingPolicy", given))
    return {"arn": said["PolicyARN"], "alarmArns": [a["AlarmARN"] for a in said.get("Alarms") or []]}


def _read_policy(c: Call) -> Props:
    found = c.client.describe_scaling_policies(
        PolicyNames=[c.id],
        ServiceNamespace=c["serviceNamespace"],
        ResourceId=c["resourceId"],
        ScalableDimension=c["scalableDimension"],
    )["ScalingPolicies"]
    if not found:
        raise Gone(c.id)
    live = c.answer("DescribeScalingPolicies", {"ScalingPolicies": found})["scalingPolicies"][0]
    kept = {k: live[k] for k in (*_WHERE, "policyType", *_CONFIGURATIONS) if k in live}
    alarms = [a["AlarmARN"] for a in found[0].get("Alarms") or []]
    return {"name": c.id, "arn": found[0]["PolicyARN"], "alarmArns": alarms, **kept}


def _delete_policy(c: Call) -> None:
    given = chosen(c.props, *_WHERE)
    c.client.delete_scaling_policy(PolicyName=c.id, **c.params("DeleteScalingPolicy", given))


SPECS: dict[str, Spec] = {
    "aws:appautoscaling/target:Target": Spec(
        "application-autoscaling",
        _register,
        _read_target,
        _deregister,
        update=_update_target,
        naming=None,
        inputs=frozenset(_LIMITS),
        replace=frozenset(_WHERE),
        computed=("arn", "roleArn"),
        identify=lambda c: str(c["resourceId"]),
        retag=tagging("ResourceARN", form=dict),
    ),
    "aws:appautoscaling/policy:Policy": Spec(
        "application-autoscaling",
        _put_policy,
        _read_policy,
        _delete_policy,
        update=_put_policy,
        naming=Naming(limit=255, pattern=r"(?s).+", rule="at least one character"),
        inputs=frozenset({"policyType", *_CONFIGURATIONS}),
        replace=frozenset(_WHERE),
        defaults={"policyType": "StepScaling"},
        computed=("arn", "alarmArns"),
    ),
}
