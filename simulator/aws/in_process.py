"""The simulator within a test's own process: moto's mock, the same fillings, and a clock that stands still."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.aws.world import enter, leave, world
from simulator.clock import ManualClock

if TYPE_CHECKING:
    from simulator.control import Control

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday morning."""


@contextmanager
def in_process(start: datetime = START) -> Iterator[ManualClock]:
    """boto3 talks to the simulator in this process, from here to the end of the block; yields its clock.

    Whoever moves the clock, or sleeps on it, makes the platform go on: operations end, events and schedules fire.
    A function that is invoked runs in a process of its own and is served from a port that is opened for it.
    """
    from moto import mock_aws

    from simulator.aws.install import fill_gaps, new_world

    fill_gaps()
    _read_models_once()
    with tempfile.TemporaryDirectory(prefix="tidewatch-simulator-") as folder:
        home = Path(folder)
        clock = ManualClock(start, home / "clock")
        door = _Door()
        created = new_world(clock, home / "clock", home, door.address)
        enter(created)
        clock.moved.append(created.settle)
        try:
            with mock_aws():
                yield clock
        finally:
            leave()
            door.close()


@functools.cache
def _read_models_once() -> None:
    """moto begins a new boto3 session with every account, and each would parse megabytes of AWS's models again."""
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


def local_control() -> Control:
    """The control client of the simulator in this process."""
    from simulator.aws.control_api import answer
    from simulator.control import Control

    return Control.local(lambda path, body: answer(world(), path, body))


class _Door:
    """A port of this process, opened when the first function asks for it."""

    def __init__(self) -> None:
        self._server: object = None
        self._url = ""
        self._lock = threading.Lock()

    def address(self) -> str:
        from simulator.aws.server import make

        with self._lock:
            if not self._url:
                server = make(0)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                self._server, self._url = server, f"http://127.0.0.1:{server.server_port}"
            return self._url

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()  # type: ignore[attr-defined]
            self._server.server_close()  # type: ignore[attr-defined]
