"""Stacks as tests take them: each in a simulated account of its own, which a test may change as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks.deployed_program import Rehearsed
from tests.stacks.stack_image import canary_image, published_image, undeployed


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Rehearsed]:
    """The rehearsal's stack, not deployed yet."""
    with undeployed(tmp_path) as one:
        yield one


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Rehearsed]:
    """The stack, deployed without variants, with three versions in its registry."""
    with published_image().restore(tmp_path) as one:
        yield one


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Rehearsed]:
    """Blue serves version 1, green version 2 at five percent."""
    with canary_image().restore(tmp_path) as one:
        yield one


@pytest.fixture
def standing(canary: Rehearsed) -> Rehearsed:
    """The same canary, by the name that most tests use."""
    return canary
