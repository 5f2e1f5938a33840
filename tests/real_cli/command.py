"""The real Pulumi CLI as tests use it: its commands, what they said, and projects in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.control_client import ControlClient
from rehearsal.demo.pulumi_cli import build_project_settings
from tests.aws_clients import make_client

ROOT = Path(__file__).parents[2]
KILLED_WITHIN = 10.0
"""Wall seconds for the kernel to end what was killed."""
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "out", "__pycache__", ".pytest_cache", "node_modules")


@dataclass(frozen=True)
class Result:
    """What a command said: its exit code, its text and the events that the CLI writes as JSON lines."""

    code: int
    out: str
    err: str

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        found = []
        for line in self.out.splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return [event for event in found if isinstance(event, dict)]

    @property
    def operations(self) -> dict[str, str]:
        """{logical name: operation} of the resources that were touched, the stack and providers aside."""
        steps = [e["resourcePreEvent"]["metadata"] for e in self.events if "resourcePreEvent" in e]
        return {
            step["urn"].rsplit("::", 1)[1]: step["op"]
            for step in steps
            if not step["type"].startswith("pulumi:") and step["op"] not in ("same", "refresh", "delete-replaced")
        }

    @property
    def changes(self) -> Counter[str]:
        """How many resources each operation was done to, as the CLI's summary counts them."""
        summaries = [e["summaryEvent"]["resourceChanges"] for e in self.events if "summaryEvent" in e]
        return Counter(summaries[-1] if summaries else {})

    @property
    def is_changed(self) -> bool:
        return any(count for operation, count in self.changes.items() if operation != "same")

    @property
    def errors(self) -> str:
        """What the CLI reported as errors, in its own words."""
        said = [e["diagnosticEvent"] for e in self.events if "diagnosticEvent" in e]
        return "\n".join(d["message"].strip() for d in said if d["severity"] == "error") or self.err

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.errors}\n{self.err}"


@dataclass
class Pulumi:
    """The CLI in one project, whose folder is called like it, and one of its stacks."""

    project: Path
    env: dict[str, str]
    stack: str
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """A command that runs on; `kill` ends it with everything it started."""
        command = ["pulumi", *args, "--stack", self.stack, "--non-interactive"]
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *args: str, ok: bool | None = True, timeout: float = 300) -> Result:
        """A command to its end. `ok` is whether it should succeed; None takes either."""
        process = self.start(*args)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill(process)
            raise
        result = Result(process.returncode, out, err)
        assert ok is None or (result.code == 0) is ok, str(result)
        return result

    def up(self, *args: str, ok: bool | None = True) -> Result:
        return self.run("up", "--yes", "--skip-preview", "--json", *args, ok=ok)

    def run_and_kill(self, command: str, name: str, when: Callable[[], bool] = lambda: True) -> None:
        """An `up` or `destroy` that is killed, with all it started, once it has begun with the resource `name` and
        `when` holds."""
        process = self.start(command, "--yes", "--skip-preview", "--json")
        assert process.stdout
        for line in process.stdout:
            step = json.loads(line).get("resourcePreEvent", {}).get("metadata", {}) if line.startswith("{") else {}
            if step.get("urn", "").endswith(f"::{name}"):
                break
        else:
            pytest.fail(f"`{command}` ended before it came to {name}: {process.communicate()[1]}")
        while not when():
            assert process.poll() is None, f"`{command}` ended before its time: {process.communicate()[1]}"
            time.sleep(0.02)
        kill(process)

    def preview(self, *args: str, ok: bool | None = True) -> Result:
        return self.run("preview", "--json", *args, ok=ok)

    def refresh(self, *args: str, ok: bool | None = True) -> Result:
        return self.run("refresh", "--yes", "--skip-preview", "--json", *args, ok=ok)

    def destroy(self, *args: str, ok: bool | None = True) -> Result:
        return self.run("destroy", "--yes", "--skip-preview", "--json", *args, ok=ok)

    def configure(self, path: str, value: object) -> None:
        """One value of the stack's configuration, by its path, as an edit of Pulumi.<stack>.yaml would set it."""
        file = self.project / f"Pulumi.{self.stack}.yaml"
        document = yaml.safe_load(file.read_text()) or {}
        *parents, last = path.split(".")
        at = document.setdefault("config", {})
        for key in parents:
            at = at.setdefault(key, {})
        at[last] = value
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    @property
    def outputs(self) -> dict[str, Any]:
        return json.loads(self.run("stack", "output", "--json", "--show-secrets").out)

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The state's resources, with inputs and outputs, by URN: those made at once are written in either order."""
        held = json.loads(self.run("stack", "export").out)["deployment"].get("resources") or []
        return sorted(held, key=lambda one: (one["urn"], one.get("delete", False)))

    def close(self) -> None:
        for process in self.started:
            kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """Kills a process with its whole session: the CLI gives each plugin a process group of its own."""
    until = time.monotonic() + KILLED_WITHIN
    while (pids := session(process.pid)) and time.monotonic() < until:
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        process.poll()
        time.sleep(0.02)
    process.wait()


def session(leader: int) -> list[int]:
    """The living processes of a session, from /proc; where there is none, the leader's own group is all we know."""
    if not Path("/proc/self/stat").exists():
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        return []
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if entry.name.isdigit() and int(fields[3]) == leader and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


@dataclass(frozen=True)
class Aws:
    """The simulated AWS: the environment that leads to it, its controls, and clients to look around with."""

    env: Mapping[str, str]
    control: ControlClient

    def client(self, service: str) -> Any:
        return make_client(
            service,
            endpoint_url=self.env["AWS_ENDPOINT_URL"],
            region_name=self.env["AWS_REGION"],
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
        )


@dataclass
class Projects:
    """Makes stacks of projects copied into a folder of the test's own."""

    folder: Path
    env: dict[str, str]
    opened: list[Pulumi] = field(default_factory=list)

    def of(self, source: Path, config: Mapping[str, Any], stack: str = "test", project: str = "") -> Pulumi:
        """A new stack of the project in `source`, which `project` renames, run by this interpreter's environment.

        Stacks of one project share its copy, a folder of its name.
        """
        settings = yaml.safe_load((source / "Pulumi.yaml").read_text())
        if project:
            # Types can be declared for keys of the project's own name only.
            settings = {**settings, "name": project, "config": {}}
        settings = build_project_settings(settings)
        folder = self.folder / settings["name"]
        if not folder.exists():
            copy_files(source, folder)
            (folder / "Pulumi.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
            if (source / "build").is_dir():
                # What `make install` built is named by what it holds: a copy need not build it again.
                (folder / "build").symlink_to(source / "build")
        pulumi = Pulumi(folder, self.env, stack)
        self.opened.append(pulumi)
        pulumi.run("stack", "init")
        file = folder / f"Pulumi.{stack}.yaml"
        document = (yaml.safe_load(file.read_text()) if file.exists() else None) or {}
        file.write_text(yaml.safe_dump({**document, "config": {"aws:region": "us-east-1", **config}}, sort_keys=False))
        return pulumi


def copy_files(source: Path, target: Path) -> None:
    """The files that git knows or would take; all but the usual litter where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        shutil.copytree(source, target, ignore=LEFT_OUT)
        return
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


@contextmanager
def open_projects(folder: Path, env: Mapping[str, str]) -> Iterator[Projects]:
    """Projects whose commands are over at the end, with everything they started."""
    made = Projects(folder, dict(env))
    try:
        yield made
    finally:
        for pulumi in made.opened:
            pulumi.close()
