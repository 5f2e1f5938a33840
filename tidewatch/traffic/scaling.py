"""Application Auto Scaling around a deployment: SageMaker refuses an update that removes a scaled variant or changes
its instance type, so such a variant is deregistered before it, and registered again as it was after it.

Source: SageMaker developer guide, "Update or delete endpoints that use automatic scaling".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tidewatch.traffic.control import Control

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient

SERVICE: Any = "sagemaker"
DIMENSION: Any = "sagemaker:variant:DesiredInstanceCount"
_KEPT = ("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration")


class Scaling:
    """The scalable targets of an endpoint's variants. What was taken off is kept in the control table meanwhile."""

    def __init__(self, autoscaling: ApplicationAutoScalingClient, control: Control, endpoint: str) -> None:
        self._autoscaling = autoscaling
        self._control = control
        self._endpoint = endpoint

    def suspend(self, slots: Iterable[str]) -> None:
        """Deregisters these slots, those that are registered, once their settings are written down."""
        kept: dict[str, Any] = (self._control.get("scaling") or {}).get("targets", {})
        found = {slot: settings for slot in sorted(slots) if (settings := self._settings(slot))}
        if found:
            self._control.put("scaling", {"targets": {**kept, **found}})
        for slot in found:
            self._autoscaling.deregister_scalable_target(
                ServiceNamespace=SERVICE, ResourceId=self._id(slot), ScalableDimension=DIMENSION
            )

    def resume(self, slots: Iterable[str]) -> None:
        """Registers again what was suspended, for the slots that are still there."""
        kept: dict[str, Any] = (self._control.get("scaling") or {}).get("targets", {})
        if not kept:
            return
        for slot in sorted(kept.keys() & set(slots)):
            self._register(slot, kept[slot])
        self._control.delete("scaling")

    def _settings(self, slot: str) -> dict[str, Any] | None:
        targets = self._autoscaling.describe_scalable_targets(
            ServiceNamespace=SERVICE, ResourceIds=[self._id(slot)], ScalableDimension=DIMENSION
        )["ScalableTargets"]
        if not targets:
            return None
        policies = self._autoscaling.describe_scaling_policies(
            ServiceNamespace=SERVICE, ResourceId=self._id(slot), ScalableDimension=DIMENSION
        )["ScalingPolicies"]
        names = ("PolicyName", "PolicyType", *_KEPT)
        return {
            "min": targets[0]["MinCapacity"],
            "max": targets[0]["MaxCapacity"],
            "policies": [{name: one[name] for name in names if name in one} for one in map(dict, policies)],
        }

    def _register(self, slot: str, settings: Mapping[str, Any]) -> None:
        place: Any = {"ServiceNamespace": SERVICE, "ResourceId": self._id(slot), "ScalableDimension": DIMENSION}
        self._autoscaling.register_scalable_target(**place, MinCapacity=settings["min"], MaxCapacity=settings["max"])
        for policy in settings["policies"]:
            self._autoscaling.put_scaling_policy(**place, **policy)

    def _id(self, slot: str) -> str:
        return f"endpoint/{self._endpoint}/variant/{slot}"
