"""What somebody does to the endpoint past the program, as with the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.scenarios.scene import Scene

KEPT = ("ProductionVariants", "DataCaptureConfig", "KmsKeyId", "EnableNetworkIsolation", "ExecutionRoleArn")


def update(scene: Scene) -> None:
    """An update of the whole endpoint to a configuration of the same content."""
    scene.client("sagemaker").update_endpoint(
        EndpointName=scene.endpoint,
        EndpointConfigName=same_again(scene, "by-hand"),
        RetainAllVariantProperties=True,
    )


def same_again(scene: Scene, name: str) -> str:
    """A configuration of the content of the live one; its name."""
    sagemaker = scene.client("sagemaker")
    live = sagemaker.describe_endpoint(EndpointName=scene.endpoint)["EndpointConfigName"]
    found: Mapping[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=live)
    made = f"{scene.endpoint}-{name}"
    sagemaker.create_endpoint_config(
        EndpointConfigName=made, **{key: found[key] for key in KEPT if found.get(key) is not None}
    )
    return made
