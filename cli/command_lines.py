"""The lines that commands print to be typed: for the rehearsal they reach its simulator, at its clock."""

from __future__ import annotations

import os
import re
import shlex
from datetime import datetime
from pathlib import Path

from cli.outputs import ROOT
from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from rehearsal.simulated_clock import SharedClock

_COMMAND_START = r"(?m)(^[ \t]*|`|\$\(|&& |\| |; |, then )"
"""Where a command stands in a line, and not a word of a sentence."""
_AWS = re.compile(_COMMAND_START + r"aws (?=[a-z])")
_PULUMI = re.compile(
    _COMMAND_START + r"pulumi ((?:up|preview|destroy|refresh|config|stack|state|import|cancel)\b[^\n`|;&,)]*)"
)
_SUPPORTED_PULUMI = re.compile(r"(?:destroy|(?:up|preview)(?: --refresh)?)(?: --stack \S+)?\s*")
"""What `tidewatch` takes of `pulumi`."""
_CONSOLE = re.compile(
    r"(?<!\(on AWS:\) )(https://[a-z0-9-]+\.console\.(?:aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn)/\S+)"
)
"""A link into AWS's console, which shows nothing of a rehearsal."""
_FILE_HISTORY = re.compile(_COMMAND_START + r"(git log\b[^\n`]* -- Pulumi\.\S+?\.yaml)")
"""The history of a stack file: a rehearsal deploys a copy, which git does not know."""
_DATE = re.compile(r"\$\(date (?:-u )?\+(%[^)\s]+)\)")


def adapt_commands(text: str, stack: str) -> str:
    """A text whose lines work for this stack as they are typed; other stacks' are left as they are.

    In the rehearsal `aws` is a script that knows the simulator, `pulumi` is `tidewatch`, and `date` is told at once.
    What `tidewatch` does not take of `pulumi` is said to be for AWS: the CLI would ask the user's own backend.
    """
    paths = RehearsalPaths.of(ROOT)
    if stack != REHEARSAL or not paths.read_environment():
        return text
    now = SharedClock(paths.clock_file).now()
    text = _AWS.sub(lambda match: f"{match[1]}{_format_path(paths.aws_cli)} ", text)
    text = _PULUMI.sub(lambda match: _translate_pulumi(match[1], match[2]), text)
    text = _CONSOLE.sub(r"(on AWS:) \1", text)
    text = _FILE_HISTORY.sub(lambda match: _mark_for_aws(match[1], match[2]), text)
    return _DATE.sub(lambda match: _format_date(now, match[1]), text)


def _translate_pulumi(lead: str, rest: str) -> str:
    """`pulumi REST` as it is typed for the rehearsal."""
    if _SUPPORTED_PULUMI.fullmatch(rest):
        return f"{lead}tidewatch {rest}"
    return _mark_for_aws(lead, f"pulumi {rest}")


def _mark_for_aws(lead: str, command: str) -> str:
    """A command that does nothing in a rehearsal, behind what stands before it."""
    return f"(on AWS:) `{command}" if lead == "`" else f"{lead}# on AWS: {command}"


def _format_path(path: Path) -> str:
    """A path as it is typed from here; one without a slash would be looked for on PATH."""
    path_text = os.path.relpath(path) if Path.cwd().is_relative_to(ROOT) else str(path)
    return shlex.quote(path_text if "/" in path_text else f"./{path_text}")


def _format_date(now: datetime, date_format: str) -> str:
    return str(int(now.timestamp())) if date_format == "%s" else now.strftime(date_format)
