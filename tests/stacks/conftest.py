"""Stacks as tests take them: each in a simulated account of its own, which a test may change as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks.deployed_program import DeployedProgram
from tests.stacks.stack_image import canary_image, prepare_program, published_image


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[DeployedProgram]:
    """The rehearsal's stack, not deployed yet."""
    with prepare_program(tmp_path) as one:
        yield one


@pytest.fixture
def published_stack(tmp_path: Path) -> Iterator[DeployedProgram]:
    """The stack, deployed without variants, with three versions in its registry."""
    with published_image().restore(tmp_path) as one:
        yield one


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[DeployedProgram]:
    """Blue serves version 1, green version 2 at five percent."""
    with canary_image().restore(tmp_path) as one:
        yield one
