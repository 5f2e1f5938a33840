"""Application Auto Scaling around a deployment.

SageMaker refuses an update that removes a scaled variant or changes its instance type. Such a variant is deregistered
before the deployment and registered again with the same settings after it.

Deregistering also deletes the policies, scheduled actions, suspended state and tags of the scalable target. The control
table keeps all of them until they are restored.

Source: SageMaker developer guide, "Update or delete endpoints that use automatic scaling"; Application Auto Scaling API
reference, DeregisterScalableTarget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidewatch.aws.errors import get_error_code
from tidewatch.clock import Clock
from tidewatch.traffic.alarm_api import retarget_alarm_actions
from tidewatch.traffic.control_table import ControlTable

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient

SERVICE: Any = "sagemaker"
DIMENSION: Any = "sagemaker:variant:DesiredInstanceCount"
SCALING_KEY = "scaling"
"""The control table's item with the settings that were removed and not restored yet."""
_POLICY_KEYS = (
    "PolicyName",
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_ACTION_KEYS = ("ScheduledActionName", "Schedule", "Timezone", "ScalableTargetAction")
_TIME_KEYS = ("StartTime", "EndTime")


class ScalableTargets:
    """The scalable targets of an endpoint's variants."""

    def __init__(
        self,
        autoscaling: ApplicationAutoScalingClient,
        cloudwatch: CloudWatchClient,
        control: ControlTable,
        endpoint: str,
        clock: Clock,
    ) -> None:
        self._autoscaling = autoscaling
        self._cloudwatch = cloudwatch
        self._control = control
        self._endpoint = endpoint
        self._clock = clock

    @property
    def is_suspended(self) -> bool:
        """Whether removed settings are still to be restored."""
        return bool(self._read_suspended())

    def suspend(self, variants: Iterable[str]) -> None:
        """Deregisters those of the variants that are registered, after it recorded their settings.

        If a registration is newer than its recorded settings, an interrupted call of ours made it: the recorded
        settings stay.
        """
        suspended = self._read_suspended()
        found = {variant: settings for variant in sorted(variants) if (settings := self._read_settings(variant))}
        if not found:
            return
        for variant, settings in found.items():
            is_own = variant in suspended and suspended[variant].get("registration") != settings["registration"]
            suspended[variant] = _merge_arns(suspended[variant], settings) if is_own else settings
        self._control.put(SCALING_KEY, {"endpoint": self._endpoint, "targets": suspended})
        for variant in found:
            self._autoscaling.deregister_scalable_target(**self._build_target_key(variant))

    def resume(self, variants: Iterable[str], *, forget_others: bool = False) -> tuple[str, ...]:
        """Registers the recorded targets again for the variants that exist.

        `forget_others` drops the records of the other variants. The record is deleted only when everything is restored,
        so the next call continues after a crash.

        Returns sentences about what people must do themselves: change an alarm that the caller may not change. That is
        not retried, because the next call may not change it either.
        """
        suspended = self._read_suspended()
        returning = sorted(suspended.keys() & set(variants))
        notes = tuple(note for variant in returning for note in self._register(variant, suspended[variant]))
        remaining = (
            {}
            if forget_others
            else {variant: settings for variant, settings in suspended.items() if variant not in returning}
        )
        if remaining and returning:
            self._control.put(SCALING_KEY, {"endpoint": self._endpoint, "targets": remaining})
        elif suspended and not remaining:
            self._control.delete(SCALING_KEY)
        return notes

    def _read_suspended(self) -> dict[str, Any]:
        """Returns what was removed from this endpoint. Records of an earlier endpoint of the stack do not count."""
        found = self._control.read(SCALING_KEY, _validate_item)
        return dict(found["targets"]) if found and found.get("endpoint", self._endpoint) == self._endpoint else {}

    def _read_settings(self, variant: str) -> dict[str, Any] | None:
        """Returns the settings of a variant's scalable target in the form of a table item."""
        target_key = self._build_target_key(variant)
        targets = self._autoscaling.describe_scalable_targets(
            ServiceNamespace=SERVICE, ResourceIds=[target_key["ResourceId"]], ScalableDimension=DIMENSION
        )["ScalableTargets"]
        if not targets:
            return None
        (target,) = targets
        policies = self._list_all("describe_scaling_policies", "ScalingPolicies", target_key)
        actions = self._list_all("describe_scheduled_actions", "ScheduledActions", target_key)
        arn = target.get("ScalableTargetARN")
        return {
            "registration": f"{arn} {target['CreationTime'].astimezone(UTC).isoformat()}",
            "min": target["MinCapacity"],
            "max": target["MaxCapacity"],
            "suspended": dict(target.get("SuspendedState") or {}),
            "tags": self._autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] if arn else {},
            "policies": [
                {
                    **{name: policy[name] for name in _POLICY_KEYS if policy.get(name)},
                    "arns": [policy["PolicyARN"]],
                    "alarms": [alarm["AlarmName"] for alarm in policy.get("Alarms") or ()],
                }
                for policy in policies
            ],
            "actions": [
                {
                    **{name: action[name] for name in _ACTION_KEYS if action.get(name)},
                    **{name: action[name].astimezone(UTC).isoformat() for name in _TIME_KEYS if action.get(name)},
                }
                for action in actions
            ],
        }

    def _register(self, variant: str, settings: Mapping[str, Any]) -> Iterator[str]:
        """Restores all settings and yields a sentence for each alarm that it could not update. It is idempotent."""
        target_key = self._build_target_key(variant)
        target = self._autoscaling.register_scalable_target(
            **target_key,
            MinCapacity=settings["min"],
            MaxCapacity=settings["max"],
            **({"SuspendedState": settings["suspended"]} if settings.get("suspended") else {}),
        )
        if (arn := target.get("ScalableTargetARN")) and settings.get("tags"):
            self._autoscaling.tag_resource(ResourceARN=arn, Tags=settings["tags"])
        for policy in settings["policies"]:
            policy_args: Any = {name: policy[name] for name in _POLICY_KEYS if name in policy}
            response = self._autoscaling.put_scaling_policy(**target_key, **policy_args)
            if policy.get("PolicyType") == "StepScaling":
                new_arn = response["PolicyARN"]
                for name in retarget_alarm_actions(self._cloudwatch, policy["alarms"], policy["arns"], new_arn):
                    yield describe_stale_action(name, policy["PolicyName"], variant, new_arn)
        for action in settings.get("actions", ()):
            self._schedule(target_key, action)

    def _schedule(self, target_key: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """Restores a scheduled action. If AWS refuses a time that has passed, it restores what is still ahead."""
        action_args: Any = {name: action[name] for name in _ACTION_KEYS if name in action}
        times: Any = {name: datetime.fromisoformat(action[name]) for name in _TIME_KEYS if name in action}
        try:
            self._autoscaling.put_scheduled_action(**target_key, **action_args, **times)
        except Exception as error:
            past_names = {name for name, at in times.items() if at <= self._clock.now()}
            is_expired = "EndTime" in past_names or action_args["Schedule"].startswith("at(")
            if get_error_code(error) != "ValidationException" or not (past_names or is_expired):
                raise
            if not is_expired:
                future_times = {name: at for name, at in times.items() if name not in past_names}
                self._autoscaling.put_scheduled_action(**target_key, **action_args, **future_times)

    def _list_all(self, operation: str, member: str, target_key: Mapping[str, Any]) -> list[dict[str, Any]]:
        call, found = getattr(self._autoscaling, operation), []
        page: dict[str, Any] = call(**target_key)
        found += page[member]
        while page.get("NextToken"):
            page = call(**target_key, NextToken=page["NextToken"])
            found += page[member]
        return found

    def _build_target_key(self, variant: str) -> Any:
        resource = f"endpoint/{self._endpoint}/variant/{variant}"
        return {"ServiceNamespace": SERVICE, "ResourceId": resource, "ScalableDimension": DIMENSION}


def describe_stale_action(alarm: str, policy: str, variant: str, arn: str) -> str:
    """Says what to do about an alarm that still calls a step scaling policy by its old ARN."""
    return (
        f"The alarm {alarm} still calls the step scaling policy {policy} of variant {variant} by its old ARN and "
        "scales nothing: this deployment registered the variant again and may not change an alarm of that name. Put "
        f"{arn} in its actions in place of the old one."
    )


def _validate_item(found: dict[str, Any]) -> dict[str, Any]:
    """Returns the item if all of it can be registered again. Raises TypeError, or what reading a bad item raises."""
    for settings in found["targets"].values():
        policies, actions = settings["policies"], settings.get("actions", [])
        options = (settings.get("suspended", {}), settings.get("tags", {}))
        is_valid = (
            all(type(settings[name]) is int for name in ("min", "max"))
            and all(isinstance(part, dict) for part in (*policies, *actions, *options))
            and all(isinstance(policy["PolicyName"], str) for policy in policies)
            and all(isinstance(policy[name], list) for policy in policies for name in ("arns", "alarms"))
            and all(isinstance(action["Schedule"], str) for action in actions)
        )
        if not is_valid:
            raise TypeError("It is not a valid record of a scalable target's settings.")
    return found


def _merge_arns(recorded: Mapping[str, Any], partial: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the recorded settings, with the policies' present ARNs added: alarms may call these already."""
    new_arns = {policy["PolicyName"]: policy["arns"] for policy in partial["policies"]}
    policies = [
        {**policy, "arns": list(dict.fromkeys([*policy["arns"], *new_arns.get(policy["PolicyName"], ())]))}
        for policy in recorded["policies"]
    ]
    return {**recorded, "policies": policies}
