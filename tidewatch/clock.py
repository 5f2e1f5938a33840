"""The clock of the process. All waits and timestamps of the domain use it, so a rehearsal can change the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

ENVIRONMENT_VARIABLE = "TIDEWATCH_CLOCK"
"""The environment variable with a rehearsal's clock, for processes that the rehearsal did not start."""


class Clock(Protocol):
    """The interface to time."""

    def now(self) -> datetime:
        """Returns the present time, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits for that many seconds of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(seconds, 0.0))


_installed: Clock = SystemClock()


def get_clock() -> Clock:
    """Returns the clock of this process: the machine's, unless another was installed."""
    return _installed


def install(clock: Clock) -> None:
    """Makes `clock` the clock of this process. A rehearsal installs the simulator's."""
    global _installed
    _installed = clock


def load_clock(reference: str) -> Clock:
    """Returns the clock that `module:class:file` names, of that class and with that file.

    Raises ValueError for another format, and what the import or the class raises.
    """
    module, class_name, file = (*reference.split(":", 2), "", "")[:3]
    if not (module and class_name and file):
        raise ValueError(
            f"{ENVIRONMENT_VARIABLE} is {reference!r}, not a clock: set it to module:class:file, or unset it."
        )
    create_clock = cast("Callable[[Path], Clock]", getattr(import_module(module), class_name))
    return create_clock(Path(file))
