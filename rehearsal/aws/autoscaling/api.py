"""Application Auto Scaling operations in which moto differs from AWS.

Source: botocore/data/application-autoscaling/2016-02-06/service-2.json: DeregisterScalableTarget "deletes the scaling
policies and the scheduled actions that are associated with it"; PutScalingPolicy and PutScheduledAction need a
registered target; PutScheduledAction: "if you don't specify start and end times, the old values are deleted"; tags
belong to the target's ARN, which is new with each registration.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.applicationautoscaling import models
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, FakeScheduledAction
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.exceptions import ServiceException

from rehearsal.aws.account import current_account
from rehearsal.aws.autoscaling.scalable_targets import deregister_target, get_tags, get_target_key
from rehearsal.aws.sagemaker.errors import ValidationException

_TARGET_KEY_FIELDS = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


class ObjectNotFoundException(ServiceException):
    """The target, policy or scheduled action does not exist."""

    code = "ObjectNotFoundException"


class ScalableTargetNotFound(ServiceException):
    """No scalable target has this ARN."""

    code = "ResourceNotFoundException"


def install() -> None:
    """Patches the operations of moto's Application Auto Scaling."""
    for operation in (
        deregister_scalable_target,
        put_scheduled_action,
        delete_scheduled_action,
        list_tags_for_resource,
        tag_resource,
        untag_resource,
    ):
        setattr(ApplicationAutoScalingResponse, operation.__name__, operation)
    for name, wrap in (
        ("register_scalable_target", _add_registration_checks),
        ("put_scaling_policy", _require_target),
        ("delete_scaling_policy", _require_policy),
        ("describe_scaling_policies", _add_alarms),
    ):
        setattr(ApplicationAutoScalingResponse, name, wrap(getattr(ApplicationAutoScalingResponse, name)))
    models.time = _SimulatedTime  # type: ignore[attr-defined]


class _SimulatedTime:
    """Replaces the module `time` in moto with simulated time."""

    @staticmethod
    def time() -> float:
        return current_account().now().timestamp()


ResponseMethod = Callable[[ApplicationAutoScalingResponse], str]


def _add_registration_checks(original: ResponseMethod) -> ResponseMethod:
    """RegisterScalableTarget: a new target needs both bounds, accepts tags, and is not suspended by default."""

    @wraps(original)
    def register(self: ApplicationAutoScalingResponse) -> str:
        params, previous = _read_params(self), _find_target(self)
        minimum = params.get("MinCapacity", previous.min_capacity if previous else None)
        maximum = params.get("MaxCapacity", previous.max_capacity if previous else None)
        if minimum is None or maximum is None:
            raise ValidationException("MinCapacity and MaxCapacity are required to register a new scalable target.")
        if minimum > maximum:
            raise ValidationException("Maximum capacity cannot be less than minimum capacity.")
        response = original(self)
        target = _find_target(self)
        states = dict.fromkeys(
            ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
        )
        target.suspended_state = {**states, **(target.suspended_state or {})}
        if params.get("Tags"):
            _read_tags(self).setdefault(target.arn, {}).update(params["Tags"])
        return response

    return register


def deregister_scalable_target(self: ApplicationAutoScalingResponse) -> str:
    """DeregisterScalableTarget: also removes its policies, scheduled actions, suspension and tags."""
    _get_target(self)
    deregister_target(self.region, _read_target_key(self))
    return "{}"


def _require_target(original: ResponseMethod) -> ResponseMethod:
    """PutScalingPolicy: requires a registered target; an update keeps the policy's ARN."""

    @wraps(original)
    def put_scaling_policy(self: ApplicationAutoScalingResponse) -> str:
        _get_target(self)
        key = "\t".join((*_read_target_key(self), _read_params(self)["PolicyName"]))
        previous = _get_backend(self).policies.get(key)
        response = json.loads(original(self))
        if previous is not None:
            _get_backend(self).policies[key].policy_arn = response["PolicyARN"] = previous.policy_arn
        return json.dumps(response)

    return put_scaling_policy


def _require_policy(original: ResponseMethod) -> ResponseMethod:
    @wraps(original)
    def delete_scaling_policy(self: ApplicationAutoScalingResponse) -> str:
        if "\t".join((*_read_target_key(self), _read_params(self)["PolicyName"])) not in _get_backend(self).policies:
            raise ObjectNotFoundException(f"No scaling policy found for {_describe_target(self)}.")
        return original(self)

    return delete_scaling_policy


