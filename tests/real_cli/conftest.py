"""The real Pulumi CLI against the simulator: a home of its own, a file backend, and nothing left running."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.demo.pulumi_cli import build_environment
from rehearsal.simulator_process import SimulatorProcess
from tests.real_cli.command import Aws, Projects, open_projects
from tests.real_cli.flights import Flights, start_rehearsal


@pytest.fixture(scope="session")
def cli() -> None:
    """The CLI is there; asked for before anything is started."""
    if shutil.which("pulumi") is None:
        pytest.skip("needs the Pulumi CLI: `pulumi` is not on PATH")


@pytest.fixture(scope="module")
def flights(cli: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flights]:
    """One stack for the module: without variants, three versions in its registry."""
    del cli
    with start_rehearsal(tmp_path_factory.mktemp("flights")) as (projects, aws):
        yield Flights.of(projects, aws).begin()


@pytest.fixture
def simulated_aws(cli: None, tmp_path: Path) -> Iterator[Aws]:
    """A simulator of this test's own."""
    del cli
    with SimulatorProcess(tmp_path / "rehearsal") as rehearsal:
        yield Aws(rehearsal.env, rehearsal.control)


@pytest.fixture
def projects(tmp_path: Path, simulated_aws: Aws) -> Iterator[Projects]:
    """Stacks of this test's own."""
    with open_projects(tmp_path / "projects", build_environment(tmp_path, simulated_aws.env)) as made:
        yield made
