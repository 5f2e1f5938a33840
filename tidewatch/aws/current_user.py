"""Who is at the keyboard, for the ledger."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


def get_user_name() -> str:
    """The user's name; in a container whose user has none, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def get_caller_arn(client: Callable[[str], Any]) -> str:
    """The ARN by which AWS knows who calls; where it does not tell, the operator: nothing waits for a name.

    client: makes a client of a service.
    """
    try:
        return str(client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return get_user_name()
