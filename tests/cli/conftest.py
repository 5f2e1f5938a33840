"""A canary that is deployed to the simulator of this process, for commands that look at it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from tests.aws_clients import make_client
from tests.stacks.conftest import canary
from tests.stacks.deployed_program import ROOT, DeployedProgram
from tidewatch import clock

__all__ = ["canary"]


class Ambient:
    """Clients of the simulator in this process, whatever the stack."""

    def __init__(self, stack: str) -> None:
        self.stack = stack

    is_simulated = False
    region = "us-east-1"

    def client(self, service: str, region: str = "") -> Any:
        return make_client(service, region_name=region or None)

    def now(self) -> datetime:
        return clock.get_clock().now()


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever rehearsal somebody keeps in this checkout is not the tests'."""
    monkeypatch.setattr(
        RehearsalPaths,
        "of",
        classmethod(lambda cls, root: RehearsalPaths((tmp_path if root == ROOT else root) / "out" / REHEARSAL)),  # noqa: ARG005
    )


@pytest.fixture
def operated_canary(canary: DeployedProgram, monkeypatch: pytest.MonkeyPatch) -> DeployedProgram:
    """The canary, with the command line looking at it."""
    for module in ("cli.commands.status", "cli.commands.rollback", "cli.commands.runbook"):
        monkeypatch.setattr(f"{module}.read_stack_outputs", lambda stack: dict(canary.outputs()))  # noqa: ARG005
        monkeypatch.setattr(f"{module}.Session", Ambient, raising=False)
    return canary
