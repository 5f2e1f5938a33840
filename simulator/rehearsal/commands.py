"""The commands that a rehearsal types: the same lines as a person's, in processes of their own."""

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

from simulator.rehearsal.home import TYPED_BY_THE_STORY


class CommandFailed(RuntimeError):
    """A command of the story did not do what it should; the text has the line and what it said."""


@dataclass(frozen=True)
class Ran:
    """A command that ended well; wall seconds."""

    line: str
    said: str
    seconds: float

    def json(self) -> dict[str, Any]:
        """The first JSON value it printed: `aws lambda invoke ... /dev/stdout` prints its own report after it."""
        return json.JSONDecoder().raw_decode(self.said.lstrip())[0]


def tidewatch(root: Path, line: str) -> Ran:
    """Runs a line that begins with `tidewatch`."""
    return _run(root, line, Path(sys.executable).with_name("tidewatch"))


def aws(root: Path, line: str) -> Ran:
    """Runs a line that begins with `aws`, by the AWS CLI in the checkout's own environment, or the one on PATH."""
    own = root / ".venv-awscli" / "bin" / "aws"
    found = str(own) if own.exists() else shutil.which("aws")
    if found is None:
        raise CommandFailed("the AWS CLI is missing: `make demo` installs one for the rehearsal")
    return _run(root, line, Path(found))


def _run(root: Path, line: str, program: Path) -> Ran:
    words = shlex.split(line)
    began = time.perf_counter()
    done = subprocess.run(  # nosec B603 # no shell, and the lines are the story's
        [str(program), *words[1:]], cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", TYPED_BY_THE_STORY: "1"},
    )  # fmt: skip
    if done.returncode != 0:
        raise CommandFailed(f"`{line}` ended with {done.returncode}:\n{(done.stderr or done.stdout).strip()}")
    return Ran(line, done.stdout, time.perf_counter() - began)
