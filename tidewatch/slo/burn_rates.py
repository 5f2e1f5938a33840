"""Error budgets and burn rates: how fast a budget is used, and the rates from which on people are notified.

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
    """Returns the burn rate for a ratio of bad requests. Ratio and budget are 0 to 1."""
    return bad_ratio / budget


def compute_bad_ratio(burn_rate: float, budget: float) -> float:
    """Returns the ratio of bad requests for a burn rate. It is above 1 if not even a total outage burns that fast."""
    return burn_rate * budget


def compute_time_to_exhaustion(burn_rate: float, window: timedelta, used: float = 0.0) -> timedelta | None:
    """Returns how long the rest of the budget lasts at this rate, or None for ever.

    `used` is the share of the budget that is gone.
    """
    if used >= 1:
        return timedelta()
    seconds = (1 - used) * window.total_seconds() / burn_rate if burn_rate > 0 else math.inf
    # A timedelta cannot hold more, and nobody waits that long.
    return timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() else None


def compute_budget_used(bad: float, requests: float, budget: float) -> float:
    """Returns the share of the budget that the window's bad requests have used, or 0 without requests."""
    return bad / (requests * budget) if requests else 0.0


@dataclass(frozen=True)
class BurnRateAlert:
    """An alert on a burn rate over a long window, and over a short one that shows whether it still burns."""

    name: str
    rate: float
    """The burn rate."""
    long_s: int
    short_s: int
    severity: Severity
    outage_fraction: float
    """Limits the rate if a total outage hardly reaches it: the alert then fires at this part of the way from the budget
    to a total outage ("Extreme Availability Goals"). With an objective of 90% nothing burns at 14.4."""
    parents: tuple[str, ...] = ()

    def compute_threshold(self, budget: float) -> float:
        """Returns the ratio of bad requests above which it burns too fast. It is always below 1."""
        return min(compute_bad_ratio(self.rate, budget), budget + self.outage_fraction * (1 - budget))


BURN_RATE_ALERTS = (
    BurnRateAlert("burn-fast", 14.4, HOUR, 300, Severity.P1, 0.8),
    BurnRateAlert("burn", 6, 6 * HOUR, 1800, Severity.P1, 0.5, ("burn-fast",)),
    BurnRateAlert("burn-slow", 3, DAY, 2 * HOUR, Severity.P2, 0.25, ("burn-fast", "burn")),
    BurnRateAlert("budget-half", 0.5, DAY, 2 * HOUR, Severity.P3, 0, ("burn-fast", "burn", "burn-slow", "budget")),
)
"""The pages and the ticket that the workbook recommends last, and the rate that uses half of the budget."""
STILL_BURNING = BurnRateAlert("burning", 1, HOUR, 1800, Severity.P1, 0)
"""The rate that a used-up budget must still have to page: without it nobody can do anything about it."""
