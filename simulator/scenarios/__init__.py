"""Game days: what goes wrong in production, done on purpose to a deployed snapshot, and what must come of it.

SCENARIOS                       every scenario by its name, in the order they are played
snapshot(root, home) -> ...     deploys the program once; .play(scenario) -> Outcome, each on a copy of its own
"""

from __future__ import annotations

from simulator.scenarios.catalog import SCENARIOS, named
from simulator.scenarios.scenario import Scenario
from simulator.scenarios.snapshot import Snapshot, snapshot

__all__ = ["SCENARIOS", "Scenario", "Snapshot", "named", "snapshot"]
