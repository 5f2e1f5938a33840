"""Opens a stack's model registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.aws_session import Session
from tidewatch.registry import ModelRegistry

if TYPE_CHECKING:
    from tidewatch.signatures import KmsSigner


def open_registry(outputs: Mapping[str, Any], session: Session) -> ModelRegistry:
    """Returns the registry that a stack's outputs name."""
    return ModelRegistry(session.client("s3"), outputs["registry"]["bucket"], outputs["model"])


def open_signer(outputs: Mapping[str, Any], session: Session) -> KmsSigner | None:
    """Returns the signer that a stack's outputs name; None if the stack signs nothing. Raises SigningFailed."""
    key = outputs["registry"].get("signingKey")
    if not key:
        return None
    # Imported only here, because it loads cryptography.
    from tidewatch.signatures import KmsSigner

    return KmsSigner.open(session.client("kms", key.split(":")[3]), key)
