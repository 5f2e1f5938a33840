"""Game days: what goes wrong in production, done on purpose to a deployed snapshot, and what must come of it.

SCENARIOS                      every scenario by its name, in the order they are played
snapshot.snapshot(root) -> ... deploys the program once; .play(scenarios) -> outcomes, each on a copy of its own

The names come without the snapshot, which loads a whole simulated AWS, and models to train.
"""

from __future__ import annotations

from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.catalog import SCENARIOS

__all__ = ["SCENARIOS", "Scenario"]
