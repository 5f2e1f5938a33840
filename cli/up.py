"""`tidewatch up`, `preview` and `destroy`: what `pulumi` does for a stack on AWS, for the rehearsal that is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from cli.console import Console
from cli.errors import UserError
from cli.lines import typed
from cli.outputs import ROOT
from simulator.engine import DeploymentFailed, Refused, Stack, Step, Summary
from simulator.rehearsal.commands import CommandFailed
from simulator.rehearsal.home import REHEARSAL, Home
from simulator.rehearsal.pulumi import RealCli
from simulator.rehearsal.screen import Screen, amount
from simulator.rehearsal.stage import RehearsalFailed, entered, program


class Engine(StrEnum):
    """Who deploys."""

    EMBEDDED = "embedded"
    PULUMI = "pulumi"


StackOption = Annotated[str, typer.Option(help="The rehearsal; a stack on AWS is deployed by `pulumi`.")]
EngineOption = Annotated[Engine, typer.Option(help="The rehearsal's own, or the Pulumi CLI on PATH.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Read everything that is deployed first.")]


def up(stack: StackOption = REHEARSAL, engine: EngineOption = Engine.EMBEDDED, refresh: Refresh = False) -> None:
    """Deploys the program to the rehearsal that `tidewatch rehearse --stay` keeps, as its stack file has it now."""
    flags = ["--refresh"] if refresh else []
    _deploy(stack, engine, ["up", *flags], lambda program: program.up(refresh=refresh))


def preview(stack: StackOption = REHEARSAL, engine: EngineOption = Engine.EMBEDDED, refresh: Refresh = False) -> None:
    """Shows what `tidewatch up` would do to the kept rehearsal; nothing is touched."""
    flags = ["--refresh"] if refresh else []
    _deploy(stack, engine, ["preview", *flags], lambda program: program.preview(refresh=refresh))


def destroy(stack: StackOption = REHEARSAL, engine: EngineOption = Engine.EMBEDDED) -> None:
    """Deletes what is deployed in the kept rehearsal, but for what is retained; refuses what is protected."""
    _deploy(stack, engine, ["destroy"], lambda program: program.destroy())


def _deploy(stack: str, engine: Engine, command: list[str], work: Callable[[Stack], Summary]) -> None:
    """The command by the Pulumi CLI, or the work of the engine here."""
    if stack != REHEARSAL:
        raise UserError(f"this is for the rehearsal alone: run `pulumi {' '.join(command)} --stack {stack}`")
    home = Home.of(ROOT)
    with _sentences(), entered(home) as variables:
        pulumi = RealCli(ROOT, home, variables)
        if engine is Engine.PULUMI:
            unasked = ["--yes"] if command[0] != "preview" and not sys.stdin.isatty() else []
            raise typer.Exit(pulumi.run(*command, *unasked))
        pulumi.take_back()
        console = Console(highlight=False)
        with Screen(console).step(f"{' '.join(command)}, with {home.stack_file.name} as it is now") as step:

            def show(one: Step) -> None:
                if one.phase == "start":
                    step.now(f"{one.op} {one.name}")

            done = work(program(ROOT, home, show))
            step.done = done.told
        for one in done.changed:
            keys = f": {', '.join(one.keys)}" if one.keys else ""
            console.print(f"  {one.op:<16} {one.type}  {one.name}{keys}", soft_wrap=True)
        for note in done.notes:
            console.print(f"  {note}", soft_wrap=True)


@contextmanager
def _sentences() -> Iterator[None]:
    """What can go wrong, as what the user reads."""
    try:
        yield
    except DeploymentFailed as failed:
        said = "\n".join(failed.errors)
        touched = len({one.urn for one in failed.summary.changed if one.phase == "done" and one.op != "refresh"})
        were = "was" if touched == 1 else "were"
        told = f"{said}\n{amount(touched, 'resource')} {were} changed before" if touched else said
        raise UserError(typed(told, REHEARSAL)) from failed
    except (CommandFailed, Refused, RehearsalFailed) as error:
        raise UserError(str(error)) from error
