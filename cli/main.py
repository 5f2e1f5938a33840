"""The `tidewatch` command: each command in a file of its own, mistakes shown as sentences."""

from __future__ import annotations

import sys
from types import MappingProxyType

import typer

from cli.command_group import CommandDeclaration, CommandGroup


class TidewatchCommands(CommandGroup):
    """What `tidewatch` can do; the rehearsal, where it is installed, registers its commands beside these."""

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
    """Typer makes a group of commands where it finds this, though none of them is loaded."""


def main() -> None:
    """Exit code 0, 1 for a mistake or a refusal, 2 for wrong usage."""
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
    """What the user reads of an error; "" for one that nobody foresaw. What it knows is imported late: a command that
    ends well needs none of it."""
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.errors import UserError
    from tidewatch.drift.errors import DriftError
    from tidewatch.registry import RegistryError
    from tidewatch.traffic import TrafficError

    if isinstance(error, UserError | DriftError | RegistryError | TrafficError):
        return str(error)
    return f"AWS answered: {error}" if isinstance(error, ClientError | BotoCoreError) else ""
