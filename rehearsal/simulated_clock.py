"""The clock of a rehearsal: simulated time that several processes read from one small file and that can be advanced.

This module uses only the standard library, since the process that runs a deployed function loads this file by its path.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

DEFAULT_PACE = 1 / 100
"""Wall seconds for one simulated second of waiting."""
SHORTEST_SLEEP = 0.001
"""Wall seconds; shorter sleeps would keep a core busy with polls."""

_LAYOUT = struct.Struct("<ddd")
_NOT_FROZEN = math.nan


class _SharedState:
    """Offset, pace and, for a manual clock, its time; shared through a mapped file."""

    def __init__(self, path: Path | None, initial: tuple[float, float, float] | None) -> None:
        self._thread_lock = threading.RLock()
        self._file: IO[bytes] | None = None
        if path is None:
            self._map = mmap.mmap(-1, _LAYOUT.size)
        else:
            if initial is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_LAYOUT.pack(*initial))
            self._file = path.open("r+b")
            self._map = mmap.mmap(self._file.fileno(), _LAYOUT.size)
        if initial is not None:
            self.write(*initial)

    def read(self) -> tuple[float, float, float]:
        return _LAYOUT.unpack_from(self._map, 0)

    def write(self, offset: float, pace: float, frozen_at: float) -> None:
        _LAYOUT.pack_into(self._map, 0, offset, pace, frozen_at)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Blocks every other thread and process that wants to move the clock."""
        with self._thread_lock:
            if self._file is None:
                yield
                return
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)


class _SimulatedClock:
    _shared: _SharedState

    def timestamp(self) -> float:
        """Simulated seconds since the epoch."""
        offset, _, frozen_at = self._shared.read()
        return time.time() + offset if math.isnan(frozen_at) else frozen_at

    def now(self) -> datetime:
        """The simulated time, aware, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    @property
    def pace(self) -> float:
        """Wall seconds for one simulated second of waiting."""
        return self._shared.read()[1]

    def advance(self, seconds: float) -> None:
        """Moves the clock ahead by simulated seconds. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError(f"The clock cannot go back: {seconds} s; give 0 or more.")
        with self._shared.lock():
            offset, pace, frozen_at = self._shared.read()
            self._shared.write(offset + seconds, pace, frozen_at + seconds)

    def advance_to(self, moment: datetime) -> None:
        """Moves the clock ahead to a moment; a moment in the past changes nothing."""
        with self._shared.lock():
            ahead = moment.timestamp() - self.timestamp()
            if ahead > 0:
                self.advance(ahead)


class SharedClock(_SimulatedClock):
    """Simulated time = the machine's time + an offset in a file that every process of a rehearsal maps.

    `sleep` waits for pace wall seconds per simulated second and does not move the clock: the server moves it after an
    operation's stated seconds have passed.
    """

    def __init__(self, path: Path) -> None:
        self._shared = _SharedState(path, None)

    @classmethod
    def create(cls, path: Path, pace: float = DEFAULT_PACE) -> SharedClock:
        """Creates a clock at the machine's time, in a new file at `path`."""
        _SharedState(path, (0.0, pace, _NOT_FROZEN))
        return cls(path)

    def sleep(self, seconds: float) -> None:
        """Waits for simulated seconds at the clock's pace; a manual clock is moved by them."""
        _, pace, frozen_at = self._shared.read()
        if not math.isnan(frozen_at):
            self.advance(max(seconds, 0.0))
        time.sleep(max(seconds * pace, SHORTEST_SLEEP))


class ManualClock(_SimulatedClock):
    """Simulated time that stands still until somebody moves it or sleeps: polling advances it at once.

    With a path, other processes see the same time through SharedClock.
    """

    def __init__(self, start: datetime | None = None, path: Path | None = None, pace: float = DEFAULT_PACE) -> None:
        started_at = (start or datetime.now(UTC)).timestamp()
        self._shared = _SharedState(path, (0.0, pace, started_at))
        self.on_advance: list[Callable[[], None]] = []

    def sleep(self, seconds: float) -> None:
        """Moves the clock by simulated seconds and returns at once."""
        self.advance(max(seconds, 0.0))

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        for callback in tuple(self.on_advance):
            callback()

    def advance_to(self, moment: datetime) -> None:
        # Does not hold the lock as SharedClock does: a reaction to the new time may wait for others who want to move
        # the clock.
        ahead = moment.timestamp() - self.timestamp()
        if ahead > 0:
            self.advance(ahead)
