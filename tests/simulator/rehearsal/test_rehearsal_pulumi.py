"""The state on its way to the Pulumi CLI and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.engine.journal import Journal
from simulator.engine.names import STACK
from simulator.engine.state import Resource, State
from simulator.rehearsal.home import Home
from simulator.rehearsal.pulumi import RealCli
from tests.stacks.rehearsed import ROOT

CLI = """#!/bin/sh
case "$*" in
  *import*) cat > imported.json ;;
  *export*) cat imported.json ;;
esac
"""
"""Keeps what it is given, as a CLI would whose run changes nothing."""
URN = "urn:pulumi:rehearsal::tidewatch"


def test_what_a_killed_run_did_goes_with_the_state_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = tmp_path / "pulumi"
    cli.write_text(CLI)
    cli.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    home = Home(tmp_path / "out" / "rehearsal")
    home.folder.mkdir(parents=True)
    killed = State(Journal(home.state), dry=False)
    killed.put(Resource(f"{URN}::{STACK}::tidewatch-rehearsal", STACK, custom=False))
    killed.put(Resource(f"{URN}::aws:sns/topic:Topic::told", "aws:sns/topic:Topic", id="told"))
    killed.begin("create", Resource(f"{URN}::aws:sns/topic:Topic::unheard", "aws:sns/topic:Topic"))

    assert RealCli(ROOT, home, {}).run("up") == 0
    kept = State(Journal(home.state), dry=True)
    assert [one.name for one in kept] == ["tidewatch-rehearsal", "told"]
    assert [(one.call, one.resource.name) for one in kept.pending.values()] == [("create", "unheard")]
    handed = json.loads((home.folder / "imported.json").read_text())["deployment"]
    assert handed["pending_operations"] == []
