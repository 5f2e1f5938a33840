"""An asynchronous invocation of a function that was accepted and has not run yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AsyncInvocation:
    """An asynchronous invocation whose next attempt is at `due_at`."""

    region: str
    function: str
    payload: bytes
    due_at: datetime
    accepted_at: datetime
    attempt: int = 1
    throttles: int = 0
    wall_due: float = 0.0
