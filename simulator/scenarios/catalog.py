"""Every game day by its name."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.scenarios.challenger import CHALLENGER
from simulator.scenarios.data import DATA
from simulator.scenarios.hostile_data import HOSTILE_DATA
from simulator.scenarios.hostile_writers import HOSTILE_WRITERS
from simulator.scenarios.machinery import MACHINERY
from simulator.scenarios.scenario import Scenario

_EVERY = (*CHALLENGER, *MACHINERY, *DATA, *HOSTILE_DATA, *HOSTILE_WRITERS)
SCENARIOS: Mapping[str, Scenario] = {one.name: one for one in _EVERY}
