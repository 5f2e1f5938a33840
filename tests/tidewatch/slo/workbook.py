"""The Site Reliability Workbook's arithmetic of error budgets, by which tests judge ours.

Source: The Site Reliability Workbook (Google, 2018), chapter 5, "Alerting on SLOs".
"""

from __future__ import annotations

from datetime import timedelta

from tidewatch.slo import compute_bad_ratio


def compute_burn_rate_for_share(share: float, within: timedelta, window: timedelta) -> float:
    """The burn rate that uses a share of the budget within a time: 2% of 30 days' in an hour is 14.4."""
    return share * (window / within)


def compute_share_used(burn_rate: float, duration: timedelta, window: timedelta) -> float:
    """The share of the budget that a burn rate uses in a time; 1 is all of it."""
    return burn_rate * (duration / window)


def compute_time_to_detection(
    observed_ratio: float, budget: float, burn_rate: float, alert_window: timedelta
) -> timedelta | None:
    """After how long an alarm on this burn rate over this window fires, once this ratio of requests is bad.

    None where it never does: at a lower rate, though it may use up the whole budget.
    """
    threshold = compute_bad_ratio(burn_rate, budget)
    return alert_window * (threshold / observed_ratio) if observed_ratio > 0 and observed_ratio >= threshold else None
