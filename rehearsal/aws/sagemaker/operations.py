"""The operations of the platform: their start, their stated duration, and their real duration."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class Operation:
    """An operation of the platform on an endpoint, with stated, simulated seconds."""

    endpoint: str
    kind: str
    started_at: datetime
    seconds: float
    record: Callable[[Operation], None]
    failure: str | None = None
    """Why it will fail, if that was decided at its start."""
    keeps_reason: bool = False
    outcome: str = "running"
    ended_at: datetime | None = None
    wall_started: float = field(default_factory=time.monotonic)
    wall_seconds: float | None = None

    def __post_init__(self) -> None:
        self.record(self)

    @property
    def ends_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.seconds)

    @property
    def is_deployment(self) -> bool:
        """Whether it starts a new fleet."""
        return self.kind in ("create", "update")

    def close(self, outcome: str, moment: datetime) -> None:
        self.outcome, self.ended_at = outcome, moment
        self.wall_seconds = time.monotonic() - self.wall_started

    def create_rollback(self, kind: str, moment: datetime, seconds: float) -> Operation:
        """The operation that undoes this one."""
        return Operation(self.endpoint, kind, moment, seconds, self.record, keeps_reason=self.keeps_reason)

    def to_json(self) -> dict[str, object]:
        """Stated seconds are simulated, wall seconds are the machine's."""
        return {
            "endpoint": self.endpoint,
            "kind": self.kind,
            "started": self.started_at.isoformat(),
            "ended": self.ended_at.isoformat() if self.ended_at else None,
            "simulated_seconds": self.seconds,
            "wall_seconds": self.wall_seconds,
            "outcome": self.outcome,
        }
