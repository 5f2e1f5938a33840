"""Application Auto Scaling around a deployment: SageMaker refuses an update that removes a scaled variant or changes
its instance type, so such a variant is deregistered before it, and registered again as it was after it.

Deregistering deletes all that hangs on a scalable target: its policies, its scheduled actions, its suspension and its
tags. All of it is in the control table meanwhile, until it is back.

Source: SageMaker developer guide, "Update or delete endpoints that use automatic scaling"; Application Auto Scaling
API reference, DeregisterScalableTarget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidewatch.clock import Clock
from tidewatch.items import error_code
from tidewatch.traffic.alarms import point_alarms
from tidewatch.traffic.control import Control

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient

SERVICE: Any = "sagemaker"
DIMENSION: Any = "sagemaker:variant:DesiredInstanceCount"
ITEM = "scaling"
"""The control table's item of what was taken off and is not back."""
_POLICY = (
    "PolicyName",
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_ACTION = ("ScheduledActionName", "Schedule", "Timezone", "ScalableTargetAction")
_TIMES = ("StartTime", "EndTime")


class Scaling:
    """The scalable targets of an endpoint's variants. What was taken off is kept in the control table meanwhile."""

    def __init__(
        self,
        autoscaling: ApplicationAutoScalingClient,
        cloudwatch: CloudWatchClient,
        control: Control,
        endpoint: str,
        clock: Clock,
    ) -> None:
        self._autoscaling = autoscaling
        self._cloudwatch = cloudwatch
        self._control = control
        self._endpoint = endpoint
        self._clock = clock

    @property
    def off(self) -> bool:
        """Whether something was taken off that is not back."""
        return bool(self._kept())

    def suspend(self, slots: Iterable[str]) -> None:
        """Deregisters these slots, those that are registered, once their settings are written down.

        A registration that is younger than what is written down is our own, half done: what is written down stays.
        """
        kept = self._kept()
        found = {slot: settings for slot in sorted(slots) if (settings := self._settings(slot))}
        if not found:
            return
        for slot, settings in found.items():
            ours = slot in kept and kept[slot].get("registered") != settings["registered"]
            kept[slot] = _with_arns(kept[slot], settings) if ours else settings
        self._control.put(ITEM, {"resource": self._endpoint, "targets": kept})
        for slot in found:
            self._autoscaling.deregister_scalable_target(**self._place(slot))

    def resume(self, slots: Iterable[str], *, forget_others: bool = False) -> tuple[str, ...]:
        """Registers again what was suspended, for the slots that are there; the others' may be forgotten.

        What is written down goes once all of it is back: whoever dies in between leaves it to the next call. What
        people have to do themselves, as sentences: an alarm that the caller may not put is theirs to point, and owed
        by nobody, as the next call may not put it either.
        """
        kept = self._kept()
        back = sorted(kept.keys() & set(slots))
        notes = tuple(note for slot in back for note in self._register(slot, kept[slot]))
        left = {} if forget_others else {slot: settings for slot, settings in kept.items() if slot not in back}
        if left and back:
            self._control.put(ITEM, {"resource": self._endpoint, "targets": left})
        elif kept and not left:
            self._control.delete(ITEM)
        return notes

    def _kept(self) -> dict[str, Any]:
        """What was taken off this endpoint; another one's, of an earlier life of the stack, is nothing to it."""
        found = self._control.read(ITEM, _checked)
        return dict(found["targets"]) if found and found.get("resource", self._endpoint) == self._endpoint else {}

    def _settings(self, slot: str) -> dict[str, Any] | None:
        """What hangs on a slot's scalable target, as an item can hold it."""
        place = self._place(slot)
        targets = self._autoscaling.describe_scalable_targets(
            ServiceNamespace=SERVICE, ResourceIds=[place["ResourceId"]], ScalableDimension=DIMENSION
        )["ScalableTargets"]
        if not targets:
            return None
        (target,) = targets
        policies = self._pages("describe_scaling_policies", "ScalingPolicies", place)
        actions = self._pages("describe_scheduled_actions", "ScheduledActions", place)
        arn = target.get("ScalableTargetARN")
        return {
            "registered": f"{arn} {target['CreationTime'].astimezone(UTC).isoformat()}",
            "min": target["MinCapacity"],
            "max": target["MaxCapacity"],
            "suspended": dict(target.get("SuspendedState") or {}),
            "tags": self._autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] if arn else {},
            "policies": [
                {
                    **{name: one[name] for name in _POLICY if one.get(name)},
                    "arns": [one["PolicyARN"]],
                    "alarms": [alarm["AlarmName"] for alarm in one.get("Alarms") or ()],
                }
                for one in policies
            ],
            "actions": [
                {
                    **{name: one[name] for name in _ACTION if one.get(name)},
                    **{name: one[name].astimezone(UTC).isoformat() for name in _TIMES if one.get(name)},
                }
                for one in actions
            ],
        }

    def _register(self, slot: str, settings: Mapping[str, Any]) -> Iterator[str]:
        """Everything as it was, and a sentence for each alarm that is not. Repeating it changes nothing."""
        place = self._place(slot)
        target = self._autoscaling.register_scalable_target(
            **place,
            MinCapacity=settings["min"],
            MaxCapacity=settings["max"],
            **({"SuspendedState": settings["suspended"]} if settings.get("suspended") else {}),
        )
        if (arn := target.get("ScalableTargetARN")) and settings.get("tags"):
            self._autoscaling.tag_resource(ResourceARN=arn, Tags=settings["tags"])
        for policy in settings["policies"]:
            wanted: Any = {name: policy[name] for name in _POLICY if name in policy}
            made = self._autoscaling.put_scaling_policy(**place, **wanted)
            if policy.get("PolicyType") == "StepScaling":
                new = made["PolicyARN"]
                for name in point_alarms(self._cloudwatch, policy["alarms"], policy["arns"], new):
                    yield unpointed(name, policy["PolicyName"], slot, new)
        for action in settings.get("actions", ()):
            self._schedule(place, action)

    def _schedule(self, place: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """A scheduled action as it was. Where AWS refuses one whose time has come meanwhile, what is left of it."""
        given: Any = {name: action[name] for name in _ACTION if name in action}
        times: Any = {name: datetime.fromisoformat(action[name]) for name in _TIMES if name in action}
        try:
            self._autoscaling.put_scheduled_action(**place, **given, **times)
        except Exception as error:
            passed = {name for name, at in times.items() if at <= self._clock.now()}
            over = "EndTime" in passed or given["Schedule"].startswith("at(")
            if error_code(error) != "ValidationException" or not (passed or over):
                raise
            if not over:
                ahead = {name: at for name, at in times.items() if name not in passed}
                self._autoscaling.put_scheduled_action(**place, **given, **ahead)

    def _pages(self, operation: str, member: str, place: Mapping[str, Any]) -> list[dict[str, Any]]:
        call, found = getattr(self._autoscaling, operation), []
        page: dict[str, Any] = call(**place)
        found += page[member]
        while page.get("NextToken"):
            page = call(**place, NextToken=page["NextToken"])
            found += page[member]
        return found

    def _place(self, slot: str) -> Any:
        resource = f"endpoint/{self._endpoint}/variant/{slot}"
        return {"ServiceNamespace": SERVICE, "ResourceId": resource, "ScalableDimension": DIMENSION}


def unpointed(alarm: str, policy: str, slot: str, arn: str) -> str:
    """What to do about an alarm that still calls a step scaling policy by the ARN that it had."""
    return (
        f"The alarm {alarm} still calls the step scaling policy {policy} of slot {slot} by its old ARN, and scales "
        f"nothing by that: this deployment registered the slot anew and may not change an alarm of that name. Put "
        f"{arn} among its actions in the place of the old one."
    )


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    """Itself, if all of it can be registered again: raises TypeError or what reading it raises."""
    for settings in found["targets"].values():
        policies, actions = settings["policies"], settings.get("actions", [])
        marks = (settings.get("suspended", {}), settings.get("tags", {}))
        fits = (
            all(type(settings[name]) is int for name in ("min", "max"))
            and all(isinstance(one, dict) for one in (*policies, *actions, *marks))
            and all(isinstance(one["PolicyName"], str) for one in policies)
            and all(isinstance(one[name], list) for one in policies for name in ("arns", "alarms"))
            and all(isinstance(one["Schedule"], str) for one in actions)
        )
        if not fits:
            raise TypeError("It is of no form that the settings of a scalable target are written in.")
    return found


def _with_arns(kept: Mapping[str, Any], half_done: Mapping[str, Any]) -> dict[str, Any]:
    """What is written down, with the ARNs that its policies have by now: alarms may call these already."""
    now = {policy["PolicyName"]: policy["arns"] for policy in half_done["policies"]}
    policies = [
        {**policy, "arns": list(dict.fromkeys([*policy["arns"], *now.get(policy["PolicyName"], ())]))}
        for policy in kept["policies"]
    ]
    return {**kept, "policies": policies}
