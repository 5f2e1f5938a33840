"""A process that ends with the one that started it, however that one ended.

What ties them is a pipe into which nobody writes: its end closes when the process that holds it dies. Only the standard
library is used here: the process that runs a deployed function loads this file by its path.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import threading
from collections.abc import Callable


def exit_when_writer_closes(descriptor: int) -> None:
    """Ends this process, whatever it does, once the pipe that it reads from has no writer left."""
    with contextlib.suppress(AttributeError, OSError):
        # Linux tells by a signal that needs no thread's turn: a thread waits for a handler that is lost in a regular
        # expression.
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    call_when_closed(descriptor, _exit_now)


def call_when_closed(descriptor: int, callback: Callable[[], object]) -> None:
    """Acts, in a thread, once a pipe that this process reads from has no writer left."""

    def wait_for_close() -> None:
        with contextlib.suppress(OSError):
            while os.read(descriptor, 512):
                pass
        callback()

    threading.Thread(target=wait_for_close, daemon=True).start()


def exit_when_reader_closes(descriptor: int) -> None:
    """Ends this process once nobody is left to read what it will write into a pipe."""

    def wait_for_close() -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # that the other end is closed is told without being asked for
        poll.poll()
        _exit_now()

    threading.Thread(target=wait_for_close, daemon=True).start()


def _exit_now() -> None:
    os._exit(1)
