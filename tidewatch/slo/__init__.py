"""Objectives: what is promised to users, how fast its error budget is used, and the alarms on that.

Objective(kind, percent, days=28, milliseconds=None)  raises InvalidAlarms
counting(objective, slots) -> bad, all, statistics    as expressions of metric math
slo_alarms(objective, slots) / slo_composites(objective) -> what measures, what notifies
burn_rate(), share_used(), time_to_exhaustion(), ...  the arithmetic
"""

from __future__ import annotations

from tidewatch.slo.alarms import slo_alarms, slo_composites
from tidewatch.slo.burning import (
    BURNING,
    BURNS,
    Burn,
    bad_ratio,
    budget_used,
    burn_rate,
    burn_rate_using,
    share_used,
    time_to_detection,
    time_to_exhaustion,
)
from tidewatch.slo.objective import RUNBOOKS, Objective, counting

__all__ = [
    "BURNING",
    "BURNS",
    "RUNBOOKS",
    "Burn",
    "Objective",
    "bad_ratio",
    "budget_used",
    "burn_rate",
    "burn_rate_using",
    "counting",
    "share_used",
    "slo_alarms",
    "slo_composites",
    "time_to_detection",
    "time_to_exhaustion",
]
