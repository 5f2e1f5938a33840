"""Application Auto Scaling as far as SageMaker knows of it."""

from __future__ import annotations

from moto.applicationautoscaling.models import applicationautoscaling_backends

from simulator.aws.world import ACCOUNT

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def scaled_variants(region: str, endpoint: str) -> tuple[str, ...]:
    """The variants of an endpoint that are registered as scalable targets."""
    targets = applicationautoscaling_backends[ACCOUNT][region].targets.get(DIMENSION, {})
    prefix = f"endpoint/{endpoint}/variant/"
    return tuple(sorted(name.removeprefix(prefix) for name in targets if name.startswith(prefix)))
