"""Polling with growing pauses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tidewatch.clock import Clock

FIRST_SECONDS = 0.1
MAX_SECONDS = 5.0
GROWTH = 1.5


class Backoff:
    """Pauses between polls, until `limit` seconds of the clock have passed.

    `beat` is called before each pause.
    """

    def __init__(
        self,
        clock: Clock,
        limit: float,
        first_pause: float = FIRST_SECONDS,
        max_pause: float = MAX_SECONDS,
        beat: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._deadline = clock.now() + timedelta(seconds=limit)
        self._pause = first_pause
        self._max_pause = max_pause
        self._beat = beat

    def wait(self) -> bool:
        """Sleeps once. Returns False, without sleeping, once the limit has passed."""
        remaining = (self._deadline - self._clock.now()).total_seconds()
        if remaining <= 0:
            return False
        if self._beat:
            self._beat()
        self._clock.sleep(min(self._pause, remaining))
        self._pause = min(self._pause * GROWTH, self._max_pause)
        return True
