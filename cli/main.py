"""The `tidewatch` command: each command in its own file, and errors printed as sentences."""

from __future__ import annotations

import sys
from types import MappingProxyType

import typer

from cli.command_group import CommandDeclaration, CommandGroup


class TidewatchCommands(CommandGroup):
    """The commands of `tidewatch`; an installed rehearsal registers its own after them."""

    declarations = (
        CommandDeclaration(
            "publish",
            "cli.commands.registry:publish",
            "Publishes a model version: immutable, its digests checked on both sides, visible whole or not at all.",
        ),
        CommandDeclaration(
            "models",
            "cli.commands.registry:models",
            "Lists the versions in a stack's registry, or what differs between two of them.",
        ),
        CommandDeclaration(
            "promote",
            "cli.commands.promote:promote",
            "Puts a version into the idle variant of Pulumi.STACK.yaml, or changes its weight where it already is.",
        ),
        CommandDeclaration(
            "status",
            "cli.commands.status:status",
            "Shows the declared and the live split, open incidents, alarms, what is left of error budgets, and drift.",
        ),
        CommandDeclaration(
            "rollback",
            "cli.commands.rollback:rollback",
            "Sends all traffic to the champion, by the same function that alarms call, and prints the receipt.",
        ),
        CommandDeclaration(
            "acknowledge",
            "cli.commands.rollback:acknowledge",
            "Writes `tidewatch:acknowledgedIncident` into Pulumi.STACK.yaml; `pulumi up` records it for good.",
        ),
        CommandDeclaration(
            "runbook",
            "cli.commands.runbook:runbook",
            "Prints what to do about an alarm, with the names of the stack in its commands.",
        ),
        CommandDeclaration(
            "doctor",
            "cli.commands.doctor:doctor",
            "Checks credentials, region, quota, image, price and the stack's parts; says what to do. Changes nothing.",
        ),
        CommandDeclaration(
            "permissions",
            "cli.commands.permissions:permissions",
            "Prints a role's IAM policy for a stack as JSON, ready to attach; docs/permissions.md tells what needs "
            "what.",
        ),
        CommandDeclaration(
            "drift",
            "cli.commands.drift:drift",
            "Compares what a model is asked now with what it was trained on.",
        ),
    )
    explanations = MappingProxyType(
        {
            name: f"`tidewatch {name}` is part of the rehearsal, which is not installed: run `make install` in the "
            "checkout, or install the distribution tidewatch-rehearsal beside tidewatch"
            for name in ("rehearse", "up", "preview", "destroy")
        }
    )


app = typer.Typer(
    name="tidewatch",
    cls=TidewatchCommands,
    help="Takes a trained model to production on AWS and keeps it honest there.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def tidewatch() -> None:
    """Makes Typer build a group of commands, though none of them is loaded."""


def main() -> None:
    """Runs the command line: exit code 0, 1 for a mistake or a refusal, 2 for wrong usage."""
    try:
        app()
    except Exception as error:
        sentence = _explain_error(error)
        if not sentence:
            raise
        from cli.console import Console

        Console(stderr=True, highlight=False, soft_wrap=True).print(f"tidewatch: {sentence}")
        sys.exit(1)


def _explain_error(error: Exception) -> str:
    """Returns the message of an error for the user; "" for an unexpected error.

    It imports the error classes late, because a command that succeeds needs none of them.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.errors import UserError
    from tidewatch.drift.errors import DriftError
    from tidewatch.registry import RegistryError
    from tidewatch.traffic import TrafficError

    if isinstance(error, UserError | DriftError | RegistryError | TrafficError):
        return str(error)
    return f"AWS answered: {error}" if isinstance(error, ClientError | BotoCoreError) else ""
