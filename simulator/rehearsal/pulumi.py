"""The real Pulumi CLI in a rehearsal: a home and a backend of its own, our provider on PATH, nothing downloaded."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
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


def environment(folder: Path, aws: Mapping[str, str]) -> dict[str, str]:
    """The CLI's environment: only its own home in `folder`, our provider plugin on PATH, nothing downloaded.

    aws: the variables that lead to the simulator.
    """
    plugins, backend, home, modules = (folder / name for name in ("plugins", "backend", "home", "modules"))
    for made in (plugins, backend, home, modules):
        made.mkdir(parents=True, exist_ok=True)
    wrapper = plugins / "pulumi-resource-aws"
    wrapper.write_text(PLUGIN.format(root=CHECKOUT, python=sys.executable))
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


@dataclass(frozen=True)
class RealCli:
    """Runs the rehearsal's stack by the CLI: the state is handed to it, and taken back whatever came of the run."""

    root: Path
    home: Home
    aws: Mapping[str, str]

    def run(self, *command: str) -> int:
        """`pulumi COMMAND` with its own output; its exit code. Raises CommandFailed where there is no CLI, or the
        state cannot be handed over, and Refused while another run is under way."""
        if shutil.which("pulumi") is None:
            raise CommandFailed(
                "the Pulumi CLI is not on PATH: install it (https://www.pulumi.com/docs/install/), or leave out "
                "`--engine pulumi`"
            )
        with alone(self.home.state):
            env = self._opened()
            journal = Journal(self.home.state)
            State(journal, dry=False)  # takes what a run that was killed did into the file
            saved = journal.saved()
            self._quietly(env, json.dumps(to_deployment(saved, version("pulumi-aws"))), "stack", "import")
            done = subprocess.run(  # nosec B603, B607 # no shell, and the CLI is the one on the user's PATH
                ["pulumi", *command, "--stack", REHEARSAL], cwd=self._project, env=env, check=False
            )
            if command[0] != "preview":
                exported = self._quietly(env, "", "stack", "export", "--show-secrets")
                journal.compact(from_deployment(json.loads(exported), saved["pending"]))
        return done.returncode

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
