"""Game days: production failures and attacks, run on purpose against a deployed snapshot, with their expectations.

SCENARIOS                        every scenario, in the order of the game days
snapshot.deploy_snapshot(root)   deploys the program once; Snapshot.run_scenarios runs each scenario on its own copy

Importing the scenarios does not import the snapshot, which loads a whole simulated AWS and trains models.
"""

from __future__ import annotations

from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.catalog import SCENARIOS

__all__ = ["SCENARIOS", "Scenario"]
