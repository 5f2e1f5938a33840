"""Capacity where it follows the traffic: target tracking, never below the floor."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.scope import Scope

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"


@dataclass(frozen=True)
class Scaling:
    """maximum: instances of a slot. invocations_per_instance: aimed at, a minute. Cooldowns in seconds."""

    maximum: int
    invocations_per_instance: float
    scale_in_seconds: int
    scale_out_seconds: int


class SlotScaling(pulumi.ComponentResource):
    """The scalable target of one slot and the policy that moves it."""

    def __init__(
        self,
        scope: Scope,
        scaling: Scaling,
        *,
        endpoint: pulumi.Input[str],
        slot: str,
        minimum: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = scope.name("scaling", slot)
        super().__init__("tidewatch:sagemaker:SlotScaling", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            name,
            service_namespace="sagemaker",
            scalable_dimension=DIMENSION,
            resource_id=pulumi.Output.concat("endpoint/", endpoint, "/variant/", slot),
            min_capacity=minimum,
            max_capacity=scaling.maximum,
            tags=scope.tagged(slot=slot),
            opts=inside,
        )
        aws.appautoscaling.Policy(
            name,
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": scaling.invocations_per_instance,
                "predefined_metric_specification": {"predefined_metric_type": METRIC},
                "scale_in_cooldown": scaling.scale_in_seconds,
                "scale_out_cooldown": scaling.scale_out_seconds,
            },
            opts=inside,
        )
        self.register_outputs({})
