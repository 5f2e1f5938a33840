"""The deployed account that the tests of game days and of alarms copy: made once a module, as it takes most of their time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.scenarios import Snapshot, snapshot

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def deployed_account() -> Iterator[Snapshot]:
    with snapshot(ROOT) as deployed:
        yield deployed
