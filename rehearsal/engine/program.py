"""Runs the program in this process as the language host would in a new one."""

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
"""Registrations at once, the CLI's default."""


def run_program(run: DeploymentRun) -> None:
    """Plays the program against the run's monitor.

    Raises what stopped it, after every call that was under way has ended; the sentences are in `run.errors`.
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
    # A program that fails abandons its tasks; the language host keeps quiet about them too.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        loop.run_until_complete(run_in_stack(lambda: _main(program)))
    except BaseException as error:
        # Noted before the calls under way are waited for, so that none of those still queued starts.
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
    """Waits for what the program has declared, until all of it is known or something has failed.

    Pulumi waits for it too, but looks at every output anew whenever one of them is known: of two hundred resources that
    is as much work as deploying them. What failed is left to it to tell.
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
    """The process as a new one would find it: the program's folder, and none of its modules imported.

    `forget` names top-level packages. The host's own imports of them stand aside and return afterwards, so that
    classes it holds stay the ones it knows. What the program changes in the process is put back.
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
    """Ctrl-C stays what the host makes of it.

    Programs leave it to the system, against the noise of the language host that they expect: this process would die of
    it in the middle of a run, and put nothing away.
    """
    install = signal.signal

    def install_unless_sigint(number: int, handler: Any) -> Any:
        return signal.getsignal(number) if number == signal.SIGINT else install(number, handler)

    signal.signal = install_unless_sigint
    try:
        yield
    finally:
        signal.signal = install
