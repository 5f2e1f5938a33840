"""Opens a stack's model registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.aws_session import Session
from tidewatch.registry import ModelRegistry


def open_registry(outputs: Mapping[str, Any], session: Session) -> ModelRegistry:
    """Returns the registry that a stack's outputs name."""
    return ModelRegistry(session.client("s3"), outputs["registry"]["bucket"], outputs["model"])
