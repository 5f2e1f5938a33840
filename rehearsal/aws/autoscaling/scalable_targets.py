"""The scalable targets of SageMaker in Application Auto Scaling."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends

from rehearsal.aws.constants import ACCOUNT

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
TargetKey = tuple[str, str, str]
"""A scalable target: the namespace of its service, its resource and its dimension."""


def list_scaled_variants(region: str, endpoint: str) -> tuple[str, ...]:
    """The variants of an endpoint that are registered as scalable targets."""
    targets = applicationautoscaling_backends[ACCOUNT][region].targets.get(DIMENSION, {})
    prefix = f"endpoint/{endpoint}/variant/"
    return tuple(sorted(name.removeprefix(prefix) for name in targets if name.startswith(prefix)))


def deregister_endpoint(region: str, endpoint: str) -> None:
    """Silently deregisters the scalable targets of a deleted endpoint.

    Source: SageMaker developer guide, "Delete endpoints configured for auto scaling".
    """
    for variant in list_scaled_variants(region, endpoint):
        deregister_target(region, ("sagemaker", f"endpoint/{endpoint}/variant/{variant}", DIMENSION))


def deregister_target(region: str, key: TargetKey) -> None:
    """Removes a target with its policies, scheduled actions, suspension and tags."""
    backend = applicationautoscaling_backends[ACCOUNT][region]
    target = backend.targets[key[2]][key[1]]
    for policy in [candidate for candidate in backend.policies.values() if get_target_key(candidate) == key]:
        backend.delete_scaling_policy(policy.policy_name, *key)
    backend.scheduled_actions = [action for action in backend.scheduled_actions if get_target_key(action) != key]
    get_tags(backend).pop(target.arn, None)
    backend.deregister_scalable_target(*key)


def get_target_key(resource: Any) -> TargetKey:
    """The target of a policy or a scheduled action."""
    return resource.service_namespace, resource.resource_id, resource.scalable_dimension


def get_tags(backend: ApplicationAutoscalingBackend) -> dict[str, dict[str, str]]:
    """The tags of scalable targets, which moto does not keep."""
    return backend.__dict__.setdefault("tags_by_arn", {})
