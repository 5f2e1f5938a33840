"""`tidewatch rehearse`: runs the demo or the game days on this machine, against a simulated AWS."""

from __future__ import annotations

import difflib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import Console
from cli.errors import UserError
from cli.project import ROOT
from rehearsal.control_client import ControlError
from rehearsal.demo.commands import CommandFailed
from rehearsal.demo.console import ProgressConsole
from rehearsal.demo.environment import RehearsalFailed, RehearsalRunning, start_environment
from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from rehearsal.engine import OperationFailed
from rehearsal.simulator_process import PortInUse, SimulatorFailed

if TYPE_CHECKING:
    from rehearsal.demo.user_model import UserWorkload

SIGNAL_EXIT_BASE = 128
"""Shells add this to the number of the signal that ended a process, for its exit code."""
POLL_SECONDS = 0.5
_SIGNAL_MESSAGES = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "its terminal was closed",
}


def rehearse(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The simulator's port; by default a free one.")
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the simulated AWS running until Ctrl-C.")] = False,
    scenario: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Play a game day instead; repeat for several.")
    ] = None,
    all_game_days: Annotated[bool, typer.Option("--all", help="Play every game day, and trigger every alarm.")] = False,
    beside_other_stacks: Annotated[
        bool, typer.Option("--beside", help="Play the game days beside two other stacks, which must stay silent.")
    ] = False,
    own_folder: Annotated[
        Path | None,
        typer.Option("--with", metavar="FOLDER", help="Play the demo with your own model and requests."),
    ] = None,
) -> None:
    """Deploys the program to a simulated AWS, serves real flights, promotes a canary and rolls it back.

    With --with FOLDER: the same with your own model and requests, as docs/rehearsing-your-own.md describes.
    With --scenario or --all: breaks a deployed copy on purpose and reports whether the expected happens.
    """
    console = Console(highlight=False)
    if all_game_days or scenario:
        if own_folder:
            raise UserError("--with is for the demo: game days use the flights")
        if stay or port:
            raise UserError("--port and --stay are for the demo: a game day has its own account, without a port")
        _run_game_days(console, scenario or (), all_game_days=all_game_days, beside_other_stacks=beside_other_stacks)
        return
    if beside_other_stacks:
        raise UserError("--beside is for game days: name one with --scenario, or play --all")
    _run_demo(console, port, stay, own_folder)


def _run_demo(console: Console, port: int | None, stay: bool, own_folder: Path | None) -> None:
    # Reports a user's mistake before anything starts.
    own_model = _load_own_model(own_folder) if own_folder else None
    with _convert_errors(), start_environment(ROOT, port) as environment:
        from rehearsal.demo.demo import Demo
        from rehearsal.demo.flights_workload import FlightsWorkload

        console.print(
            f"AWS is simulated at {environment.session.url}; how faithfully: docs/fidelity.md", soft_wrap=True
        )
        summary = Demo(environment, ProgressConsole(console), own_model or FlightsWorkload()).run()
        ProgressConsole(console).print_summary("What was shown", summary.rows())
        console.print(f"\nIn numbers: {environment.paths.summary_file.relative_to(ROOT)}")
        console.print(f"The game day, drawn: {environment.paths.report_file.relative_to(ROOT)}")
        if stay:
            _wait_for_interrupt(console)


def _load_own_model(folder: Path) -> UserWorkload:
    """Loads the user's model and requests. Raises UserError."""
    from rehearsal.demo.user_model import InvalidUserFolder, read_user_folder

    try:
        return read_user_folder(folder, ROOT)
    except InvalidUserFolder as error:
        raise UserError(str(error)) from error


