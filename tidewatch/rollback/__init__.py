"""The rollback: sends all traffic to the champion. Each call advances it one step from the state that it finds.

Four callers use `run_rollback`: an alarm, an operator, the endpoint's state-change event and the sweep of each minute.
"""

from __future__ import annotations

from tidewatch.rollback.plan import RollbackPlan, format_invocation
from tidewatch.rollback.request import DEFAULT_REASON, RollbackRequest, RollbackResult
from tidewatch.rollback.run import run_rollback

__all__ = [
    "DEFAULT_REASON",
    "RollbackPlan",
    "RollbackRequest",
    "RollbackResult",
    "format_invocation",
    "run_rollback",
]
