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
            "Publishes a model version. It is immutable, checked by digest, and visible only when complete.",
        ),
        CommandDeclaration(
            "models",
            "cli.commands.registry:models",
            "Lists the versions in a stack's registry, or shows the differences between two of them.",
        ),
        CommandDeclaration(
            "verify",
            "cli.commands.signatures:verify",
            "Checks the signature of a version and every byte of its files, and prints what was found.",
        ),
        CommandDeclaration(
            "public-key",
            "cli.commands.signatures:public_key",
            "Prints the public key of a stack's signing key as PEM, to be pinned or kept for `tidewatch verify`.",
        ),
        CommandDeclaration(
            "promote",
            "cli.commands.promote:promote",
            "Puts a version into the idle variant of Pulumi.STACK.yaml, or changes its weight if it is already there.",
        ),
        CommandDeclaration(
            "status",
            "cli.commands.status:status",
            "Shows the declared and the live split, open incidents, alarms, the remaining error budgets, and drift.",
        ),
        CommandDeclaration(
            "rollback",
            "cli.commands.rollback:rollback",
            "Sends all traffic to the champion through the function that alarms call, and prints the receipt.",
        ),
        CommandDeclaration(
            "acknowledge",
            "cli.commands.rollback:acknowledge",
            "Writes `tidewatch:acknowledgedIncident` into Pulumi.STACK.yaml; `pulumi up` records it for good.",
        ),
        CommandDeclaration(
            "runbook",
            "cli.commands.runbook:runbook",
            "Prints an alarm's runbook, with the stack's names filled into its commands.",
        ),
        CommandDeclaration(
            "doctor",
            "cli.commands.doctor:doctor",
            "Checks credentials, region, quota, image, price and the stack's parts, and prints what to do. "
            "Changes nothing.",
        ),
        CommandDeclaration(
            "permissions",
            "cli.commands.permissions:permissions",
            "Prints a role's IAM policy for a stack as JSON, ready to attach; docs/permissions.md lists the roles.",
        ),
        CommandDeclaration(
            "policies",
            "cli.commands.policies:policies",
            "Checks an exported state against the policy pack, without the Pulumi CLI. Changes nothing.",
        ),
        CommandDeclaration(
            "drift",
            "cli.commands.drift:drift",
            "Compares a model's requests with its training data.",
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
    help="Takes a trained model to production on AWS and monitors it there.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def tidewatch() -> None:
    """Makes Typer build a group of commands, though none of them is loaded."""


def main() -> None:
    """Runs the command line: exit code 0, 1 for an error or a refusal, 2 for wrong usage."""
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
