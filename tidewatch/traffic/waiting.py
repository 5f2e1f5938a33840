"""Waiting by the clock: short at first, longer as it lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tidewatch.clock import Clock

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
GROWTH = 1.5


class Backoff:
    """Pauses between polls, until `limit` seconds of the clock have passed. `beat` is called before each."""

    def __init__(
        self,
        clock: Clock,
        limit: float,
        first: float = FIRST_SECONDS,
        longest: float = LONGEST_SECONDS,
        beat: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._ends = clock.now() + timedelta(seconds=limit)
        self._pause = first
        self._longest = longest
        self._beat = beat

    def wait(self) -> bool:
        """Sleeps once; False, without sleeping, when the limit has passed."""
        left = (self._ends - self._clock.now()).total_seconds()
        if left <= 0:
            return False
        if self._beat:
            self._beat()
        self._clock.sleep(min(self._pause, left))
        self._pause = min(self._pause * GROWTH, self._longest)
        return True
