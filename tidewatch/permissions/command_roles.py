"""Finds the role that an AWS command of a runbook needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tidewatch.permissions import load_roles

CAPTURE_READER = "capture-reader"
"""The stack's own role that may read captured data."""
ON_CALL_ROLES = ("operator", "responder")
"""The roles whose policies who is on call has, the narrower first."""

_COMMAND = re.compile(r"\baws (?P<service>[a-z0-9-]+) (?P<operation>[a-z][a-z-]*)(?P<arguments>(?:[^\n`|;]|\\\n)*)")
_ACTION_BY_COMMAND: Mapping[tuple[str, str], str] = {
    ("s3", "ls"): "s3:ListBucket",
    ("s3", "cp"): "s3:GetObject",
    ("lambda", "invoke"): "lambda:InvokeFunction",
}
"""The commands whose names differ from the action that they need."""
_SERVICE_PREFIXES: Mapping[str, str] = {"s3api": "s3", "sagemaker-runtime": "sagemaker"}
_CAPTURED_BUCKET = "{capture}"


def find_command_roles(page: str) -> dict[str, str | None]:
    """Returns the AWS commands of a runbook, such as `sagemaker describe-endpoint`, with the role that each needs.

    None is for a command that no on-call role allows.
    """
    return dict(_iter_command_roles(page))


def get_action(service: str, operation: str) -> str:
    """Returns the IAM action of an AWS CLI command."""
    name = "".join(word.capitalize() for word in operation.split("-"))
    return _ACTION_BY_COMMAND.get((service, operation), f"{_SERVICE_PREFIXES.get(service, service)}:{name}")


def _iter_command_roles(page: str) -> Iterator[tuple[str, str | None]]:
    for match in _COMMAND.finditer(page):
        command = f"{match['service']} {match['operation']}"
        action = get_action(match["service"], match["operation"])
        if action == "s3:GetObject" and _CAPTURED_BUCKET in match["arguments"]:
            yield command, CAPTURE_READER
            continue
        yield command, next((name for name in ON_CALL_ROLES if action in _list_actions(name)), None)


def _list_actions(role: str) -> set[str]:
    return {action for statement in load_roles()[role].statements for action in statement["Action"]}


__all__ = ["CAPTURE_READER", "ON_CALL_ROLES", "find_command_roles", "get_action"]
