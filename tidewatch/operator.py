"""Who is at the keyboard, for the ledger."""

from __future__ import annotations

import getpass
import os


def operator() -> str:
    """The user's name; in a container whose user has none, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
