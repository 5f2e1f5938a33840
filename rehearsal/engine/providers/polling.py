"""Waiting for what AWS does in its own time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

from rehearsal.simulated_clock import DEFAULT_PACE
from tidewatch.clock import SystemClock, get_clock

CANCELLED = Event()
"""Set when the user gave up: what still waits stops waiting."""


def wait_until(probe: Callable[[], bool], timeout: float = 3600.0) -> None:
    """Asks until it is so, ever less often, for `patience` seconds of this process's clock.

    On the machine's clock the pauses grow from 20 ms to 1 s, because the simulator settles in a hundredth of the time
    AWS takes; on a simulated clock they are a hundred times as long, and make time pass. Raises TimeoutError, and
    InterruptedError once CANCELLED is set.
    """
    clock, pause = get_clock(), 0.02
    deadline = clock.now() + timedelta(seconds=timeout)
    while not probe():
        if clock.now() > deadline:
            raise TimeoutError(f"gave up after {timeout:.0f} s")
        if isinstance(clock, SystemClock):
            CANCELLED.wait(pause)
        else:
            clock.sleep(pause / DEFAULT_PACE)
        if CANCELLED.is_set():
            raise InterruptedError("cancelled while waiting: refresh to see where it ended")
        pause = min(pause * 1.5, 1.0)
