"""Where a rehearsal keeps its things, so that the command line finds them while it runs."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

REHEARSAL = "rehearsal"
"""The stack's name: the one stack whose outputs come from the rehearsal's engine instead of the Pulumi CLI."""
EVERY = "all"
"""The page of all game days, among those of single ones."""
FIRST_TRAFFIC = "pulumi up: all traffic to blue"
"""The end of the line by which the story tells that its endpoint serves."""
TOOL = r"""#!/bin/sh
# The AWS CLI in the rehearsal that runs here, whatever the terminal says of other accounts.
for name in $(env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export {variables}
own={own}
test -x "$own" || own=aws
exec "$own" "$@"
"""
STAYS = "The simulated AWS stays"
"""The beginning of the line by which a rehearsal tells that its story is over and that it is kept."""
TYPED_BY_THE_STORY = "TIDEWATCH_TYPED_BY_THE_STORY"
"""Set in the environment of the commands that the story types."""
ANSWER_SECONDS = 1.0
"""Within which the simulator takes a connection, if there is one."""


@dataclass(frozen=True)
class Home:
    """The folder `out/rehearsal` of a checkout."""

    folder: Path

    @classmethod
    def of(cls, root: Path) -> Home:
        return cls(root / "out" / REHEARSAL)

    @property
    def state(self) -> Path:
        """The engine's state file."""
        return self.folder / "stack.json"

    @property
    def clock(self) -> Path:
        """The clock of the simulator that runs here."""
        return self.folder / "simulator" / "clock"

    @property
    def stack_file(self) -> Path:
        """The rehearsal edits a copy of Pulumi.rehearsal.yaml: the checkout stays clean."""
        return self.folder / f"Pulumi.{REHEARSAL}.yaml"

    @property
    def tool(self) -> Path:
        """The AWS CLI as a command that reaches the simulator."""
        return self.folder / "aws"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def report(self) -> Path:
        """The story's own game day, drawn."""
        return self.folder / "report.html"

    def drawn(self, scenario: str) -> Path:
        """A game day that was played by itself, or EVERY, drawn."""
        return self.folder / "scenarios" / f"{scenario}.html"

    @property
    def alarms(self) -> Path:
        """What every alarm was driven by."""
        return self.folder / "alarms.json"

    def announce(self, environment: dict[str, str]) -> None:
        """Tells this user's other processes how to reach the simulator: the variables of AWS's SDKs and tools, with
        the key of the run."""
        variables = " ".join(f"{name}={quote(value)}" for name, value in environment.items())
        own = self.folder.parents[1] / ".venv-awscli" / "bin" / "aws"
        _write_privately(self.tool, 0o700, TOOL.format(variables=variables, own=quote(str(own))))
        _write_privately(self._announcement, 0o600, json.dumps(environment, indent=2))

    def environment(self) -> dict[str, str]:
        """The announced variables; empty where no rehearsal runs, though one that was killed left its announcement."""
        if not self._announcement.exists():
            return {}
        environment = json.loads(self._announcement.read_text())
        return environment if _serves(environment["AWS_ENDPOINT_URL"]) else {}

    def missing(self) -> str:
        """Why there is no environment, and what to do, as a sentence."""
        left = self._announcement.exists() or self.state.exists()
        begun = "the rehearsal is over: start another" if left else "there is no rehearsal: start one"
        return f"{begun} with `tidewatch rehearse --stay` and leave it running"

    def still_told(self) -> str:
        """Why nobody but the story edits or deploys its stack yet, as a sentence; empty once the story is over."""
        if self.summary.exists() or TYPED_BY_THE_STORY in os.environ:
            return ""
        return (
            "the story of the rehearsal still plays, and edits and deploys the stack by itself: wait for the line "
            f'"{STAYS}", about five minutes after the start of `tidewatch rehearse --stay`'
        )

    def withdraw(self) -> None:
        self._announcement.unlink(missing_ok=True)
        self.tool.unlink(missing_ok=True)

    @property
    def _announcement(self) -> Path:
        return self.folder / "simulator.json"


def _write_privately(path: Path, mode: int, text: str) -> None:
    """A new file of its owner's alone: it holds the key of the run."""
    path.unlink(missing_ok=True)
    own = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, own, mode), "w") as file:
        file.write(text)


def _serves(address: str) -> bool:
    """Whether anything takes a connection at this address of the machine."""
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), ANSWER_SECONDS).close()
    except OSError:
        return False
    return True
