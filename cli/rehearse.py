"""`tidewatch rehearse`: the whole story on this machine, against a simulated AWS, or its game days."""

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
from cli.outputs import ROOT
from simulator.control import ControlError
from simulator.engine import DeploymentFailed
from simulator.rehearsal.commands import CommandFailed
from simulator.rehearsal.home import REHEARSAL, Home
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import RehearsalFailed, RehearsalRunning, staged
from simulator.session import PortInUse, SimulatorBroken

if TYPE_CHECKING:
    from simulator.rehearsal.own import Own

ENDED_BY = 128
"""What shells add to the number of a signal for the exit code of what it ended."""
LOOK_SECONDS = 0.5
_STOPPED = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "its terminal was closed"}


def rehearse(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The simulator's port; else a free one.")] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the simulated AWS running until Ctrl-C.")] = False,
    scenario: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Play a game day instead; may be given again.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Play every game day, and drive every alarm.")] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="Play the game days beside two other stacks, which must stay silent.")
    ] = False,
    own: Annotated[
        Path | None,
        typer.Option("--with", metavar="FOLDER", help="Play the story with a model and requests of your own."),
    ] = None,
) -> None:
    """Deploys the program to a simulated AWS, serves real flights, promotes a canary and rolls it back.

    With --with FOLDER: the same with a model and requests of yours, as docs/rehearsing-your-own.md says.
    With --scenario or --all: breaks a deployed copy on purpose and tells whether what must happen does.
    """
    console = Console(highlight=False)
    if every or scenario:
        if own:
            raise UserError("--with belongs to the story: game days are played with the flights")
        if stay or port:
            raise UserError("--port and --stay belong to the story: a game day has an account of its own, without port")
        _game_days(console, scenario or (), every=every, beside=beside)
        return
    if beside:
        raise UserError("--beside is of game days: name one with --scenario, or play --all")
    _story(console, port, stay, own)


def _story(console: Console, port: int | None, stay: bool, own: Path | None) -> None:
    # A user's mistake is told before anything starts.
    brought = _brought(own) if own else None
    with _sentences(), staged(ROOT, port) as stage:
        from simulator.rehearsal.built_in import Flights  # LightGBM and the flights load slowly
        from simulator.rehearsal.play import Play

        console.print(f"AWS is simulated at {stage.session.url}; how faithfully: docs/fidelity.md", soft_wrap=True)
        summary = Play(stage, Screen(console), brought or Flights()).run()
        Screen(console).table("What was shown", summary.rows())
        console.print(f"\nIn numbers: {stage.home.summary.relative_to(ROOT)}")
        console.print(f"The game day, drawn: {stage.home.report.relative_to(ROOT)}")
        if stay:
            _stay(console)


def _brought(folder: Path) -> Own:
    """What the user brings. Raises UserError."""
    from simulator.rehearsal.own import OwnRefused, read

    try:
        return read(folder, ROOT)
    except OwnRefused as refused:
        raise UserError(str(refused)) from refused


def _game_days(console: Console, names: Sequence[str], *, every: bool, beside: bool) -> None:
    from simulator.scenarios import SCENARIOS

    if unknown := [name for name in names if name not in SCENARIOS]:
        near = difflib.get_close_matches(unknown[0], SCENARIOS, 1)
        meant = f", did you mean {near[0]}?" if near else ";"
        raise UserError(f"there is no game day {unknown[0]}{meant} they are {', '.join(SCENARIOS)}")
    from simulator.rehearsal import days  # loads all that a refusal does without

    began, home = time.monotonic(), Home.of(ROOT)
    console.print("AWS is simulated, in this process; how faithfully: docs/fidelity.md", soft_wrap=True)
    with _sentences():
        chosen = list(SCENARIOS.values()) if every else [SCENARIOS[name] for name in dict.fromkeys(names)]
        outcomes, pages = days.play(ROOT, Screen(console), chosen, every=every, beside=beside)
    Screen(console).grid("Game days", days.HEADINGS, days.rows(outcomes), sentences=True)
    console.print("Seconds count from the first bad datapoint; platform: AWS's, simulated, as stated; ours: measured.")
    console.print(f"Drawn: {', '.join(str(page.relative_to(ROOT)) for page in pages)}", soft_wrap=True)
    if every:
        console.print(f"What drove every alarm: {home.alarms.relative_to(ROOT)}")
    failed = [one.scenario for one in outcomes if not one.passed]
    console.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} as they must, in {time.monotonic() - began:.0f} s")
    if failed:
        raise UserError(f"these did not end as they must: {', '.join(failed)}; the report shows what was seen")


class _Told(KeyboardInterrupt):
    """A signal that asks this process to end; what puts a rehearsal away after Ctrl-C does it then too."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """What a service manager, or a terminal that is closed, sends, puts away what Ctrl-C does."""

    def tell(number: int, _frame: object) -> None:
        for each in _STOPPED.keys() - {signal.SIGINT}:
            signal.signal(each, signal.SIG_IGN)  # once is enough: what puts things away is not to be interrupted
        raise _Told(signal.Signals(number))

    # Whoever has it ignored, by nohup say, wants that.
    taken = {each: signal.getsignal(each) for each in _STOPPED.keys() - {signal.SIGINT}}
    taken = {each: handler for each, handler in taken.items() if handler is not signal.SIG_IGN}
    for each in taken:
        signal.signal(each, tell)
    try:
        yield
    finally:
        for each, handler in taken.items():
            signal.signal(each, handler)


@contextmanager
def _sentences() -> Iterator[None]:
    """What can go wrong in a rehearsal, as what its user reads."""
    from simulator.aws.copies import CopyBroken

    try:
        with _ended_as_by_ctrl_c():
            yield
    except (
        CommandFailed,
        ControlError,
        PortInUse,
        RehearsalFailed,
        RehearsalRunning,
        CopyBroken,
        SimulatorBroken,
    ) as error:
        raise UserError(str(error)) from error
    except DeploymentFailed as failed:
        raise UserError("the deployment failed:\n" + "\n".join(failed.errors)) from failed
    except KeyboardInterrupt as stopped:
        number = stopped.number if isinstance(stopped, _Told) else signal.SIGINT
        with suppress(OSError):  # the terminal may be gone
            typer.echo(
                f"tidewatch: {_STOPPED[number]}: the rehearsal is over, and nothing of it runs any more", err=True
            )
            sys.stdout.flush()
        # Nobody needs what threads are still at, the training say: Python would wait for them.
        os._exit(ENDED_BY + number)


def _stay(console: Console) -> None:
    never = threading.Event()
    try:
        console.print(
            f"The simulated AWS stays. In another terminal try `tidewatch status --stack {REHEARSAL}`, or promote and "
            f"`tidewatch up --stack {REHEARSAL}`. Ctrl-C ends it.",
            soft_wrap=True,
        )
        sys.stdout.flush()
        # Looked at now and then: one long wait is not interrupted once a native library has set its own handlers.
        while not never.wait(LOOK_SECONDS):
            pass
    except _Told:
        raise
    except KeyboardInterrupt:
        console.print("Ended.")
