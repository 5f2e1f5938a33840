"""The deployed account that game days and drives of alarms copy: it takes most of their tests' time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.scenarios.snapshot import Snapshot, snapshot

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def deployed_account() -> Iterator[Snapshot]:
    with snapshot(ROOT) as deployed:
        yield deployed
