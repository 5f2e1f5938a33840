"""Pieces of metric math that several alarms are made of."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import Math, Stat
from tidewatch.metrics import Metric

STANDARD_ERRORS = 3.5
"""By how many a challenger's rate must exceed the champion's before the difference is no chance: a test computes that
challengers no worse than a champion with up to 1% of errors are rolled back less than once in twenty years."""


def each(part: str, metric: Metric, statistic: str, slots: Sequence[str]) -> dict[str, Stat]:
    """The statistic of every slot, by ids like n0 and n1: there is no dimension for a whole endpoint."""
    return {f"{part}{place}": Stat(metric, statistic, slot) for place, slot in enumerate(slots)}


def total(part: str, slots: Sequence[str]) -> str:
    """The sum over the slots; one without data counts as 0 beside another."""
    return " + ".join(f"{part}{place}" for place in range(len(slots)))


def count_of(metric: Metric, statistic: str, least: float, slots: Sequence[str]) -> Math:
    """In how many slots the statistic is at least that much."""
    expression = " + ".join(f"(s{place} >= {shown(least)})" for place in range(len(slots)))
    return Math(expression, each("s", metric, statistic, slots), 0, len(slots))


def enough(minimum_requests: int, minimum_errors: int) -> str:
    """A condition on n requests and b bad ones: one failure among few requests is an event, not a rate."""
    return f"(n >= {minimum_requests}) AND (b >= {minimum_errors})"


def asked(minimum_requests: int) -> str:
    """The condition that n are enough, of a slot whose live share is w.

    The sweep reports w each minute: a slot without requests has a datapoint all the same, and none from before it fell
    silent is evaluated in the place of a missing one.
    """
    return f"((n + 0 * w) >= {minimum_requests})"


def excess() -> str:
    """By how much b of n requests being bad exceeds the champion's d of k, less what may be chance.

    A difference of two noisy rates is above any floor every few minutes where both fail alike, and a rollback would
    help nobody: so STANDARD_ERRORS of it are taken off, pooled over both as in the test of two proportions (Fleiss,
    "Statistical Methods for Rates and Proportions", chapter 3). Without a request to the champion, its rate is 0.
    """
    pooled = "(b + d) / (n + k)"
    return f"b / n - d / k - {STANDARD_ERRORS} * (({pooled} * (1 - {pooled}) * (1 / n + 1 / k)) ^ 0.5)"
