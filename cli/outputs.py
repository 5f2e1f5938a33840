"""A stack's outputs, and what to do where a part of them is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.backend import get_backend
from cli.errors import UserError


def read_stack_outputs(stack: str) -> dict[str, Any]:
    """The outputs of `stack`, a mapping with the keys of the contract in docs/outputs.md.

    Raises UserError where the stack was never deployed, or its outputs cannot be read.
    """
    backend = get_backend(stack)
    outputs = backend.read_outputs()
    if not outputs.get("registry"):
        raise UserError(backend.explain_missing_outputs())
    return outputs


def require_output(outputs: Mapping[str, Any], name: str, stack: str) -> Any:
    """One part of the outputs, whose keys are all null as long as the stack serves nothing."""
    if any(outputs.get(name, {}).values()):
        return outputs[name]
    raise UserError(get_backend(stack).explain_missing_output(name))
