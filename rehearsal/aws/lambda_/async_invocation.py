"""An asynchronous invocation of a function: accepted, and still to be made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AsyncInvocation:
    """An asynchronous invocation that is to be made, or made again, at `due`."""

    region: str
    function: str
    payload: bytes
    due_at: datetime
    accepted_at: datetime
    attempt: int = 1
    throttles: int = 0
    wall_due: float = 0.0
