"""The time of the process: every wait and timestamp of the domain goes through here, so a rehearsal can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the domain asks of time."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits for that many seconds of this clock."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(seconds, 0.0))


_installed: Clock = SystemClock()


def current() -> Clock:
    """The clock of this process: the machine's, unless another was installed."""
    return _installed


def install(clock: Clock) -> None:
    """Makes `clock` the clock of this process; a rehearsal installs the simulator's."""
    global _installed
    _installed = clock
