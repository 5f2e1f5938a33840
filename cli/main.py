"""The `tidewatch` command: each command in a file of its own, mistakes shown as sentences."""

from __future__ import annotations

import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.console import Console
from cli.doctor import doctor
from cli.drift import drift
from cli.errors import UserError
from cli.permissions import permissions
from cli.promote import promote
from cli.registry import models, publish
from cli.rehearse import rehearse
from cli.rollback import acknowledge, rollback
from cli.runbook import runbook
from cli.status import status
from cli.up import destroy, preview, up
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
    complaints = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except (UserError, DriftError, RegistryError, TrafficError) as error:
        complaints.print(f"tidewatch: {error}")
        sys.exit(1)
    except (ClientError, BotoCoreError) as error:
        complaints.print(f"tidewatch: AWS answered: {error}")
        sys.exit(1)
