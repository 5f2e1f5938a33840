"""Reads a stack's outputs, and explains what to do if a part of them is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.backend import get_backend
from cli.errors import UserError


def read_stack_outputs(stack: str) -> dict[str, Any]:
    """Returns the outputs of `stack`, a mapping with the keys of the contract in docs/outputs.md.

    Raises UserError if the stack was never deployed, or its outputs cannot be read.
    """
    backend = get_backend(stack)
    outputs = backend.read_outputs()
    if not outputs.get("registry"):
        raise UserError(backend.explain_missing_outputs())
    return outputs


def require_output(outputs: Mapping[str, Any], name: str, stack: str) -> Any:
    """Returns one part of the outputs.

    Raises UserError if all its keys are null, because the stack serves nothing yet.
    """
    if any(outputs.get(name, {}).values()):
        return outputs[name]
    raise UserError(get_backend(stack).explain_missing_output(name))
