"""A rehearsal's state goes from the embedded engine to the CLI and back, and neither finds anything to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from rehearsal.demo.environment import create_stack, use_simulator
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.pulumi_cli import PulumiCli
from rehearsal.engine import Stack
from rehearsal.simulator_process import SimulatorProcess
from tests.real_cli.command import ROOT
from tests.rehearsal.aws.account import LAYOUT, pack_model
from tests.stacks.deployed_program import DESCRIPTION
from tidewatch.registry import ModelRegistry


@pytest.fixture
def kept_rehearsal(cli: None, tmp_path: Path) -> Iterator[tuple[RehearsalPaths, PulumiCli]]:
    """A rehearsal whose stack the embedded engine deployed: one version at 100 %."""
    del cli
    home = RehearsalPaths(tmp_path / "out" / "rehearsal")
    home.folder.mkdir(parents=True)
    with SimulatorProcess(home.folder) as session, use_simulator(session.clock, session.env):
        shutil.copyfile(ROOT / "Pulumi.rehearsal.yaml", home.stack_file)
        outputs = create_stack(ROOT, home).up().outputs
        artifact = tmp_path / "1.tar.gz"
        artifact.write_bytes(pack_model(LAYOUT))
        ModelRegistry(boto3.client("s3"), outputs["registry"]["bucket"], "flights").publish("1", artifact, DESCRIPTION)
        configure(home, variants={"blue": {"version": "1", "weight": 100, "instances": 2}}, rollbackTo="blue")
        create_stack(ROOT, home).up()
        yield home, PulumiCli(ROOT, home, session.env)


def configure(home: RehearsalPaths, **values: Any) -> None:
    document = yaml.safe_load(home.stack_file.read_text())
    document["config"] |= {f"tidewatch:{name}": value for name, value in values.items()}
    home.stack_file.write_text(yaml.safe_dump(document))


def test_either_engine_goes_on_where_the_other_one_stopped(
    kept_rehearsal: tuple[RehearsalPaths, PulumiCli], capfd: pytest.CaptureFixture[str]
) -> None:
    home, pulumi = kept_rehearsal
    embedded: Stack = create_stack(ROOT, home)
    before = embedded.outputs()
    assert pulumi.run("preview", "--expect-no-changes") == 0, capfd.readouterr()
    assert pulumi.run("up", "--yes", "--expect-no-changes") == 0, capfd.readouterr()
    assert create_stack(ROOT, home).up().changed_steps == ()
    assert embedded.outputs() == before

    configure(home, tags={"environment": "rehearsal", "team": "tides"})
    assert pulumi.run("up", "--yes", "--skip-preview") == 0, capfd.readouterr()
    assert create_stack(ROOT, home).up().changed_steps == ()

    configure(home, tags={"environment": "rehearsal", "team": "ebb"})
    assert create_stack(ROOT, home).up().changed_steps
    assert pulumi.run("preview", "--expect-no-changes") == 0, capfd.readouterr()

    configure(home, variants={"blue": {"version": "9", "weight": 100, "instances": 2}})
    assert pulumi.run("preview") != 0
    assert "9" in capfd.readouterr().out

    configure(home, variants={"blue": {"version": "1", "weight": 100, "instances": 2}})
    assert pulumi.run("destroy", "--yes", "--skip-preview") == 0, capfd.readouterr()
    assert embedded.outputs() == {}
    left = [one for one in json.loads(home.state_file.read_text())["resources"] if not one["retain"]]
    assert left == []


UP = """
import sys
from pathlib import Path
from rehearsal.demo.paths import RehearsalPaths
from rehearsal.demo.pulumi_cli import PulumiCli
from tests.real_cli.command import ROOT

paths = RehearsalPaths(Path(sys.argv[1]))
raise SystemExit(PulumiCli(ROOT, paths, paths.read_environment()).run("up", "--yes", "--skip-preview"))
"""


def test_after_ctrl_c_either_engine_goes_on_from_what_the_cli_had_done(
    kept_rehearsal: tuple[RehearsalPaths, PulumiCli], capfd: pytest.CaptureFixture[str]
) -> None:
    home, pulumi = kept_rehearsal
    home.write_connection(dict(pulumi.aws))
    configure(home, tags={"environment": "rehearsal", "team": "tides"})
    stopped = subprocess.Popen(
        [sys.executable, "-c", UP, home.folder], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert stopped.stdout
    assert any("updated" in line for line in stopped.stdout)
    os.killpg(stopped.pid, signal.SIGINT)
    stopped.communicate(timeout=120)
    assert stopped.returncode > 0
    told = {"tides" in json.dumps(one["inputs"]) for one in json.loads(home.state_file.read_text())["resources"]}
    assert told == {True, False}
    assert pulumi.run("up", "--yes", "--skip-preview") == 0, capfd.readouterr()
    assert create_stack(ROOT, home).up().changed_steps == ()


def test_the_cli_updates_what_a_killed_run_left_half_updated(
    kept_rehearsal: tuple[RehearsalPaths, PulumiCli], capfd: pytest.CaptureFixture[str]
) -> None:
    home, pulumi = kept_rehearsal
    state = json.loads(home.state_file.read_text())
    next(one for one in state["resources"] if one["type"] == "aws:sns/topic:Topic")["interrupted"] = True
    home.state_file.write_text(json.dumps(state))
    assert pulumi.run("preview", "--expect-no-changes") != 0
    assert pulumi.run("up", "--yes", "--skip-preview") == 0, capfd.readouterr()
    assert pulumi.run("preview", "--expect-no-changes") == 0, capfd.readouterr()
    assert not any(one["interrupted"] for one in json.loads(home.state_file.read_text())["resources"])
