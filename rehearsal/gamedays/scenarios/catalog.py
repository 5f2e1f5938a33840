"""Every game day, by name."""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.challenger import CHALLENGER_SCENARIOS
from rehearsal.gamedays.scenarios.control_plane import CONTROL_PLANE_SCENARIOS
from rehearsal.gamedays.scenarios.data import DATA_SCENARIOS
from rehearsal.gamedays.scenarios.hostile_data import HOSTILE_DATA
from rehearsal.gamedays.scenarios.hostile_writers import HOSTILE_WRITERS

_ALL_SCENARIOS = (*CHALLENGER_SCENARIOS, *CONTROL_PLANE_SCENARIOS, *DATA_SCENARIOS, *HOSTILE_DATA, *HOSTILE_WRITERS)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL_SCENARIOS}
