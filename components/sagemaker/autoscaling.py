"""Instances that follow the traffic: target tracking, never below the floor."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.settings import StackSpec
from components.stack_context import StackContext

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"


@dataclass(frozen=True)
class TargetTracking:
    """When a variant is scaled, and how far."""

    maximum: int
    """The largest number of instances of a variant."""
    invocations_per_instance: float
    """The target: invocations per instance and minute."""
    scale_in_seconds: int
    """The cooldown after instances were removed, in seconds."""
    scale_out_seconds: int
    """The cooldown after instances were added, in seconds."""

    @classmethod
    def from_settings(cls, settings: StackSpec) -> TargetTracking | None:
        """Returns the target tracking that the config declares; None if it declares none."""
        if (autoscaling := settings.autoscaling) is None:
            return None
        return cls(
            autoscaling.maximum,
            autoscaling.invocations_per_instance,
            autoscaling.scale_in_seconds,
            autoscaling.scale_out_seconds,
        )


class VariantScaling(pulumi.ComponentResource):
    """The scalable target of one variant and its scaling policy."""

    def __init__(
        self,
        context: StackContext,
        tracking: TargetTracking,
        *,
        endpoint: pulumi.Input[str],
        variant: str,
        minimum: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = context.name("scaling", variant)
        super().__init__("tidewatch:sagemaker:VariantScaling", name, None, opts)
        child_opts = pulumi.ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            name,
            service_namespace="sagemaker",
            scalable_dimension=DIMENSION,
            resource_id=pulumi.Output.concat("endpoint/", endpoint, "/variant/", variant),
            min_capacity=minimum,
            max_capacity=tracking.maximum,
            tags=context.build_tags(variant=variant),
            opts=child_opts,
        )
        aws.appautoscaling.Policy(
            name,
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": tracking.invocations_per_instance,
                "predefined_metric_specification": {"predefined_metric_type": METRIC},
                "scale_in_cooldown": tracking.scale_in_seconds,
                "scale_out_cooldown": tracking.scale_out_seconds,
            },
            opts=child_opts,
        )
        self.register_outputs({})
