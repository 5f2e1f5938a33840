"""Every game day by its name."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.scenarios.challenger import CHALLENGER
from simulator.scenarios.data import DATA
from simulator.scenarios.machinery import MACHINERY
from simulator.scenarios.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = {one.name: one for one in (*CHALLENGER, *MACHINERY, *DATA)}
