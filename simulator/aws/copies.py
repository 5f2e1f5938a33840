"""Copies of the account that this process simulates: a fork has its memory, and a clock and functions of its own."""

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

from simulator.aws.functions import FunctionHost
from simulator.aws.server import make
from simulator.aws.world import world
from simulator.clock import ManualClock
from simulator.lifeline import end_with_reader
from tidewatch import clock as clocks

LOOK_SECONDS = 0.004
"""Wall seconds between two looks at what functions wait for."""
T = TypeVar("T")


class CopyBroken(RuntimeError):
    """A copy ended before it had an answer; the text says why."""


def own_world() -> ManualClock:
    """The clock, and the functions behind a port, of a process that was forked: those it was forked with are shared."""
    here = world()
    clock = ManualClock(here.now(), here.home / f"clock-{os.getpid()}")
    here.clock, here.clock_path = clock, here.home / f"clock-{os.getpid()}"
    clock.moved.append(here.settle)
    clocks.install(clock)
    server = make(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = FunctionHost(here.home, here.clock_path, lambda: f"http://127.0.0.1:{server.server_port}", here.now)
    own.kill_after = here.functions.kill_after
    here.functions = own
    return clock


def finish() -> None:
    """Until no function runs. A function that waits moves the clock by what it waits; how long it computes moves
    nothing, so that a slow machine plays what a fast one does."""
    here = world()
    while any(thread.is_alive() for thread in list(here.running)):
        here.settle()
        time.sleep(LOOK_SECONDS)


def begin(work: Callable[[], T]) -> tuple[int, int]:
    """A copy of this process that does the work, and ends with it or with whoever asked for it: its id, and where its
    answer is to be read."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _child(work, reading, writing)
    os.close(writing)
    return pid, reading


def ended(pid: int, reading: int) -> Any:
    """What a copy answered, once it has. Raises CopyBroken."""
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    if not answer:
        raise CopyBroken("the copy died without a word")
    kind, found = pickle.loads(answer)  # nosec B301 # from a fork of this process, by a pipe of ours
    if kind == "failed":
        raise CopyBroken(found)
    return found


def given_up(pids: Iterable[int]) -> None:
    """Ends copies that nobody will hear any more; those that ended by themselves are none of its business."""
    for pid in pids:
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _child(work: Callable[[], T], reading: int, writing: int) -> None:
    """Never returns."""
    try:
        os.close(reading)
        end_with_reader(writing)
        try:
            answer = pickle.dumps(("done", work()))
        except BaseException:
            answer = pickle.dumps(("failed", traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        world().functions.close()
    finally:
        os._exit(0)
