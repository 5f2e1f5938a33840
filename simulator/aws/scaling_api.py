"""Application Auto Scaling where moto is kinder than AWS, or silent.

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

from simulator.aws.errors import ValidationException
from simulator.aws.scaling import deregister, place_of, tags_by_arn
from simulator.aws.world import world

_PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")


class ObjectNotFoundException(ServiceException):
    """No such target, policy or scheduled action."""

    code = "ObjectNotFoundException"


class ResourceNotFoundException(ServiceException):
    """No scalable target has this ARN."""

    code = "ResourceNotFoundException"


def install() -> None:
    """Sets the calls on moto's Application Auto Scaling."""
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
        ("register_scalable_target", _tagged),
        ("put_scaling_policy", _on_a_target),
        ("delete_scaling_policy", _of_a_policy),
        ("describe_scaling_policies", _with_alarms),
    ):
        setattr(ApplicationAutoScalingResponse, name, wrap(getattr(ApplicationAutoScalingResponse, name)))
    models.time = _Time  # type: ignore[attr-defined]


class _Time:
    """The module `time` for moto's stamps: simulated."""

    @staticmethod
    def time() -> float:
        return world().now().timestamp()


Answering = Callable[[ApplicationAutoScalingResponse], str]


def _tagged(original: Answering) -> Answering:
    """RegisterScalableTarget: a new target needs both bounds, takes tags, and is not suspended unless it says so."""

    @wraps(original)
    def register(self: ApplicationAutoScalingResponse) -> str:
        given, before = _given(self), _target(self)
        least = given.get("MinCapacity", before.min_capacity if before else None)
        most = given.get("MaxCapacity", before.max_capacity if before else None)
        if least is None or most is None:
            raise ValidationException("MinCapacity and MaxCapacity are required to register a new scalable target.")
        if least > most:
            raise ValidationException("Maximum capacity cannot be less than minimum capacity.")
        answer = original(self)
        target = _target(self)
        states = dict.fromkeys(
            ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
        )
        target.suspended_state = {**states, **(target.suspended_state or {})}
        if given.get("Tags"):
            _tags(self).setdefault(target.arn, {}).update(given["Tags"])
        return answer

    return register


def deregister_scalable_target(self: ApplicationAutoScalingResponse) -> str:
    """DeregisterScalableTarget: its policies, scheduled actions, suspension and tags go with it."""
    _found(self)
    deregister(self.region, _place(self))
    return "{}"


def _on_a_target(original: Answering) -> Answering:
    """PutScalingPolicy: of a registered target; an update keeps the policy's ARN."""

    @wraps(original)
    def put_scaling_policy(self: ApplicationAutoScalingResponse) -> str:
        _found(self)
        key = "\t".join((*_place(self), _given(self)["PolicyName"]))
        before = _backend(self).policies.get(key)
        answer = json.loads(original(self))
        if before is not None:
            _backend(self).policies[key].policy_arn = answer["PolicyARN"] = before.policy_arn
        return json.dumps(answer)

    return put_scaling_policy


def _of_a_policy(original: Answering) -> Answering:
    @wraps(original)
    def delete_scaling_policy(self: ApplicationAutoScalingResponse) -> str:
        if "\t".join((*_place(self), _given(self)["PolicyName"])) not in _backend(self).policies:
            raise ObjectNotFoundException(f"No scaling policy found for {_words(self)}.")
        return original(self)

    return delete_scaling_policy


def _with_alarms(original: Answering) -> Answering:
    """DescribeScalingPolicies: the alarms of a step scaling policy are those whose actions name it."""

    @wraps(original)
    def describe_scaling_policies(self: ApplicationAutoScalingResponse) -> str:
        answer, wanted = json.loads(original(self)), _given(self).get("PolicyNames")
        policies = [one for one in answer["ScalingPolicies"] if not wanted or one["PolicyName"] in wanted]
        alarms = cloudwatch_backends[self.current_account][self.region].alarms
        for policy in policies:
            policy["Alarms"] = policy["Alarms"] or [
                {"AlarmName": name, "AlarmARN": alarm.alarm_arn}
                for name, alarm in alarms.items()
                if any(policy["PolicyARN"] in (getattr(alarm, "given", {}).get(kind) or ()) for kind in _ACTIONS)
            ]
        return json.dumps({**answer, "ScalingPolicies": policies})

    return describe_scaling_policies


