"""The `tidewatch` command: each command in a file of its own, mistakes shown as sentences."""

from __future__ import annotations

import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.commands.deploy import destroy, preview, up
from cli.commands.doctor import doctor
from cli.commands.drift import drift
from cli.commands.permissions import permissions
from cli.commands.promote import promote
from cli.commands.registry import models, publish
from cli.commands.rehearse import rehearse
from cli.commands.rollback import acknowledge, rollback
from cli.commands.runbook import runbook
from cli.commands.status import status
from cli.console import Console
from cli.errors import UserError
from tidewatch.drift.errors import DriftError
from tidewatch.registry import RegistryError
from tidewatch.traffic import TrafficError

app = typer.Typer(
    name="tidewatch",
    help="Takes a trained model to production on AWS and keeps it honest there.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (publish, models, promote, status, rollback, acknowledge, runbook, doctor, permissions, rehearse):
    app.command()(command)
for command in (up, preview, destroy):
    app.command(rich_help_panel="In a rehearsal that stays")(command)
app.add_typer(drift)


def main() -> None:
    """Exit code 0, 1 for a mistake or a refusal, 2 for wrong usage."""
    error_console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except (UserError, DriftError, RegistryError, TrafficError) as error:
        error_console.print(f"tidewatch: {error}")
        sys.exit(1)
    except (ClientError, BotoCoreError) as error:
        error_console.print(f"tidewatch: AWS answered: {error}")
        sys.exit(1)
