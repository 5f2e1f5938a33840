"""Waits for asynchronous operations of AWS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

from rehearsal.simulated_clock import DEFAULT_PACE
from tidewatch.clock import SystemClock, get_clock

CANCELLED = Event()
"""Set after a cancellation by the user; all waits then end."""


def wait_until(probe: Callable[[], bool], timeout: float = 3600.0) -> None:
    """Polls at growing intervals until the probe succeeds, for `timeout` seconds of this process's clock.

    On the machine's clock the pauses grow from 20 ms to 1 s, because the simulator is a hundred times as fast as AWS.
    On a simulated clock they are a hundred times as long, and advance it. Raises TimeoutError, and InterruptedError
    when CANCELLED is set.
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
