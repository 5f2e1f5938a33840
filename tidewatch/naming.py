"""What slots, models and versions may be called."""

from __future__ import annotations

import re

SLOTS = ("blue", "green")
LONGEST_NAME = 63
"""Characters of an EndpointName in SageMaker's model."""

_NAME = re.compile(r"[0-9A-Za-z](-*[0-9A-Za-z])*")
"""EndpointName in SageMaker's model."""
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")


def is_name(text: str) -> bool:
    """Whether a model can be called so: SageMaker has to take its name for an endpoint."""
    return len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether a version can be called so, as far as its letters go."""
    return _VERSION.fullmatch(text) is not None


def moves(text: str) -> bool:
    """Whether it names another version tomorrow: what is served would change without an edit."""
    return text.lower() == "latest"