def put_scheduled_action(self: ApplicationAutoScalingResponse) -> str:
    """PutScheduledAction: what an update leaves out stays, its start and end excepted."""
    given, backend = _given(self), _backend(self)
    _found(self)
    before = _action(self)
    if before is None and not (given.get("Schedule") and given.get("ScalableTargetAction")):
        raise ValidationException("Schedule and ScalableTargetAction are required for a new scheduled action.")
    schedule, zone, action = (
        given.get(name) or (before and getattr(before, kept))
        for name, kept in (
            ("Schedule", "schedule"),
            ("Timezone", "timezone"),
            ("ScalableTargetAction", "scalable_target_action"),
        )
    )
    made = FakeScheduledAction(
        given["ServiceNamespace"],
        schedule,
        zone,
        given["ScheduledActionName"],
        given["ResourceId"],
        given["ScalableDimension"],
        given.get("StartTime"),
        given.get("EndTime"),
        action,
        self.current_account,
        self.region,
    )
    others: list[Any] = [one for one in backend.scheduled_actions if one is not before]
    replaced: Any = [*others, made]  # moto declares the list by its own base class
    backend.scheduled_actions = replaced
    return "{}"


def delete_scheduled_action(self: ApplicationAutoScalingResponse) -> str:
    """DeleteScheduledAction."""
    found = _action(self)
    if found is None:
        raise ObjectNotFoundException(f"No scheduled action found for {_words(self)}.")
    _backend(self).scheduled_actions.remove(found)
    return "{}"


def list_tags_for_resource(self: ApplicationAutoScalingResponse) -> str:
    """ListTagsForResource of a scalable target."""
    return json.dumps({"Tags": _tags(self).get(_known(self), {})})


def tag_resource(self: ApplicationAutoScalingResponse) -> str:
    """TagResource of a scalable target."""
    _tags(self).setdefault(_known(self), {}).update(_given(self)["Tags"])
    return "{}"


def untag_resource(self: ApplicationAutoScalingResponse) -> str:
    """UntagResource of a scalable target."""
    held = _tags(self).get(_known(self), {})
    for key in _given(self)["TagKeys"]:
        held.pop(key, None)
    return "{}"


def _known(self: ApplicationAutoScalingResponse) -> str:
    arn = _given(self)["ResourceARN"]
    if not any(target.arn == arn for targets in _backend(self).targets.values() for target in targets.values()):
        raise ResourceNotFoundException(f"The specified scalable target does not exist: {arn}")
    return arn


def _found(self: ApplicationAutoScalingResponse) -> Any:
    target = _target(self)
    if target is None:
        raise ObjectNotFoundException(f"No scalable target found for {_words(self)}.")
    return target


def _target(self: ApplicationAutoScalingResponse) -> Any:
    _, resource, dimension = _place(self)
    return _backend(self).targets.get(dimension, {}).get(resource)


def _action(self: ApplicationAutoScalingResponse) -> Any:
    name, place = _given(self)["ScheduledActionName"], _place(self)
    found = (one for one in _backend(self).scheduled_actions if place_of(one) == place)
    return next((one for one in found if one.scheduled_action_name == name), None)


def _words(self: ApplicationAutoScalingResponse) -> str:
    service, resource, dimension = _place(self)
    return f"service namespace: {service}, resource ID: {resource}, scalable dimension: {dimension}"


def _place(self: ApplicationAutoScalingResponse) -> tuple[str, str, str]:
    given = _given(self)
    service, resource, dimension = (given[name] for name in _PLACE)
    return service, resource, dimension


def _backend(self: ApplicationAutoScalingResponse) -> ApplicationAutoscalingBackend:
    return self.applicationautoscaling_backend


def _tags(self: ApplicationAutoScalingResponse) -> dict[str, dict[str, str]]:
    return tags_by_arn(_backend(self))


def _given(self: ApplicationAutoScalingResponse) -> dict[str, Any]:
    return json.loads(self.body)