def _run_game_days(console: Console, names: Sequence[str], *, all_game_days: bool, beside_other_stacks: bool) -> None:
    from rehearsal.gamedays import SCENARIOS

    if unknown := [name for name in names if name not in SCENARIOS]:
        close_matches = difflib.get_close_matches(unknown[0], SCENARIOS, 1)
        suggestion = f", did you mean {close_matches[0]}?" if close_matches else ";"
        raise UserError(f"there is no game day {unknown[0]}{suggestion} they are {', '.join(SCENARIOS)}")
    from rehearsal.gamedays import runner

    started_at, paths = time.monotonic(), RehearsalPaths.of(ROOT)
    console.print("AWS is simulated, in this process; how faithfully: docs/fidelity.md", soft_wrap=True)
    with _convert_errors():
        chosen = list(SCENARIOS.values()) if all_game_days else [SCENARIOS[name] for name in dict.fromkeys(names)]
        outcomes, pages = runner.run_game_days(
            ROOT, ProgressConsole(console), chosen, run_all=all_game_days, with_neighbours=beside_other_stacks
        )
    ProgressConsole(console).print_grid(
        "Game days", runner.TABLE_HEADINGS, runner.build_table_rows(outcomes), sentences=True
    )
    console.print("Seconds count from the first bad datapoint; platform: AWS's, simulated, as stated; ours: measured.")
    console.print(f"Drawn: {', '.join(str(page.relative_to(ROOT)) for page in pages)}", soft_wrap=True)
    if all_game_days:
        console.print(f"What drove every alarm: {paths.alarm_coverage_file.relative_to(ROOT)}")
    failed = [outcome.scenario for outcome in outcomes if not outcome.passed]
    console.print(
        f"{len(outcomes) - len(failed)} of {len(outcomes)} ended as expected, in {time.monotonic() - started_at:.0f} s"
    )
    if failed:
        raise UserError(f"these did not end as expected: {', '.join(failed)}; see the report")


class _TerminationSignal(KeyboardInterrupt):
    """A signal that ends this process; its cleanup is the same as after Ctrl-C."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


@contextmanager
def _handle_termination_signals() -> Iterator[None]:
    """Cleans up as after Ctrl-C if a service manager or a closed terminal ends the process."""

    def raise_termination(number: int, _frame: object) -> None:
        for signum in _SIGNAL_MESSAGES.keys() - {signal.SIGINT}:
            signal.signal(signum, signal.SIG_IGN)  # a second signal must not interrupt the cleanup
        raise _TerminationSignal(signal.Signals(number))

    # A process that started with the signal ignored, as with nohup, keeps ignoring it.
    previous_handlers = {signum: signal.getsignal(signum) for signum in _SIGNAL_MESSAGES.keys() - {signal.SIGINT}}
    previous_handlers = {
        signum: handler for signum, handler in previous_handlers.items() if handler is not signal.SIG_IGN
    }
    for signum in previous_handlers:
        signal.signal(signum, raise_termination)
    try:
        yield
    finally:
        for signum, handler in previous_handlers.items():
            signal.signal(signum, handler)


@contextmanager
def _convert_errors() -> Iterator[None]:
    """Converts the expected errors of a rehearsal into messages for the user."""
    from rehearsal.aws.forking import ForkFailed

    try:
        with _handle_termination_signals():
            yield
    except (
        CommandFailed,
        ControlError,
        PortInUse,
        RehearsalFailed,
        RehearsalRunning,
        ForkFailed,
        SimulatorFailed,
    ) as error:
        raise UserError(str(error)) from error
    except OperationFailed as error:
        raise UserError("the deployment failed:\n" + "\n".join(error.errors)) from error
    except KeyboardInterrupt as interrupt:
        number = interrupt.number if isinstance(interrupt, _TerminationSignal) else signal.SIGINT
        with suppress(OSError):  # the terminal may be closed
            typer.echo(
                f"tidewatch: {_SIGNAL_MESSAGES[number]}: the rehearsal is over, and all its processes have ended",
                err=True,
            )
            sys.stdout.flush()
        # Threads that still run, like the training, have no use now, and Python would wait for them.
        os._exit(SIGNAL_EXIT_BASE + number)


def _wait_for_interrupt(console: Console) -> None:
    stop_event = threading.Event()
    try:
        console.print(
            f"The simulated AWS stays. In another terminal try `tidewatch status --stack {REHEARSAL}`, or "
            f"promote and `tidewatch up --stack {REHEARSAL}`. Ctrl-C ends it.",
            soft_wrap=True,
        )
        sys.stdout.flush()
        # Polls, because a native library that sets its own signal handlers would leave one long wait uninterrupted.
        while not stop_event.wait(POLL_SECONDS):
            pass
    except _TerminationSignal:
        raise
    except KeyboardInterrupt:
        console.print("Ended.")
