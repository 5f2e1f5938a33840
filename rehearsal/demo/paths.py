"""The files of a rehearsal, at paths that the command line knows while it runs."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

REHEARSAL = "rehearsal"
"""Name of the stack whose outputs come from the rehearsal's engine instead of the Pulumi CLI."""
ALL_GAME_DAYS = "all"
"""Name of the page of all game days, beside the pages of single ones."""
FIRST_TRAFFIC = "pulumi up: all traffic to blue"
"""End of the line that the demo prints when its endpoint serves."""
AWS_CLI_SCRIPT = r"""#!/bin/sh
# The AWS CLI in the rehearsal that runs here, whatever other accounts the terminal is set to.
for name in $(env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export {variables}
cli={cli}
test -x "$cli" || cli=aws
# Not by the variable alone: the AWS CLI 1 has an address of its own for SQS.
exec "$cli" --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"""
STAY_MESSAGE = "The simulated AWS stays"
"""Beginning of the line that a rehearsal prints when the demo is over and the account is kept."""
RUN_BY_DEMO = "TIDEWATCH_RUN_BY_DEMO"
"""Environment variable of the commands that the demo runs."""
CONNECT_TIMEOUT_SECONDS = 1.0
"""A simulator that is running accepts a connection within this time."""


@dataclass(frozen=True)
class RehearsalPaths:
    """The folder `out/rehearsal` of a checkout."""

    folder: Path

    @classmethod
    def of(cls, root: Path) -> RehearsalPaths:
        return cls(root / "out" / REHEARSAL)

    @property
    def state_file(self) -> Path:
        """The engine's state file."""
        return self.folder / "stack.json"

    @property
    def clock_file(self) -> Path:
        """The clock of the simulator that runs here."""
        return self.folder / "simulator" / "clock"

    @property
    def stack_file(self) -> Path:
        """The rehearsal's copy of Pulumi.rehearsal.yaml: edits leave the checkout clean."""
        return self.folder / f"Pulumi.{REHEARSAL}.yaml"

    @property
    def aws_cli(self) -> Path:
        """The script that runs the AWS CLI against the simulator."""
        return self.folder / "aws"

    @property
    def request_file(self) -> Path:
        """The body of a request that the model answers."""
        return self.folder / "request.json"

    @property
    def summary_file(self) -> Path:
        return self.folder / "summary.json"

    @property
    def report_file(self) -> Path:
        """The page of the demo's own game day."""
        return self.folder / "report.html"

    def game_day_page(self, scenario: str) -> Path:
        """The page of one game day, or of ALL_GAME_DAYS."""
        return self.folder / "scenarios" / f"{scenario}.html"

    @property
    def alarm_coverage_file(self) -> Path:
        """The trigger of every alarm, as JSON."""
        return self.folder / "alarm-coverage.json"

    def write_connection(self, environment: dict[str, str]) -> None:
        """Writes how this user's other processes reach the simulator.

        These are the variables of AWS's SDKs and tools, with the key of the run.
        """
        variables = " ".join(f"{name}={quote(value)}" for name, value in environment.items())
        checkout_cli = self.folder.parents[1] / ".venv-awscli" / "bin" / "aws"
        _write_private_file(
            self.aws_cli, 0o700, AWS_CLI_SCRIPT.format(variables=variables, cli=quote(str(checkout_cli)))
        )
        _write_private_file(self._connection_file, 0o600, json.dumps(environment, indent=2))

    def read_environment(self) -> dict[str, str]:
        """The variables of the connection; empty if no rehearsal is running, even if a killed one left its file."""
        if not self._connection_file.exists():
            return {}
        environment = json.loads(self._connection_file.read_text())
        return environment if _accepts_connections(environment["AWS_ENDPOINT_URL"]) else {}

    def explain_missing(self) -> str:
        """Why there is no environment, and what to do, as a sentence."""
        has_leftovers = self._connection_file.exists() or self.state_file.exists()
        opening = "the rehearsal is over: start another" if has_leftovers else "there is no rehearsal: start one"
        return f"{opening} with `tidewatch rehearse --stay` and leave it running"

    def explain_demo_running(self) -> str:
        """Why only the demo may edit or deploy its stack for now, as a sentence; empty after the demo."""
        if self.summary_file.exists() or RUN_BY_DEMO in os.environ:
            return ""
        return (
            f'the demo is still running and edits and deploys the stack itself: wait for the line "{STAY_MESSAGE}", '
            "two or three minutes after the start of `tidewatch rehearse --stay`"
        )

    def remove_connection(self) -> None:
        self._connection_file.unlink(missing_ok=True)
        self.aws_cli.unlink(missing_ok=True)

    @property
    def _connection_file(self) -> Path:
        return self.folder / "simulator.json"


def _write_private_file(path: Path, mode: int, text: str) -> None:
    """Writes a new file that only its owner can read: it holds the key of the run."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode), "w") as file:
        file.write(text)


def _accepts_connections(address: str) -> bool:
    """Whether a server accepts connections at this address of the machine."""
    url = urlsplit(address)
    try:
        socket.create_connection((url.hostname or "", url.port or 0), CONNECT_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True
