"""The names of CloudWatch's statistics, and the range of their values.

Source: CloudWatch user guide, "CloudWatch statistics definitions".
"""

from __future__ import annotations

import math
import re

from tidewatch.metrics import Metric

SIMPLE_STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
EXAMPLES = "Average, Maximum, Minimum, SampleCount, Sum, tm95 or PR(:200)"

_SINGLE = re.compile(r"(p|tm|tc|ts|wm)(\d{1,3}(?:\.\d{1,10})?)")
_NUMBER = r"-?\d+(?:\.\d{1,10})?"
_DOUBLE = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)")


def is_known_statistic(statistic: str) -> bool:
    """Whether CloudWatch has a statistic of that name."""
    if statistic in (*SIMPLE_STATISTICS, "IQM"):
        return True
    if single := _SINGLE.fullmatch(statistic):
        return float(single[2]) <= 100
    double = _DOUBLE.fullmatch(statistic)
    if double is None:
        return False
    ends = [end for end in (double[2], double[3]) if end is not None]
    shares = [end for end in ends if end.endswith("%")]
    if not ends or (shares and (double[1] == "PR" or len(shares) != len(ends))):
        return False
    low, *high = (float(end.removesuffix("%")) for end in ends)
    return all(0 <= float(end[:-1]) <= 100 for end in shares) and all(low < bound for bound in high)


def is_percentile(statistic: str) -> bool:
    """Whether it is a percentile like p99. With fewer than 10/(1-p) samples a period its alarm keeps its state."""
    single = _SINGLE.fullmatch(statistic)
    return single is not None and single[1] == "p"


def compute_bounds(statistic: str, metric: Metric) -> tuple[float, float]:
    """Returns the least and the greatest value of a statistic of a metric."""
    upper_bound = math.inf if metric.upper_bound is None else metric.upper_bound
    kind = statistic[:2].lower()
    if kind == "pr":
        return 0.0, 100.0
    if statistic == "SampleCount" or kind == "tc":
        return 0.0, math.inf
    if statistic == "Sum" or kind == "ts":
        return (0.0 if metric.lower_bound >= 0 else -math.inf), math.inf
    return metric.lower_bound, upper_bound