def _add_alarms(original: ResponseMethod) -> ResponseMethod:
    """DescribeScalingPolicies: the alarms of a step scaling policy are those whose actions name it."""

    @wraps(original)
    def describe_scaling_policies(self: ApplicationAutoScalingResponse) -> str:
        response, names = json.loads(original(self)), _read_params(self).get("PolicyNames")
        policies = [policy for policy in response["ScalingPolicies"] if not names or policy["PolicyName"] in names]
        alarms = cloudwatch_backends[self.current_account][self.region].alarms
        for policy in policies:
            policy["Alarms"] = policy["Alarms"] or [
                {"AlarmName": name, "AlarmARN": alarm.alarm_arn}
                for name, alarm in alarms.items()
                if any(
                    policy["PolicyARN"] in (getattr(alarm, "request_params", {}).get(kind) or ()) for kind in _ACTIONS
                )
            ]
        return json.dumps({**response, "ScalingPolicies": policies})

    return describe_scaling_policies


def put_scheduled_action(self: ApplicationAutoScalingResponse) -> str:
    """PutScheduledAction: an update keeps omitted fields, except start and end."""
    params, backend = _read_params(self), _get_backend(self)
    _get_target(self)
    previous = _find_action(self)
    if previous is None and not (params.get("Schedule") and params.get("ScalableTargetAction")):
        raise ValidationException("Schedule and ScalableTargetAction are required for a new scheduled action.")
    schedule, zone, action = (
        params.get(name) or (previous and getattr(previous, attribute))
        for name, attribute in (
            ("Schedule", "schedule"),
            ("Timezone", "timezone"),
            ("ScalableTargetAction", "scalable_target_action"),
        )
    )
    scheduled_action = FakeScheduledAction(
        params["ServiceNamespace"],
        schedule,
        zone,
        params["ScheduledActionName"],
        params["ResourceId"],
        params["ScalableDimension"],
        params.get("StartTime"),
        params.get("EndTime"),
        action,
        self.current_account,
        self.region,
    )
    others: list[Any] = [other for other in backend.scheduled_actions if other is not previous]
    actions: Any = [*others, scheduled_action]  # moto declares the list with its own base class
    backend.scheduled_actions = actions
    return "{}"


def delete_scheduled_action(self: ApplicationAutoScalingResponse) -> str:
    """DeleteScheduledAction."""
    found = _find_action(self)
    if found is None:
        raise ObjectNotFoundException(f"No scheduled action found for {_describe_target(self)}.")
    _get_backend(self).scheduled_actions.remove(found)
    return "{}"


def list_tags_for_resource(self: ApplicationAutoScalingResponse) -> str:
    """ListTagsForResource of a scalable target."""
    return json.dumps({"Tags": _read_tags(self).get(_require_known_arn(self), {})})


def tag_resource(self: ApplicationAutoScalingResponse) -> str:
    """TagResource of a scalable target."""
    _read_tags(self).setdefault(_require_known_arn(self), {}).update(_read_params(self)["Tags"])
    return "{}"


def untag_resource(self: ApplicationAutoScalingResponse) -> str:
    """UntagResource of a scalable target."""
    tags = _read_tags(self).get(_require_known_arn(self), {})
    for key in _read_params(self)["TagKeys"]:
        tags.pop(key, None)
    return "{}"


def _require_known_arn(self: ApplicationAutoScalingResponse) -> str:
    arn = _read_params(self)["ResourceARN"]
    if not any(target.arn == arn for targets in _get_backend(self).targets.values() for target in targets.values()):
        raise ScalableTargetNotFound(f"The specified scalable target does not exist: {arn}")
    return arn


def _get_target(self: ApplicationAutoScalingResponse) -> Any:
    target = _find_target(self)
    if target is None:
        raise ObjectNotFoundException(f"No scalable target found for {_describe_target(self)}.")
    return target


def _find_target(self: ApplicationAutoScalingResponse) -> Any:
    _, resource, dimension = _read_target_key(self)
    return _get_backend(self).targets.get(dimension, {}).get(resource)


def _find_action(self: ApplicationAutoScalingResponse) -> Any:
    name, key = _read_params(self)["ScheduledActionName"], _read_target_key(self)
    found = (candidate for candidate in _get_backend(self).scheduled_actions if get_target_key(candidate) == key)
    return next((candidate for candidate in found if candidate.scheduled_action_name == name), None)


def _describe_target(self: ApplicationAutoScalingResponse) -> str:
    service, resource, dimension = _read_target_key(self)
    return f"service namespace: {service}, resource ID: {resource}, scalable dimension: {dimension}"


def _read_target_key(self: ApplicationAutoScalingResponse) -> tuple[str, str, str]:
    params = _read_params(self)
    service, resource, dimension = (params[name] for name in _TARGET_KEY_FIELDS)
    return service, resource, dimension


def _get_backend(self: ApplicationAutoScalingResponse) -> ApplicationAutoscalingBackend:
    return self.applicationautoscaling_backend


def _read_tags(self: ApplicationAutoScalingResponse) -> dict[str, dict[str, str]]:
    return get_tags(_get_backend(self))


def _read_params(self: ApplicationAutoScalingResponse) -> dict[str, Any]:
    return json.loads(self.body)
