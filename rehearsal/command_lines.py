"""Translates the commands that the command line prints into commands that reach the simulator, at its clock."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_COMMAND_START = r"(?m)(^[ \t]*|`|\$\(|&& |\| |; |, then )"
"""The context before a command, to distinguish commands from words of a sentence."""
_AWS = re.compile(_COMMAND_START + r"aws (?=[a-z])")
_AWS_ONLY = re.compile(
    _COMMAND_START + r"(aws (?:cloudtrail lookup-events|lambda get-account-settings)\b(?:[^\n`]*\\\n)*[^\n`]*)"
)
"""AWS commands that the simulator does not implement, with the lines that continue them."""
_PULUMI = re.compile(
    _COMMAND_START + r"pulumi ((?:up|preview|destroy|refresh|config|stack|state|import|cancel)\b[^\n`|;&,)]*)"
)
_SUPPORTED_PULUMI = re.compile(r"(?:destroy|(?:up|preview)(?: --refresh)?)(?: --stack \S+)?\s*")
"""The `pulumi` commands that `tidewatch` supports."""
_CONSOLE = re.compile(
    r"(?<!\(on AWS:\) )(https://[a-z0-9-]+\.console\.(?:aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn)/\S+)"
)
"""A link into AWS's console, which shows nothing of a rehearsal."""
_FILE_HISTORY = re.compile(_COMMAND_START + r"(git log\b[^\n`]* -- Pulumi\.\S+?\.yaml)")
"""The history of a stack file: a rehearsal deploys a copy, which git does not track."""
_REQUEST = "fileb://request.json"
_DATE = re.compile(r"\$\(date (?:-u )?\+(%[^)\s]+)\)")


@dataclass(frozen=True)
class CommandTranslator:
    """Translates the commands of a text for a rehearsal.

    `aws` becomes a script that reaches the simulator, `request.json` a request of the demo, `pulumi` becomes
    `tidewatch`, and `date` becomes its output.
    `pulumi` commands that `tidewatch` does not support are marked as commands for AWS: the CLI would use the user's own
    backend.
    """

    root: Path
    """The checkout: paths inside it are relative to the user's current folder."""
    aws_cli: Path
    """The script that replaces `aws`."""
    request_file: Path
    """A request that the model answers, which replaces the file that commands to the endpoint read."""
    now: datetime
    """The simulator's time."""

    def translate(self, text: str) -> str:
        text = _AWS_ONLY.sub(lambda match: _mark_for_aws(match[1], match[2].replace("\n", "\n#")), text)
        text = _AWS.sub(lambda match: f"{match[1]}{self._format_path(self.aws_cli)} ", text)
        text = text.replace(_REQUEST, f"fileb://{self._format_path(self.request_file)}")
        text = _PULUMI.sub(lambda match: _translate_pulumi(match[1], match[2]), text)
        text = _CONSOLE.sub(r"(on AWS:) \1", text)
        text = _FILE_HISTORY.sub(lambda match: _mark_for_aws(match[1], match[2]), text)
        return _DATE.sub(lambda match: _format_date(self.now, match[1]), text)

    def _format_path(self, path: Path) -> str:
        """A path for a command in the current folder; without a slash the shell would look it up on PATH."""
        path_text = os.path.relpath(path) if Path.cwd().is_relative_to(self.root) else str(path)
        return shlex.quote(path_text if "/" in path_text else f"./{path_text}")


def _translate_pulumi(lead: str, rest: str) -> str:
    """`pulumi REST` as a command for the rehearsal."""
    if _SUPPORTED_PULUMI.fullmatch(rest):
        return f"{lead}tidewatch {rest}"
    return _mark_for_aws(lead, f"pulumi {rest}")


def _mark_for_aws(lead: str, command: str) -> str:
    """Marks a command that has no effect in a rehearsal; `lead` is the text before it."""
    return f"(on AWS:) `{command}" if lead == "`" else f"{lead}# on AWS: {command}"


def _format_date(now: datetime, date_format: str) -> str:
    return str(int(now.timestamp())) if date_format == "%s" else now.strftime(date_format)
