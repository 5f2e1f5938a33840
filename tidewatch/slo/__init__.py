"""Objectives: what is promised to users, how fast its error budget is used, and the alarms on that.

`tidewatch.slo.error_budget` reads CloudWatch and is not imported here, because only a sweep needs it.
"""

from __future__ import annotations

from tidewatch.slo.burn_rates import (
    BURN_RATE_ALERTS,
    STILL_BURNING,
    BurnRateAlert,
    compute_bad_ratio,
    compute_budget_used,
    compute_burn_rate,
    compute_time_to_exhaustion,
)
from tidewatch.slo.objective import RUNBOOK_BY_KIND, Objective, build_request_counts
from tidewatch.slo.objective_alarms import build_slo_alarms, build_slo_composites

__all__ = [
    "BURN_RATE_ALERTS",
    "RUNBOOK_BY_KIND",
    "STILL_BURNING",
    "BurnRateAlert",
    "Objective",
    "build_request_counts",
    "build_slo_alarms",
    "build_slo_composites",
    "compute_bad_ratio",
    "compute_budget_used",
    "compute_burn_rate",
    "compute_time_to_exhaustion",
]
