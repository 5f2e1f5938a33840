"""The rollback: all traffic back to the champion, one step further with every call, from whatever it finds.

An alarm, an operator, the endpoint's state-change event and the sweep of each minute call `run_rollback`.
"""

from __future__ import annotations

from tidewatch.rollback.plan import RollbackPlan, format_invocation
from tidewatch.rollback.request import RollbackRequest, RollbackResult
from tidewatch.rollback.run import run_rollback

__all__ = ["RollbackPlan", "RollbackRequest", "RollbackResult", "format_invocation", "run_rollback"]
