"""The real Pulumi CLI in a rehearsal: a home and a backend of its own, our provider on PATH, nothing downloaded."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from simulator.engine.checkpoint import from_deployment, to_deployment
from simulator.engine.journal import Journal, alone
from simulator.engine.state import State
from simulator.rehearsal.commands import CommandFailed
from simulator.rehearsal.home import REHEARSAL, Home

CHECKOUT = Path(__file__).parents[2]
PLUGIN = """#!/bin/sh
PYTHONPATH={root} exec {python} -P -m simulator.plugin "$@"
"""
PIP = """import importlib.metadata as metadata, json

print(json.dumps([{"name": d.name, "version": d.version} for d in metadata.distributions()]))
"""
"""All that the CLI asks of pip is the list of packages, and an environment that uv made has no pip."""
SIGNALLED = 128
"""What shells add to the number of a signal for the exit code of what it ended."""


def environment(folder: Path, aws: Mapping[str, str]) -> dict[str, str]:
    """The CLI's environment: only its own home in `folder`, our provider plugin on PATH, nothing downloaded.

    aws: the variables that lead to the simulator.
    """
    plugins, backend, home, modules = (folder / name for name in ("plugins", "backend", "home", "modules"))
    for made in (plugins, backend, home, modules):
        made.mkdir(parents=True, exist_ok=True)
    wrapper = plugins / "pulumi-resource-aws"
    wrapper.write_text(PLUGIN.format(root=quote(str(CHECKOUT)), python=quote(sys.executable)))
    wrapper.chmod(0o755)
    if importlib.util.find_spec("pip") is None:
        (modules / "pip.py").write_text(PIP)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_", "PYTHON", "VIRTUAL_ENV"))}
    return {
        **kept,
        **aws,
        "PATH": f"{plugins}:{kept['PATH']}",
        "PYTHONPATH": str(modules),
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": REHEARSAL,
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def settings_for(project: Mapping[str, Any]) -> dict[str, Any]:
    """A project's settings, Pulumi.yaml, with which its program runs in this interpreter's environment."""
    return {**project, "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}}


def _find() -> None:
    """Raises CommandFailed where there is no CLI."""
    if shutil.which("pulumi") is None:
        raise CommandFailed(
            "the Pulumi CLI is not on PATH: install it (https://www.pulumi.com/docs/install/), or leave out "
            "`--engine pulumi`"
        )


@contextmanager
def _left_to_the_child(number: signal.Signals) -> Iterator[None]:
    """The terminal sends a signal to both: the child does what it asks, and this process waits for it. A handler, and
    not SIG_IGN, which the child would inherit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(number, before)


@dataclass(frozen=True)
class RealCli:
    """Runs the rehearsal's stack by the CLI: the state is handed to it, and taken back whatever came of the run."""

    root: Path
    home: Home
    aws: Mapping[str, str]

    def run(self, *command: str) -> int:
        """`pulumi COMMAND` with its own output; its exit code. Raises CommandFailed where there is no CLI, or the
        state cannot be handed over, and Refused while another run is under way."""
        _find()
        with alone(self.home.state):
            env = self._opened()
            self._take_back(env)
            journal = Journal(self.home.state)
            State(journal, dry=False)  # takes what a run that was killed did into the file
            saved = journal.saved()
            self._quietly(env, json.dumps(to_deployment(saved, version("pulumi-aws"))), "stack", "import")
            if command[0] == "preview":
                return self._typed(env, command)
            self._lent.touch()
            try:
                return self._typed(env, command)
            finally:
                self._take_back(env)

    def take_back(self) -> None:
        """The state from the CLI, where a run of it ended before that. Raises CommandFailed, and Refused while another
        run is under way."""
        if self._lent.exists():
            with alone(self.home.state):
                self._take_back(self._opened())

    @property
    def _lent(self) -> Path:
        """There while the CLI's state is the one that counts."""
        return self.home.folder / "pulumi" / "lent"

    def _take_back(self, env: Mapping[str, str]) -> None:
        if not self._lent.exists():
            return
        journal = Journal(self.home.state)
        try:
            _find()
            exported = self._quietly(env, "", "stack", "export", "--show-secrets")
            state = from_deployment(json.loads(exported), journal.saved()["pending"])
        except (CommandFailed, ValueError, KeyError) as failed:
            raise CommandFailed(
                f"what the Pulumi CLI deployed could not be taken back from it: {failed}\nIt keeps it in "
                f"{self.home.folder / 'pulumi' / 'backend'}; mend that, and the next `tidewatch up` takes it from there"
            ) from failed
        journal.compact(state)
        self._lent.unlink()

    def _typed(self, env: Mapping[str, str], command: Sequence[str]) -> int:
        """The CLI as the user would start it; Ctrl-C is for it alone, and its exit code is that of a shell."""
        with _left_to_the_child(signal.SIGINT):
            done = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
                ["pulumi", *command, "--stack", REHEARSAL], cwd=self._project, env=dict(env), check=False
            )
        return done.returncode if done.returncode >= 0 else SIGNALLED - done.returncode

    @property
    def _project(self) -> Path:
        """The rehearsal's folder is a project whose program is the checkout's: the stack file is its own."""
        return self.home.folder

    def _opened(self) -> dict[str, str]:
        settings = yaml.safe_load((self.root / "Pulumi.yaml").read_text())
        main = os.path.relpath(self.root, self._project)
        (self._project / "Pulumi.yaml").write_text(yaml.safe_dump({**settings_for(settings), "main": main}))
        env = environment(self.home.folder / "pulumi", self.aws)
        if not any((self.home.folder / "pulumi" / "backend").rglob(f"{REHEARSAL}.json")):
            self._quietly(env, "", "stack", "init")
        return env

    def _quietly(self, env: Mapping[str, str], given: str, *command: str) -> str:
        done = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
            ["pulumi", *command, "--stack", REHEARSAL, "--non-interactive"],
            cwd=self._project, env=dict(env), input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CommandFailed(f"`pulumi {' '.join(command)}` ended with {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout
