"""The names of variants, models, versions and stacks."""

from __future__ import annotations

import hashlib
import re
from typing import Literal, get_args

VariantName = Literal["blue", "green"]
VARIANTS: tuple[VariantName, ...] = get_args(VariantName)
MAX_NAME_LENGTH = 63
"""The longest EndpointName in SageMaker's model, in characters."""

_NAME = re.compile(r"[0-9A-Za-z](-*[0-9A-Za-z])*")
"""EndpointName in SageMaker's model."""
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")


def build_stack_key(project: str, stack: str, model: str) -> str:
    """Returns the key that identifies a stack in its account, like tidewatch/dev/flights.

    Two stacks may have one model, and two projects one stack name. Our metrics, both tables and the ids of incidents
    use it.
    """
    return f"{project}/{stack}/{model}"


def build_name_prefix(name: str) -> str:
    """Returns the prefix of every logical name: at most 32 characters, so that the longest physical name fits in 63."""
    if len(name) <= 32:
        return name
    return f"{name[:25].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def hash_stack_key(key: str) -> str:
    """Returns six characters that represent a stack's key in names."""
    return hashlib.sha256(key.encode()).hexdigest()[:6]


def extract_stack_name(key: str) -> str:
    """Returns the stack in a stack's key, or "" if the text is no such key."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 else ""


def format_command(command: str, key: str) -> str:
    """Returns a `tidewatch` command for the stack with that key."""
    stack = extract_stack_name(key)
    return f"tidewatch {command}" + (f" --stack {stack}" if stack else "")


def extract_model_name(key: str) -> str:
    """Returns the model in a stack's key. No model's name has a slash."""
    return key.rpartition("/")[2]


def is_valid_model_name(text: str) -> bool:
    """Whether a model may have this name, which SageMaker must accept for an endpoint."""
    return len(text) <= MAX_NAME_LENGTH and _NAME.fullmatch(text) is not None


def is_valid_version(text: str) -> bool:
    """Whether the characters of a version are valid."""
    return _VERSION.fullmatch(text) is not None


def is_mutable_version(text: str) -> bool:
    """Whether the name may mean another version tomorrow: what is served would change without an edit."""
    return text.lower() == "latest"
