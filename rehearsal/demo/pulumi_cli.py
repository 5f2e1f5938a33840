"""Runs the real Pulumi CLI in a rehearsal: with its own home and backend, our provider on PATH, and no downloads."""

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

from rehearsal.demo.commands import CommandFailed
from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from rehearsal.engine.checkpoint import from_deployment, to_deployment
from rehearsal.engine.state import State
from rehearsal.engine.state_file import StateFile, lock_state

CHECKOUT = Path(__file__).parents[2]
PLUGIN_SCRIPT = """#!/bin/sh
PYTHONPATH={root} exec {python} -P -m rehearsal.engine.plugin "$@"
"""
PIP_STUB = """import importlib.metadata as metadata, json

print(json.dumps([{"name": d.name, "version": d.version} for d in metadata.distributions()]))
"""
"""Replaces pip, which environments created by uv lack: the CLI uses pip only to list the packages."""
SIGNAL_EXIT_BASE = 128
"""Shells add this to the number of the signal that ended a process, for its exit code."""


def build_environment(folder: Path, aws: Mapping[str, str]) -> dict[str, str]:
    """The CLI's environment: its own home in `folder`, our provider plugin on PATH, and no downloads.

    `aws` are the variables of the connection to the simulator.
    """
    plugins, backend, pulumi_home, modules = (folder / name for name in ("plugins", "backend", "home", "modules"))
    for directory in (plugins, backend, pulumi_home, modules):
        directory.mkdir(parents=True, exist_ok=True)
    wrapper = plugins / "pulumi-resource-aws"
    wrapper.write_text(PLUGIN_SCRIPT.format(root=quote(str(CHECKOUT)), python=quote(sys.executable)))
    wrapper.chmod(0o755)
    if importlib.util.find_spec("pip") is None:
        (modules / "pip.py").write_text(PIP_STUB)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_", "PYTHON", "VIRTUAL_ENV"))}
    return {
        **inherited,
        **aws,
        "PATH": f"{plugins}:{inherited['PATH']}",
        "PYTHONPATH": str(modules),
        "PULUMI_HOME": str(pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": REHEARSAL,
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def build_project_settings(project: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of Pulumi.yaml, changed so that the program runs in this interpreter's environment."""
    return {**project, "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}}


def _require_cli() -> None:
    """Raises CommandFailed if the Pulumi CLI is not installed."""
    if shutil.which("pulumi") is None:
        raise CommandFailed(
            "the Pulumi CLI is not on PATH: install it (https://www.pulumi.com/docs/install/), or run without "
            "`--engine pulumi`"
        )


@contextmanager
def _leave_signal_to_child(number: signal.Signals) -> Iterator[None]:
    """Ignores a signal in this process until the end of the block, so that only the child reacts to it.

    A terminal sends the signal to both. This installs a handler instead of SIG_IGN because the child would inherit
    SIG_IGN.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(number, before)


@dataclass(frozen=True)
class PulumiCli:
    """Runs the rehearsal's stack with the CLI: imports the state into it and exports it again after any result."""

    root: Path
    paths: RehearsalPaths
    aws: Mapping[str, str]

    def run(self, *command: str) -> int:
        """Runs `pulumi COMMAND` with its own output and returns its exit code.

        Raises CommandFailed if the CLI is missing or the state cannot be imported, and EngineError while another run is
        under way.
        """
        _require_cli()
        with lock_state(self.paths.state_file):
            env = self._prepare_project()
            self._reclaim_state(env)
            journal = StateFile(self.paths.state_file)
            State(journal, dry=False)  # saves the steps of a killed run to the file
            saved_state = journal.load()
            self._run_quietly(env, json.dumps(to_deployment(saved_state, version("pulumi-aws"))), "stack", "import")
            if command[0] == "preview":
                return self._run_interactively(env, command)
            self._handover_marker.touch()
            try:
                return self._run_interactively(env, command)
            finally:
                self._reclaim_state(env)

    def reclaim_state(self) -> None:
        """Takes the state back from the CLI if an earlier run ended before it did so.

        Raises CommandFailed, and EngineError while another run is under way.
        """
        if self._handover_marker.exists():
            with lock_state(self.paths.state_file):
                self._reclaim_state(self._prepare_project())

    @property
    def _handover_marker(self) -> Path:
        """This file exists while the CLI's state is the current one."""
        return self.paths.folder / "pulumi" / "handed-over"

    def _reclaim_state(self, env: Mapping[str, str]) -> None:
        if not self._handover_marker.exists():
            return
        journal = StateFile(self.paths.state_file)
        try:
            _require_cli()
            exported = self._run_quietly(env, "", "stack", "export", "--show-secrets")
            state = from_deployment(json.loads(exported), journal.load()["pending"])
        except (CommandFailed, ValueError, KeyError) as failed:
            raise CommandFailed(
                f"the state of the Pulumi CLI could not be exported: {failed}\nThe state is in "
                f"{self.paths.folder / 'pulumi' / 'backend'}; fix the error, and the next `tidewatch up` exports it "
                "again"
            ) from failed
        journal.compact(state)
        self._handover_marker.unlink()

    def _run_interactively(self, env: Mapping[str, str], command: Sequence[str]) -> int:
        """Runs the CLI as the user would; only the CLI reacts to Ctrl-C, and the exit code is that of a shell."""
        with _leave_signal_to_child(signal.SIGINT):
            completed = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
                ["pulumi", *command, "--stack", REHEARSAL], cwd=self._project_folder, env=dict(env), check=False
            )
        return completed.returncode if completed.returncode >= 0 else SIGNAL_EXIT_BASE - completed.returncode

    @property
    def _project_folder(self) -> Path:
        """The rehearsal's folder: a Pulumi project with the checkout's program and its own stack file."""
        return self.paths.folder

    def _prepare_project(self) -> dict[str, str]:
        settings = yaml.safe_load((self.root / "Pulumi.yaml").read_text())
        main = os.path.relpath(self.root, self._project_folder)
        (self._project_folder / "Pulumi.yaml").write_text(
            yaml.safe_dump({**build_project_settings(settings), "main": main})
        )
        env = build_environment(self.paths.folder / "pulumi", self.aws)
        if not any((self.paths.folder / "pulumi" / "backend").rglob(f"{REHEARSAL}.json")):
            self._run_quietly(env, "", "stack", "init")
        return env

    def _run_quietly(self, env: Mapping[str, str], stdin_text: str, *command: str) -> str:
        completed = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
            ["pulumi", *command, "--stack", REHEARSAL, "--non-interactive"],
            cwd=self._project_folder, env=dict(env), input=stdin_text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if completed.returncode:
            raise CommandFailed(
                f"`pulumi {' '.join(command)}` ended with {completed.returncode}:\n{completed.stderr.strip()}"
            )
        return completed.stdout
