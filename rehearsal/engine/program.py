"""Runs the program in this process, as the language host would in a new one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import runpy
import signal
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import Settings, configure, run_in_stack, set_all_config
from pulumi.runtime.settings import SETTINGS

from rehearsal.engine.resource_monitor import Diagnostics, ResourceMonitor
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.sdk_patches import reduce_sdk_overhead

PARALLELISM = 16
"""Concurrent registrations, the CLI's default."""


def run_program(run: DeploymentRun) -> None:
    """Runs the program against the run's monitor.

    Raises the program's error after every running call has ended; the messages are in `run.errors`.
    """
    stack = run.stack
    configure(
        Settings(
            stack.project,
            stack.name,
            ResourceMonitor(run),
            Diagnostics(run),
            dry_run=run.dry,
            organization="organization",
            root_directory=str(stack.program),
        )
    )
    set_all_config(dict(stack.config), list(stack.secrets))
    with reduce_sdk_overhead():
        _execute(run, stack.program)


def _execute(run: DeploymentRun, program: Path) -> None:
    loop, pool = asyncio.new_event_loop(), ThreadPoolExecutor(PARALLELISM)
    loop.set_default_executor(pool)
    # A failing program abandons its tasks; the language host hides their errors too.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        loop.run_until_complete(run_in_stack(lambda: _main(program)))
    except BaseException as error:
        # Recorded before the wait for running calls, so that no queued call starts.
        if not run.errors:
            run.errors.append(str(error) if isinstance(error, pulumi.RunError) else traceback.format_exc())
        raise
    finally:
        pool.shutdown()
        _cancel(loop)
        loop.close()


async def _main(program: Path) -> None:
    runpy.run_path(str(program), run_name="__main__")
    await _wait_for_outputs()


async def _wait_for_outputs() -> None:
    """Waits until all declared outputs are known or something has failed.

    Pulumi waits too, but rescans every output whenever one becomes known, which takes as long as the deployment for two
    hundred resources. Pulumi's own wait reports the failure.
    """
    while waiting := [task for task in cast("Any", SETTINGS).outputs if not task.done()]:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if any(task.cancelled() or task.exception() for task in done):
            return


def _cancel(loop: asyncio.AbstractEventLoop) -> None:
    if tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks))


@contextlib.contextmanager
def isolate_process(program: Path, packages: tuple[str, ...]) -> Iterator[None]:
    """Gives the program a fresh process environment: its folder as working directory, none of its modules imported.

    `packages` are top-level packages. The host's imports of them are set aside and restored afterwards, so that the
    host's references to their classes stay valid. Changes that the program makes in the process are undone.
    """
    path = list(sys.path)
    with contextlib.chdir(program), _preserve_sigint_handler(), _unload_packages(packages):
        sys.path.insert(0, str(program))
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:] = path


@contextlib.contextmanager
def _unload_packages(packages: tuple[str, ...]) -> Iterator[None]:
    def pop_modules() -> dict[str, object]:
        return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".", 1)[0] in packages}

    host_modules = pop_modules()
    try:
        yield
    finally:
        pop_modules()
        sys.modules.update(host_modules)  # type: ignore[arg-type]


@contextlib.contextmanager
def _preserve_sigint_handler() -> Iterator[None]:
    """Keeps the host's handler of Ctrl-C.

    Programs restore the default handler to silence the language host's traceback. Here the default would kill this
    process during a run, without any cleanup.
    """
    install = signal.signal

    def install_unless_sigint(number: int, handler: Any) -> Any:
        return signal.getsignal(number) if number == signal.SIGINT else install(number, handler)

    signal.signal = install_unless_sigint
    try:
        yield
    finally:
        signal.signal = install
