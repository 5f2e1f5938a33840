"""`tidewatch rehearse`: the whole story on this machine, against a simulated AWS."""

from __future__ import annotations

import sys
import threading
from typing import Annotated

import typer
from rich.console import Console

from cli.errors import UserError
from cli.outputs import ROOT
from simulator.control import ControlError
from simulator.engine import DeploymentFailed
from simulator.rehearsal.commands import CommandFailed
from simulator.rehearsal.home import REHEARSAL
from simulator.rehearsal.screen import Screen
from simulator.rehearsal.stage import RehearsalRunning, staged
from simulator.session import PortInUse, SimulatorBroken


def rehearse(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The simulator's port; else a free one.")] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the simulated AWS running until Ctrl-C.")] = False,
) -> None:
    """Deploys the program to a simulated AWS, serves real flights, promotes a canary and rolls it back."""
    from simulator.rehearsal.play import Play, RehearsalFailed  # LightGBM and the flights load slowly

    console = Console(highlight=False)
    try:
        with staged(ROOT, port) as stage:
            console.print(f"AWS is simulated at {stage.session.url}; how faithfully: docs/fidelity.md", soft_wrap=True)
            summary = Play(stage, Screen(console)).run()
            Screen(console).table("What was shown", summary.rows())
            console.print(f"\nIn numbers: {stage.home.summary.relative_to(ROOT)}")
            if stay:
                _stay(console)
    except (CommandFailed, ControlError, PortInUse, RehearsalFailed, RehearsalRunning, SimulatorBroken) as error:
        raise UserError(str(error)) from error
    except DeploymentFailed as failed:
        raise UserError("the deployment failed:\n" + "\n".join(failed.errors)) from failed


def _stay(console: Console) -> None:
    console.print(f"The simulated AWS stays: try `tidewatch status --stack {REHEARSAL}` elsewhere. Ctrl-C ends it.")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Ended.")
