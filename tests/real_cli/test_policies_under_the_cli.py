"""The policy pack under the Pulumi CLI: over an exported state, and in the preview of an edit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_policies_command import export, turn_capture_off
from tests.policies.foreign_program import ForeignProgram
from tests.real_cli.command import ROOT
from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli
PACK = str(ROOT / "policies")


def analyze(flights: Flights, folder: Path, program: ForeignProgram, *arguments: str) -> tuple[int, str]:
    """The exit code and the text of `pulumi policy analyze` over the program's state."""
    file = folder / "state.json"
    file.write_text(export(program))
    command = ["pulumi", "policy", "analyze", "--policy-pack", PACK, "--file", str(file), "--non-interactive"]
    done = subprocess.run([*command, *arguments], env=flights.pulumi.env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_state_is_analyzed_as_by_our_own_command(flights: Flights, tmp_path: Path) -> None:
    code, said = analyze(flights, tmp_path, ForeignProgram())
    assert code == 0, said
    program = ForeignProgram()
    turn_capture_off(program)
    code, said = analyze(flights, tmp_path, program)
    assert code != 0
    assert "capture-enabled" in said
    assert "It captures nothing." in said
    levels = tmp_path / "levels.json"
    levels.write_text(json.dumps({"all": "advisory"}))
    code, said = analyze(flights, tmp_path, program, "--policy-pack-config", str(levels))
    assert code == 0, said
    assert "It captures nothing." in said


def test_an_edit_is_refused_in_the_preview_by_the_levels_of_the_stacks_config(flights: Flights) -> None:
    flights.serve(blue=("1", 100))
    accepted = flights.pulumi.run("preview", "--policy-pack", PACK)
    assert "registry-locked" in accepted.out, "advisory in the rehearsal's config"
    flights.pulumi.configure("tidewatch:endpoint.captureSampling", 5)
    refused = flights.pulumi.run("up", "--yes", "--policy-pack", PACK, ok=False)
    assert "capture-enabled" in refused.out
    assert "It captures 5 % of the requests" in refused.out
    assert not flights.aws.client("sagemaker").list_endpoints()["Endpoints"]
    flights.pulumi.configure("tidewatch:endpoint.captureSampling", 100)
    flights.pulumi.run("up", "--yes", "--policy-pack", PACK)
    assert flights.shares() == {"blue": 1.0}


def test_a_mistake_in_the_configuration_is_a_sentence(flights: Flights) -> None:
    flights.pulumi.configure("tidewatch:policies", {"capture-enable": "mandatory"})
    said = flights.pulumi.run("preview", "--policy-pack", PACK, ok=False)
    flights.pulumi.configure("tidewatch:policies", {"all": "advisory"})
    assert "did you mean capture-enabled?" in said.out + said.err
