"""`tidewatch up`, `preview` and `destroy`: the counterparts of `pulumi` for a rehearsal that is kept running."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from cli.console import Console
from cli.errors import UserError
from cli.project import ROOT
from policies.violations import describe_violations
from rehearsal.backend import RehearsalBackend
from rehearsal.commands.deployment_progress import DeploymentProgress
from rehearsal.commands.rehearse import SIGNAL_EXIT_BASE
from rehearsal.demo.commands import CommandFailed
from rehearsal.demo.console import ProgressConsole, pluralize
from rehearsal.demo.environment import RehearsalFailed, create_stack, enter_rehearsal
from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from rehearsal.demo.pulumi_cli import PulumiCli
from rehearsal.engine import DeploymentStep, DeploymentSummary, EngineError, OperationFailed, Stack


class Engine(StrEnum):
    """The engine that deploys."""

    EMBEDDED = "embedded"
    PULUMI = "pulumi"


StackOption = Annotated[str, typer.Option(help="The rehearsal's stack; use `pulumi` for a stack on AWS.")]
EngineOption = Annotated[Engine, typer.Option(help="The rehearsal's own engine, or the Pulumi CLI on PATH.")]
RefreshOption = Annotated[bool, typer.Option("--refresh", help="First read the live state of every resource.")]


def up(stack: StackOption = REHEARSAL, engine: EngineOption = Engine.EMBEDDED, refresh: RefreshOption = False) -> None:
    """Deploys the program to the rehearsal that `tidewatch rehearse --stay` keeps, from its current stack file."""
    flags = ["--refresh"] if refresh else []
    _deploy(stack, engine, ["up", *flags], lambda program: program.up(refresh=refresh))


def preview(
    stack: StackOption = REHEARSAL, engine: EngineOption = Engine.EMBEDDED, refresh: RefreshOption = False
) -> None:
    """Shows what `tidewatch up` would do to the kept rehearsal; changes nothing."""
    flags = ["--refresh"] if refresh else []
    _deploy(stack, engine, ["preview", *flags], lambda program: program.preview(refresh=refresh))


def destroy(stack: StackOption = REHEARSAL, engine: EngineOption = Engine.EMBEDDED) -> None:
    """Deletes the resources of the kept rehearsal, except retained ones; refuses to delete protected ones."""
    _deploy(stack, engine, ["destroy"], lambda program: program.destroy())


def _deploy(stack: str, engine: Engine, command: list[str], operation: Callable[[Stack], DeploymentSummary]) -> None:
    """Runs the command with the Pulumi CLI, or the operation with the rehearsal's engine."""
    if stack != REHEARSAL:
        raise UserError(f"this command is only for the rehearsal: run `pulumi {' '.join(command)} --stack {stack}`")
    paths = RehearsalPaths.of(ROOT)
    with _convert_errors(), enter_rehearsal(paths) as variables:
        pulumi = PulumiCli(ROOT, paths, variables)
        if engine is Engine.PULUMI:
            confirmation = ["--yes"] if command[0] != "preview" and not sys.stdin.isatty() else []
            raise typer.Exit(pulumi.run(*command, *confirmation))
        pulumi.reclaim_state()
        console, progress = Console(highlight=False), DeploymentProgress(command)
        with (
            _explain_interrupt(progress),
            ProgressConsole(console).run_step(f"{' '.join(command)}, with the current {paths.stack_file.name}") as step,
        ):

            def show_step(event: DeploymentStep) -> None:
                progress.follow(event)
                if event.phase == "start":
                    step.show_detail(f"{event.op} {event.name}")

            summary = operation(create_stack(ROOT, paths, show_step))
            step.outcome = summary.description
        for event in summary.changed_steps:
            details = f": {', '.join(event.changes or event.keys)}" if event.changes or event.keys else ""
            console.print(f"  {event.op:<16} {event.type}  {event.name}{details}", soft_wrap=True)
        for note in summary.notes:
            console.print(f"  {note}", soft_wrap=True)
        for line in describe_violations(summary.violations):
            console.print(f"  {line}", soft_wrap=True)


@contextmanager
def _explain_interrupt(progress: DeploymentProgress) -> Iterator[None]:
    """Ctrl-C, with how far the deployment came. The engine has written its state down by then."""
    try:
        yield
    except KeyboardInterrupt:
        for line in progress.describe_interrupt():
            typer.echo(line, err=True)
        raise typer.Exit(SIGNAL_EXIT_BASE + signal.SIGINT) from None


@contextmanager
def _convert_errors() -> Iterator[None]:
    """Converts the expected errors into messages for the user."""
    try:
        yield
    except OperationFailed as error:
        errors = "\n".join(error.errors)
        changed_count = len(
            {event.urn for event in error.summary.changed_steps if event.phase == "done" and event.op != "refresh"}
        )
        verb = "was" if changed_count == 1 else "were"
        message = f"{errors}\n{pluralize(changed_count, 'resource')} {verb} changed before" if changed_count else errors
        raise UserError(RehearsalBackend().adapt_commands(message)) from error
    except (CommandFailed, EngineError, RehearsalFailed) as error:
        raise UserError(str(error)) from error
