"""Pieces of metric math that several alarms are made of."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch.alarms.models import MetricMath, MetricStat
from tidewatch.metrics import Metric

STANDARD_ERRORS = 3.5
"""By how many a challenger's rate must exceed the champion's before the difference is no chance: a test computes that
challengers no worse than a champion with up to 1% of errors are rolled back less than once in twenty years."""


def format_number(value: float) -> str:
    """A number as in an expression of metric math, which knows no exponents."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def build_variant_stats(prefix: str, metric: Metric, statistic: str, variants: Sequence[str]) -> dict[str, MetricStat]:
    """The statistic of every variant, by ids like n0 and n1: there is no dimension for a whole endpoint."""
    return {f"{prefix}{index}": MetricStat(metric, statistic, variant) for index, variant in enumerate(variants)}


def build_sum(prefix: str, variants: Sequence[str]) -> str:
    """The sum over the variants; one without data counts as 0 beside another."""
    return " + ".join(f"{prefix}{index}" for index in range(len(variants)))


def build_count(metric: Metric, statistic: str, minimum: float, variants: Sequence[str]) -> MetricMath:
    """In how many variants the statistic is at least that much."""
    expression = " + ".join(f"(s{index} >= {format_number(minimum)})" for index in range(len(variants)))
    return MetricMath(expression, build_variant_stats("s", metric, statistic, variants), 0, len(variants))


def build_min_samples_condition(minimum_requests: int, minimum_errors: int) -> str:
    """A condition on n requests and b bad ones: one failure among few requests is an event, not a rate."""
    return f"(n >= {minimum_requests}) AND (b >= {minimum_errors})"


def build_min_requests_condition(minimum_requests: int) -> str:
    """The condition that n are enough, of a variant whose live share is w.

    The sweep reports w each minute: a variant without requests has a datapoint all the same, and none from before it
    fell silent is evaluated in the place of a missing one.
    """
    return f"((n + 0 * w) >= {minimum_requests})"


def build_significant_excess() -> str:
    """By how much b of n requests being bad exceeds the champion's d of k, less what may be chance.

    A difference of two noisy rates is above any floor every few minutes where both fail alike, and a rollback would
    help nobody: so STANDARD_ERRORS of it are taken off, pooled over both as in the test of two proportions (Fleiss,
    "Statistical Methods for Rates and Proportions", chapter 3). Without a request to the champion, its rate is 0.
    """
    pooled = "(b + d) / (n + k)"
    return f"b / n - d / k - {STANDARD_ERRORS} * (({pooled} * (1 - {pooled}) * (1 / n + 1 / k)) ^ 0.5)"
