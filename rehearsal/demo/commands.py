"""Runs the commands of the demo as subprocesses, with the command lines that a person would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.demo.paths import RUN_BY_DEMO


class CommandFailed(RuntimeError):
    """A command of the demo failed; the message holds its command line and its output."""


@dataclass(frozen=True)
class CommandResult:
    """A command that succeeded."""

    line: str
    output: str
    seconds: float
    """Wall seconds."""

    def parse_json(self) -> dict[str, Any]:
        """The first JSON value in the output; `aws lambda invoke ... /dev/stdout` prints its own report after it."""
        return json.JSONDecoder().raw_decode(self.output.lstrip())[0]


def run_tidewatch(root: Path, line: str) -> CommandResult:
    """Runs a command line that begins with `tidewatch`."""
    return _run_command(root, line, Path(sys.executable).with_name("tidewatch"))


def run_aws(root: Path, line: str) -> CommandResult:
    """Runs a command line that begins with `aws`, with the AWS CLI of the checkout's own environment or of PATH."""
    checkout_cli = root / ".venv-awscli" / "bin" / "aws"
    cli_path = str(checkout_cli) if checkout_cli.exists() else shutil.which("aws")
    if cli_path is None:
        raise CommandFailed("the AWS CLI is missing: `make demo` installs it for the rehearsal")
    return _run_command(root, line, Path(cli_path))


def _run_command(root: Path, line: str, program: Path) -> CommandResult:
    arguments = shlex.split(line)
    began = time.perf_counter()
    completed = subprocess.run(  # nosec B603 # no shell, and the demo builds the command lines
        [str(program), *arguments[1:]], cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", RUN_BY_DEMO: "1"},
    )  # fmt: skip
    if completed.returncode != 0:
        raise CommandFailed(
            f"`{line}` ended with {completed.returncode}:\n{(completed.stderr or completed.stdout).strip()}"
        )
    return CommandResult(line, completed.stdout, time.perf_counter() - began)
