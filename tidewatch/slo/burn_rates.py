"""Budgets and burn rates: how fast an objective's budget is used, and from which rate on somebody is told.

Source of the arithmetic and of the windows: The Site Reliability Workbook (Google, 2018), chapter 5, "Alerting on
SLOs", https://sre.google/workbook/alerting-on-slos/. A budget is the share of requests that may be bad; a burn rate of
1 uses exactly all of it over the objective's window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from tidewatch.alarms.models import DAY, HOUR, Severity


def compute_burn_rate(bad_ratio: float, budget: float) -> float:
    """How many times as fast as allowed a budget is used, at this ratio of bad requests; both 0 to 1."""
    return bad_ratio / budget


def compute_bad_ratio(burn_rate: float, budget: float) -> float:
    """The ratio of bad requests that burns a budget at this rate; above 1 where even a total outage would not."""
    return burn_rate * budget


def compute_time_to_exhaustion(burn_rate: float, window: timedelta, used: float = 0.0) -> timedelta | None:
    """How long what is left of the budget lasts at this rate; None for ever. used: share of it that is gone."""
    if used >= 1:
        return timedelta()
    seconds = (1 - used) * window.total_seconds() / burn_rate if burn_rate > 0 else math.inf
    # Beyond what a timedelta holds it is no time that anybody waits for.
    return timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() else None


def compute_budget_used(bad: float, requests: float, budget: float) -> float:
    """The share of the budget that the bad ones among the window's requests have used; 0 without requests."""
    return bad / (requests * budget) if requests else 0.0


@dataclass(frozen=True)
class BurnRateAlert:
    """An alert on a rate over a long window, and over a short one that tells whether it still burns.

    reach: where the rate is more than a total outage makes, or nearly, the alert is at this part of the way from
    the budget to a total outage instead ("Extreme Availability Goals"): at 90% nothing burns at 14.4.
    """

    name: str
    rate: float
    long_s: int
    short_s: int
    severity: Severity
    outage_fraction: float
    parents: tuple[str, ...] = ()

    def compute_threshold(self, budget: float) -> float:
        """The ratio of bad requests above which it burns too fast; always below 1."""
        return min(compute_bad_ratio(self.rate, budget), budget + self.outage_fraction * (1 - budget))


BURN_RATE_ALERTS = (
    BurnRateAlert("burn-fast", 14.4, HOUR, 300, Severity.P1, 0.8),
    BurnRateAlert("burn", 6, 6 * HOUR, 1800, Severity.P1, 0.5, ("burn-fast",)),
    BurnRateAlert("burn-slow", 3, DAY, 2 * HOUR, Severity.P2, 0.25, ("burn-fast", "burn")),
    BurnRateAlert("budget-half", 0.5, DAY, 2 * HOUR, Severity.P3, 0, ("burn-fast", "burn", "burn-slow", "budget")),
)
"""Pages and ticket of the workbook's last recommendation, and the rate that uses half of the budget over its window."""
STILL_BURNING = BurnRateAlert("burning", 1, HOUR, 1800, Severity.P1, 0)
"""What a budget that is used up must still do to page: once nothing burns any more, nobody can do anything about it."""
