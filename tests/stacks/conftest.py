from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks.rehearsed import Rehearsed, rehearsed


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsed]:
    """The rehearsal's stack, not deployed yet. Events and the sweep start no process: a test calls `roll_back`."""
    monkeypatch.setattr("simulator.aws.lambda_api._run_beside", lambda here, work: None)  # noqa: ARG005
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with rehearsed(tmp_path) as one:
        yield one


@pytest.fixture
def published(stack: Rehearsed) -> Rehearsed:
    """The stack, deployed without variants, with three versions in its registry."""
    stack.up()
    for version in ("1", "2", "3"):
        stack.publish(version)
    return stack
