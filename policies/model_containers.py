"""The containers of SageMaker models: their images and their artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policies.resource_types import MODEL, read_list, read_object
from policies.stack_view import StackView


def list_containers(props: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns a model's containers: one, or those of an inference pipeline."""
    primary = read_object(props, "primaryContainer")
    return [*([primary] if primary else []), *read_list(props, "containers")]


def read_artifact(container: Mapping[str, Any]) -> str:
    """Returns the location of a container's artifact, or ""."""
    source = read_object(read_object(container, "modelDataSource"), "s3DataSource")
    return container.get("modelDataUrl") or source.get("s3Uri") or ""


def read_bucket(location: str) -> str:
    """Returns the bucket of an S3 location."""
    return location.removeprefix("s3://").partition("/")[0]


def list_artifact_buckets(stack: StackView) -> set[str]:
    """Returns the names of the buckets from which the stack's models load."""
    containers = (each for model in stack.of_type(MODEL) for each in list_containers(model.props))
    return {read_bucket(location) for each in containers if (location := read_artifact(each))}


def starts_with_any(image: Any, beginnings: Sequence[str]) -> bool:
    """Whether an image is one of those that a setting names by their beginnings."""
    return isinstance(image, str) and image.startswith(tuple(beginnings))
