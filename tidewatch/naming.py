"""What variants, models and versions may be called."""

from __future__ import annotations

import hashlib
import re

VARIANTS = ("blue", "green")
MAX_NAME_LENGTH = 63
"""Characters of an EndpointName in SageMaker's model."""

_NAME = re.compile(r"[0-9A-Za-z](-*[0-9A-Za-z])*")
"""EndpointName in SageMaker's model."""
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")


def build_stack_key(project: str, stack: str, model: str) -> str:
    """What tells a stack from every other in its account, like tidewatch/dev/flights: two stacks may have one model,
    and two projects one stack name. Our own metrics, both tables and the names of incidents are keyed by it."""
    return f"{project}/{stack}/{model}"


def build_name_prefix(name: str) -> str:
    """The beginning of every logical name: at most 32 characters, so that the longest physical name fits in 63."""
    if len(name) <= 32:
        return name
    return f"{name[:25].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def hash_stack_key(key: str) -> str:
    """Six characters that stand for a stack's key in names."""
    return hashlib.sha256(key.encode()).hexdigest()[:6]


def extract_stack_name(key: str) -> str:
    """The stack in a stack's key; "" where the text is no such key."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 else ""


def format_command(command: str, key: str) -> str:
    """A command of `tidewatch` as it is typed for the stack with that key."""
    stack = extract_stack_name(key)
    return f"tidewatch {command}" + (f" --stack {stack}" if stack else "")


def extract_model_name(key: str) -> str:
    """The model in a stack's key; no model's name has a slash."""
    return key.rpartition("/")[2]


def is_valid_model_name(text: str) -> bool:
    """Whether a model can be called so: SageMaker has to take its name for an endpoint."""
    return len(text) <= MAX_NAME_LENGTH and _NAME.fullmatch(text) is not None


def is_valid_version(text: str) -> bool:
    """Whether a version can be called so, as far as its letters go."""
    return _VERSION.fullmatch(text) is not None


def is_mutable_version(text: str) -> bool:
    """Whether it names another version tomorrow: what is served would change without an edit."""
    return text.lower() == "latest"
