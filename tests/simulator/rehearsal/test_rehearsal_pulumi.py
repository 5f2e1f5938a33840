"""The state on its way to the Pulumi CLI and back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from simulator.engine.journal import Journal
from simulator.engine.names import STACK
from simulator.engine.state import Resource, State
from simulator.rehearsal.commands import CommandFailed
from simulator.rehearsal.home import Home
from simulator.rehearsal.pulumi import RealCli, environment
from tests.stacks.rehearsed import ROOT

CLI = """#!/bin/sh
deploy() {{ sed 's/"id": "told"/"id": "made"/' held.json > new.json; mv new.json held.json; }}
case "$*" in
  *import*) cat > held.json ;;
  *export*) test ! -e broken && cat held.json ;;
  up*) {up} ;;
esac
"""
"""Keeps what it is given; {up}: what an `up` does."""
URN = "urn:pulumi:rehearsal::tidewatch"


def deployed(folder: Path, monkeypatch: pytest.MonkeyPatch, up: str) -> Home:
    """A rehearsal with a topic, and on PATH a CLI whose `up` does this."""
    cli = folder / "pulumi"
    cli.write_text(CLI.format(up=up))
    cli.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    home = Home(folder / "out" / "rehearsal")
    home.folder.mkdir(parents=True)
    state = State(Journal(home.state), dry=False)
    state.put(Resource(f"{URN}::{STACK}::tidewatch-rehearsal", STACK, custom=False))
    state.put(Resource(f"{URN}::aws:sns/topic:Topic::told", "aws:sns/topic:Topic", id="told"))
    return home


def ids(home: Home) -> list[str]:
    return [one.id for one in State(Journal(home.state), dry=True) if one.custom]


def test_what_a_killed_run_did_goes_with_the_state_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = deployed(tmp_path, monkeypatch, "true")
    killed = State(Journal(home.state), dry=False)
    killed.begin("create", Resource(f"{URN}::aws:sns/topic:Topic::unheard", "aws:sns/topic:Topic"))

    assert RealCli(ROOT, home, {}).run("up") == 0
    kept = State(Journal(home.state), dry=True)
    assert [one.name for one in kept] == ["tidewatch-rehearsal", "told"]
    assert [(one.call, one.resource.name) for one in kept.pending.values()] == [("create", "unheard")]
    handed = json.loads((home.folder / "held.json").read_text())["deployment"]
    assert handed["pending_operations"] == []


def test_ctrl_c_is_left_to_the_cli_and_what_it_did_until_then_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = "trap 'deploy; exit 7' INT; kill -INT $PPID; sleep 0.5; kill -INT $$"
    home = deployed(tmp_path, monkeypatch, stops)
    assert RealCli(ROOT, home, {}).run("up") == 7
    assert ids(home) == ["made"]


def test_a_state_that_cannot_be_taken_back_stays_the_clis_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = deployed(tmp_path, monkeypatch, "deploy; touch broken")
    with pytest.raises(CommandFailed, match=r"could not be taken back from it(.|\n)*next `tidewatch up` takes it"):
        RealCli(ROOT, home, {}).run("up")
    for again in (lambda: RealCli(ROOT, home, {}).run("up"), RealCli(ROOT, home, {}).take_back):
        with pytest.raises(CommandFailed, match="could not be taken back from it"):
            again()
        assert ids(home) == ["told"]

    (home.folder / "broken").unlink()
    RealCli(ROOT, home, {}).take_back()
    assert ids(home) == ["made"]


def test_paths_with_spaces_reach_the_plugin_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, python = tmp_path / "my work", tmp_path / "my work" / "python"
    root.mkdir()
    python.write_text('#!/bin/sh\necho "$PYTHONPATH"\n')
    python.chmod(0o755)
    monkeypatch.setattr("simulator.rehearsal.pulumi.CHECKOUT", root)
    monkeypatch.setattr("sys.executable", str(python))
    environment(tmp_path / "its", {})
    plugin = tmp_path / "its" / "plugins" / "pulumi-resource-aws"
    assert subprocess.run([plugin], capture_output=True, text=True, check=True).stdout == f"{root}\n"
