"""The lines that commands print to be typed: for the rehearsal they reach its simulator, at its clock."""

from __future__ import annotations

import os
import re
import shlex
from datetime import datetime
from pathlib import Path

from cli.outputs import ROOT
from simulator.clock import SharedClock
from simulator.rehearsal.home import REHEARSAL, Home

_BEGINNING = r"(?m)(^[ \t]*|`|\$\(|&& |\| |; |, then )"
"""Where a command stands in a line, and not a word of a sentence."""
_AWS = re.compile(_BEGINNING + r"aws (?=[a-z])")
_PULUMI = re.compile(
    _BEGINNING + r"pulumi ((?:up|preview|destroy|refresh|config|stack|state|import|cancel)\b[^\n`|;&,)]*)"
)
_TAKEN = re.compile(r"(?:destroy|(?:up|preview)(?: --refresh)?)(?: --stack \S+)?\s*")
"""What `tidewatch` takes of `pulumi`."""
_DATE = re.compile(r"\$\(date (?:-u )?\+(%[^)\s]+)\)")


def typed(text: str, stack: str) -> str:
    """A text whose lines work for this stack as they are typed; other stacks' are left as they are.

    In the rehearsal `aws` is a script that knows the simulator, `pulumi` is `tidewatch`, and `date` is told at once.
    What `tidewatch` does not take of `pulumi` is said to be for AWS: the CLI would ask the user's own backend.
    """
    home = Home.of(ROOT)
    if stack != REHEARSAL or not home.environment():
        return text
    now = SharedClock(home.clock).now()
    text = _AWS.sub(lambda found: f"{found[1]}{_shown(home.tool)} ", text)
    text = _PULUMI.sub(lambda found: _ours(found[1], found[2]), text)
    return _DATE.sub(lambda found: _told(now, found[1]), text)


def _ours(beginning: str, rest: str) -> str:
    """`pulumi REST` as it is typed for the rehearsal."""
    if _TAKEN.fullmatch(rest):
        return f"{beginning}tidewatch {rest}"
    return f"(on AWS:) `pulumi {rest}" if beginning == "`" else f"{beginning}# on AWS: pulumi {rest}"


def _shown(path: Path) -> str:
    """A path as it is typed from here; one without a slash would be looked for on PATH."""
    shown = os.path.relpath(path) if Path.cwd().is_relative_to(ROOT) else str(path)
    return shlex.quote(shown if "/" in shown else f"./{shown}")


def _told(now: datetime, form: str) -> str:
    return str(int(now.timestamp())) if form == "%s" else now.strftime(form)
