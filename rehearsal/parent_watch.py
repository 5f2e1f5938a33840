"""Ends a process together with the one that started it, however that one ended.

A pipe connects them, and nobody writes to it: its end closes when the process that holds it dies. This module uses only
the standard library, since the process that runs a deployed function loads this file by its path.
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
    """Ends this process, whatever it does, when the last writer of the pipe is gone."""
    with contextlib.suppress(AttributeError, OSError):
        # Linux sends a signal, whose default action needs no thread to run: a thread would wait while a handler is
        # stuck in a regular expression.
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    call_when_closed(descriptor, _exit_now)


def call_when_closed(descriptor: int, callback: Callable[[], object]) -> None:
    """Calls back in a thread when the last writer of a pipe that this process reads is gone."""

    def wait_for_close() -> None:
        with contextlib.suppress(OSError):
            while os.read(descriptor, 512):
                pass
        callback()

    threading.Thread(target=wait_for_close, daemon=True).start()


def exit_when_reader_closes(descriptor: int) -> None:
    """Ends this process when the last reader of a pipe is gone."""

    def wait_for_close() -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # POLLERR for a closed read end needs no registered event
        poll.poll()
        _exit_now()

    threading.Thread(target=wait_for_close, daemon=True).start()


def _exit_now() -> None:
    os._exit(1)
