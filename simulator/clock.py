"""The clock of a rehearsal: simulated time that several processes read from one small file and that can be moved ahead.

Only the standard library is used here: the process that runs a deployed function loads this file by its path.
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
"""Wall seconds that one simulated second of waiting takes."""
SHORTEST_SLEEP = 0.001
"""Wall seconds; below this a poll would only burn a core."""

_PAGE = struct.Struct("<ddd")
_STANDING = math.nan


class _Page:
    """Offset, pace and, for a clock that stands still between moves, its time; shared through a mapped file."""

    def __init__(self, path: Path | None, initial: tuple[float, float, float] | None) -> None:
        self._threads = threading.RLock()
        self._file: IO[bytes] | None = None
        if path is None:
            self._map = mmap.mmap(-1, _PAGE.size)
        else:
            if initial is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_PAGE.pack(*initial))
            self._file = path.open("r+b")
            self._map = mmap.mmap(self._file.fileno(), _PAGE.size)
        if initial is not None:
            self.write(*initial)

    def read(self) -> tuple[float, float, float]:
        return _PAGE.unpack_from(self._map, 0)

    def write(self, offset: float, pace: float, standing: float) -> None:
        _PAGE.pack_into(self._map, 0, offset, pace, standing)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds off every other thread and process that wants to move the clock."""
        with self._threads:
            if self._file is None:
                yield
                return
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)


class _Simulated:
    _page: _Page

    def timestamp(self) -> float:
        """Simulated seconds since the epoch."""
        offset, _, standing = self._page.read()
        return time.time() + offset if math.isnan(standing) else standing

    def now(self) -> datetime:
        """The simulated time, aware, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    @property
    def pace(self) -> float:
        """Wall seconds that one simulated second of waiting takes."""
        return self._page.read()[1]

    def advance(self, seconds: float) -> None:
        """Moves the clock ahead by simulated seconds; raises ValueError on a negative number."""
        if seconds < 0:
            raise ValueError(f"The clock cannot go back: {seconds} s; give 0 or more.")
        with self._page.exclusive():
            offset, pace, standing = self._page.read()
            self._page.write(offset + seconds, pace, standing + seconds)

    def advance_to(self, moment: datetime) -> None:
        """Moves the clock ahead to a moment; a moment that has passed changes nothing."""
        with self._page.exclusive():
            ahead = moment.timestamp() - self.timestamp()
            if ahead > 0:
                self.advance(ahead)


class SharedClock(_Simulated):
    """Simulated time = the machine's time + an offset kept in a file that every process of a rehearsal maps.

    `sleep` waits for pace wall seconds per simulated second and does not move the clock: the server does, once an
    operation's stated seconds have been waited for.
    """

    def __init__(self, path: Path) -> None:
        self._page = _Page(path, None)

    @classmethod
    def create(cls, path: Path, pace: float = DEFAULT_PACE) -> SharedClock:
        """Starts a clock at the machine's time, in a new file at path."""
        _Page(path, (0.0, pace, _STANDING))
        return cls(path)

    def sleep(self, seconds: float) -> None:
        """Waits for simulated seconds, at the clock's pace; a clock that stands still is moved by them."""
        _, pace, standing = self._page.read()
        if not math.isnan(standing):
            self.advance(max(seconds, 0.0))
        time.sleep(max(seconds * pace, SHORTEST_SLEEP))


class ManualClock(_Simulated):
    """Simulated time that stands still until somebody moves it or sleeps: polling makes time pass, at once.

    With a path, other processes see the same time through SharedClock.
    """

    def __init__(self, start: datetime | None = None, path: Path | None = None, pace: float = DEFAULT_PACE) -> None:
        begin = (start or datetime.now(UTC)).timestamp()
        self._page = _Page(path, (0.0, pace, begin))
        self.moved: list[Callable[[], None]] = []

    def sleep(self, seconds: float) -> None:
        """Moves the clock by simulated seconds and returns at once."""
        self.advance(max(seconds, 0.0))

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        for react in tuple(self.moved):
            react()

    def advance_to(self, moment: datetime) -> None:
        # Not under the lock, as SharedClock does it: what reacts may wait for others who want to move the clock.
        ahead = moment.timestamp() - self.timestamp()
        if ahead > 0:
            self.advance(ahead)
