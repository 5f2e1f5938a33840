"""Application Auto Scaling as far as SageMaker knows of it."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends

from simulator.aws.world import ACCOUNT

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
Place = tuple[str, str, str]
"""A scalable target: its service's namespace, its resource and its dimension."""


def scaled_variants(region: str, endpoint: str) -> tuple[str, ...]:
    """The variants of an endpoint that are registered as scalable targets."""
    targets = applicationautoscaling_backends[ACCOUNT][region].targets.get(DIMENSION, {})
    prefix = f"endpoint/{endpoint}/variant/"
    return tuple(sorted(name.removeprefix(prefix) for name in targets if name.startswith(prefix)))


def forget_endpoint(region: str, endpoint: str) -> None:
    """Deregisters what is scaled of an endpoint that is deleted, without notice.

    Source: SageMaker developer guide, "Delete endpoints configured for auto scaling".
    """
    for variant in scaled_variants(region, endpoint):
        deregister(region, ("sagemaker", f"endpoint/{endpoint}/variant/{variant}", DIMENSION))


def deregister(region: str, place: Place) -> None:
    """Takes a target away, and with it its policies, scheduled actions, suspension and tags."""
    backend = applicationautoscaling_backends[ACCOUNT][region]
    target = backend.targets[place[2]][place[1]]
    for policy in [one for one in backend.policies.values() if place_of(one) == place]:
        backend.delete_scaling_policy(policy.policy_name, *place)
    backend.scheduled_actions = [one for one in backend.scheduled_actions if place_of(one) != place]
    tags_by_arn(backend).pop(target.arn, None)
    backend.deregister_scalable_target(*place)


def place_of(one: Any) -> Place:
    """Whose a policy or a scheduled action is."""
    return one.service_namespace, one.resource_id, one.scalable_dimension


def tags_by_arn(backend: ApplicationAutoscalingBackend) -> dict[str, dict[str, str]]:
    """The tags of scalable targets, which moto has none of."""
    return backend.__dict__.setdefault("tags_by_arn", {})
