"""The state on its way to the Pulumi CLI and back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from rehearsal.demo.commands import CommandFailed
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.pulumi_cli import PulumiCli, build_environment
from rehearsal.engine.state import Resource, State
from rehearsal.engine.state_file import StateFile
from rehearsal.engine.urns import STACK
from tests.stacks.deployed_program import ROOT

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


def deploy(folder: Path, monkeypatch: pytest.MonkeyPatch, up: str) -> RehearsalPaths:
    """A rehearsal with a topic, and on PATH a CLI whose `up` does this."""
    cli = folder / "pulumi"
    cli.write_text(CLI.format(up=up))
    cli.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    home = RehearsalPaths(folder / "out" / "rehearsal")
    home.folder.mkdir(parents=True)
    state = State(StateFile(home.state_file), dry=False)
    state.put(Resource(f"{URN}::{STACK}::tidewatch-rehearsal", STACK, custom=False))
    state.put(Resource(f"{URN}::aws:sns/topic:Topic::told", "aws:sns/topic:Topic", id="told"))
    return home


def ids(home: RehearsalPaths) -> list[str]:
    return [one.id for one in State(StateFile(home.state_file), dry=True) if one.custom]


def test_what_a_killed_run_did_goes_with_the_state_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = deploy(tmp_path, monkeypatch, "true")
    killed = State(StateFile(home.state_file), dry=False)
    killed.begin_operation("create", Resource(f"{URN}::aws:sns/topic:Topic::unheard", "aws:sns/topic:Topic"))

    assert PulumiCli(ROOT, home, {}).run("up") == 0
    kept = State(StateFile(home.state_file), dry=True)
    assert [one.name for one in kept] == ["tidewatch-rehearsal", "told"]
    assert [(one.kind, one.resource.name) for one in kept.pending.values()] == [("create", "unheard")]
    handed = json.loads((home.folder / "held.json").read_text())["deployment"]
    assert handed["pending_operations"] == []


def test_ctrl_c_is_left_to_the_cli_and_what_it_did_until_then_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = "trap 'deploy; exit 7' INT; kill -INT $PPID; sleep 0.5; kill -INT $$"
    home = deploy(tmp_path, monkeypatch, stops)
    assert PulumiCli(ROOT, home, {}).run("up") == 7
    assert ids(home) == ["made"]


def test_a_state_that_cannot_be_taken_back_stays_the_clis_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = deploy(tmp_path, monkeypatch, "deploy; touch broken")
    with pytest.raises(
        CommandFailed, match=r"the state of the Pulumi CLI could not be exported(.|\n)*next `tidewatch up` exports it"
    ):
        PulumiCli(ROOT, home, {}).run("up")
    for again in (lambda: PulumiCli(ROOT, home, {}).run("up"), PulumiCli(ROOT, home, {}).reclaim_state):
        with pytest.raises(CommandFailed, match="the state of the Pulumi CLI could not be exported"):
            again()
        assert ids(home) == ["told"]

    (home.folder / "broken").unlink()
    PulumiCli(ROOT, home, {}).reclaim_state()
    assert ids(home) == ["made"]


def test_paths_with_spaces_reach_the_plugin_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, python = tmp_path / "my work", tmp_path / "my work" / "python"
    root.mkdir()
    python.write_text('#!/bin/sh\necho "$PYTHONPATH"\n')
    python.chmod(0o755)
    monkeypatch.setattr("rehearsal.demo.pulumi_cli.CHECKOUT", root)
    monkeypatch.setattr("sys.executable", str(python))
    build_environment(tmp_path / "its", {})
    plugin = tmp_path / "its" / "plugins" / "pulumi-resource-aws"
    assert subprocess.run([plugin], capture_output=True, text=True, check=True).stdout == f"{root}\n"
