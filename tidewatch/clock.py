"""The time of the process: every wait and timestamp of the domain goes through here, so a rehearsal can move it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

ENVIRONMENT_VARIABLE = "TIDEWATCH_CLOCK"
"""The environment variable that names the clock of a rehearsal, for processes that the rehearsal did not start."""


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


def get_clock() -> Clock:
    """The clock of this process: the machine's, unless another was installed."""
    return _installed


def install(clock: Clock) -> None:
    """Makes `clock` the clock of this process; a rehearsal installs the simulator's."""
    global _installed
    _installed = clock


def load_clock(reference: str) -> Clock:
    """The clock that `module:class:file` names: of that class, kept in that file.

    Raises ValueError where it is not of that form, and what the import or the class raises.
    """
    module, class_name, file = (*reference.split(":", 2), "", "")[:3]
    if not (module and class_name and file):
        raise ValueError(
            f"{ENVIRONMENT_VARIABLE} is {reference!r}; it names a clock as module:class:file, or is not set."
        )
    create_clock = cast("Callable[[Path], Clock]", getattr(import_module(module), class_name))
    return create_clock(Path(file))
