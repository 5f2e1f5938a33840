"""Copies of the simulated account: a fork shares its memory, and has its own clock and functions."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from rehearsal.aws.account import current_account
from rehearsal.aws.lambda_.function_host import FunctionHost
from rehearsal.aws.server import create_server
from rehearsal.parent_watch import exit_when_reader_closes
from rehearsal.simulated_clock import ManualClock
from tidewatch import clock as clocks

POLL_SECONDS = 0.004
"""Wall seconds between two polls of the running functions."""
T = TypeVar("T")


class ForkFailed(RuntimeError):
    """A copy ended without a result; the message has the reason."""


def isolate_account() -> ManualClock:
    """Replaces the clock and the functions in a forked process, which it would share with its parent."""
    account = current_account()
    clock = ManualClock(account.now(), account.directory / f"clock-{os.getpid()}")
    account.clock, account.clock_path = clock, account.directory / f"clock-{os.getpid()}"
    clock.on_advance.append(account.settle)
    clocks.install(clock)
    server = create_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    functions = FunctionHost(
        account.directory, account.clock_path, lambda: f"http://127.0.0.1:{server.server_port}", account.now
    )
    functions.kill_after = account.functions.kill_after
    account.functions = functions
    return clock


def wait_for_functions() -> None:
    """Waits until no function runs.

    A function that waits moves the clock by its wait; its computing time does not, so that a slow machine gives the
    same results as a fast one.
    """
    account = current_account()
    while any(thread.is_alive() for thread in list(account.invocation_threads)):
        account.settle()
        time.sleep(POLL_SECONDS)


def fork(work: Callable[[], T]) -> tuple[int, int]:
    """Forks this process to do the work. Returns the process id and the descriptor of the result.

    The fork ends with the work, or when its parent ends.
    """
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if not pid:
        _run_child(work, read_fd, write_fd)
    os.close(write_fd)
    return pid, read_fd


def read_result(pid: int, read_fd: int) -> Any:
    """Waits for the result of a copy. Raises ForkFailed."""
    with os.fdopen(read_fd, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    if not answer:
        raise ForkFailed("the copy died without a word")
    kind, value = pickle.loads(answer)  # nosec B301 # from a fork of this process, by a pipe of ours
    if kind == "failed":
        raise ForkFailed(value)
    return value


def kill(pids: Iterable[int]) -> None:
    """Ends copies whose results nobody will read; those that have already ended are skipped."""
    for pid in pids:
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _run_child(work: Callable[[], T], read_fd: int, write_fd: int) -> None:
    """Runs the work and writes its result; never returns."""
    try:
        os.close(read_fd)
        exit_when_reader_closes(write_fd)
        try:
            answer = pickle.dumps(("done", work()))
        except BaseException:
            answer = pickle.dumps(("failed", traceback.format_exc()))
        with os.fdopen(write_fd, "wb") as pipe:
            pipe.write(answer)
        current_account().functions.close()
    finally:
        os._exit(0)
