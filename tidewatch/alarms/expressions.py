"""Parts of metric math expressions that several alarms share."""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch.alarms.models import MetricMath, MetricStat
from tidewatch.metrics import Metric

STANDARD_ERRORS = 3.5
"""How many standard errors a challenger's rate must be above the champion's before the difference is not by chance. A
test computes that challengers no worse than a champion with up to 1% of errors are rolled back less than once in twenty
years."""


def format_number(value: float) -> str:
    """Returns a number for a metric math expression, which has no exponents."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def build_variant_stats(prefix: str, metric: Metric, statistic: str, variants: Sequence[str]) -> dict[str, MetricStat]:
    """Returns the statistic of every variant by ids like n0 and n1. No dimension covers a whole endpoint."""
    return {f"{prefix}{index}": MetricStat(metric, statistic, variant) for index, variant in enumerate(variants)}


def build_sum(prefix: str, variants: Sequence[str]) -> str:
    """Returns the sum over the variants. One without data counts as 0 beside another."""
    return " + ".join(f"{prefix}{index}" for index in range(len(variants)))


def build_count(metric: Metric, statistic: str, minimum: float, variants: Sequence[str]) -> MetricMath:
    """Returns the number of variants whose statistic is at least the minimum."""
    expression = " + ".join(f"(s{index} >= {format_number(minimum)})" for index in range(len(variants)))
    return MetricMath(expression, build_variant_stats("s", metric, statistic, variants), 0, len(variants))


def build_min_samples_condition(minimum_requests: int, minimum_errors: int) -> str:
    """Returns a condition on n requests and b bad ones: one failure among few requests is an event, not a rate."""
    return f"(n >= {minimum_requests}) AND (b >= {minimum_errors})"


def build_min_requests_condition(minimum_requests: int) -> str:
    """Returns the condition that n requests are enough, for a variant whose live share is w.

    The sweep reports w each minute, so a variant without requests still has a datapoint, and CloudWatch does not use
    one from before the silence in its place.
    """
    return f"((n + 0 * w) >= {minimum_requests})"


def build_significant_excess() -> str:
    """Returns how much the rate of bad requests b / n exceeds the champion's d / k, less what may be chance.

    If both variants fail alike, the difference of two noisy rates is above any threshold every few minutes, and a
    rollback would help nobody. So STANDARD_ERRORS of it are subtracted, pooled over both as in the test of two
    proportions (Fleiss, "Statistical Methods for Rates and Proportions", chapter 3). Without a request to the champion,
    its rate is 0.
    """
    pooled = "(b + d) / (n + k)"
    return f"b / n - d / k - {STANDARD_ERRORS} * (({pooled} * (1 - {pooled}) * (1 / n + 1 / k)) ^ 0.5)"
