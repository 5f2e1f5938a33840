"""Finds who runs a command, for the ledger."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


def get_user_name() -> str:
    """Returns the user's name, or in a container without one the user's number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def get_caller_arn(client: Callable[[str], Any]) -> str:
    """Returns the caller's ARN, or the user's name if AWS does not return it: nothing waits for a name.

    `client` creates a client of a service.
    """
    try:
        return str(client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return get_user_name()
