"""What state a metric alarm is in, from the datapoints of its evaluation range: no clock, no metrics, no effects.

Source: CloudWatch user guide, "Alarm evaluation" (M out of N), "Configuring how CloudWatch alarms treat missing data"
(evaluation range, tables, "Avoiding premature transitions to alarm state"), "Percentile-based alarms and low data
samples".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
STATES = (OK, ALARM, INSUFFICIENT_DATA)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""The comparisons with a fixed threshold; those with an anomaly detection band are not simulated."""

EXTRA_DATAPOINTS = 2
"""Datapoints that are retrieved beyond EvaluationPeriods. The guide says only that there are more, and that there are
2 more in its examples, whose EvaluationPeriods is 3; the simulator takes 2 always."""

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)$")


@dataclass(frozen=True)
class Condition:
    """When an alarm is in ALARM: `datapoints` (M) of the last `periods` (N) datapoints breach the threshold."""

    comparison: str
    threshold: float
    periods: int
    datapoints: int
    treatment: str = "missing"

    @property
    def range(self) -> int:
        """How many datapoints are retrieved."""
        return self.periods + EXTRA_DATAPOINTS

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Outcome:
    """The state that a set of datapoints asks for; None keeps the one that is. `used` are places of the datapoints
    that were evaluated, newest first, and `filled` is how many more stand for missing ones."""

    state: str | None
    used: tuple[int, ...]
    filled: int


def evaluate(condition: Condition, datapoints: Sequence[float | None]) -> Outcome:
    """The outcome for the datapoints of the evaluation range, oldest first; None is a missing one.

    The newest real datapoints count, from anywhere in the range. Only where there are fewer than N of them does the
    treatment of missing data matter, for as few places as possible.
    """
    real = [place for place in range(len(datapoints) - 1, -1, -1) if datapoints[place] is not None]
    used = tuple(real[: condition.periods])
    filled = condition.periods - len(used)
    breaching = sum(condition.breaches(datapoints[place] or 0.0) for place in used)
    if breaching >= condition.datapoints:
        return Outcome(ALARM, used, filled)
    if not filled or condition.treatment == "notBreaching":
        return Outcome(OK, used, filled)
    if condition.treatment == "breaching":
        return Outcome(ALARM if breaching + filled >= condition.datapoints else OK, used, filled)
    return Outcome(_undecided(condition, len(datapoints), used, breaching), used, filled)


def _undecided(condition: Condition, length: int, used: tuple[int, ...], breaching: int) -> str | None:
    """The state with missing datapoints that are treated as missing, or ignored.

    A datapoint within the threshold makes it OK. Without one, the oldest breaching datapoint is enough for ALARM once
    it is at least M datapoints old, and before that too little is known (the guide's tables of 2018, row `- - - - X`;
    later editions leave it out, and say that the alarm does not go to ALARM yet).
    """
    if breaching < len(used):
        return OK
    if condition.treatment == "ignore":
        return None
    old_enough = bool(used) and length - used[-1] >= condition.datapoints
    return ALARM if old_enough else INSUFFICIENT_DATA


def fewest_samples(statistic: str) -> float:
    """How many samples a percentile needs to be statistically significant; 0 for any other statistic.

    10/(1 - percentile) from p50 on, 10/percentile below: 1,000 for p99, 200 for p95.
    """
    match = _PERCENTILE.match(statistic)
    if match is None:
        return 0.0
    share = float(match[1]) / 100
    if share >= 0.5:
        return round(10 / (1 - share), 6)
    return round(10 / share, 6) if share else 0.0


def reason(condition: Condition, values: Sequence[float], begins: Sequence[float], outcome: Outcome) -> str:
    """StateReason as CloudWatch words it, from the evaluated values and the seconds their periods begin at."""
    if outcome.state == INSUFFICIENT_DATA:
        missing = outcome.filled
        return f"Insufficient Data: {missing} {_datapoints(missing)} {'was' if missing == 1 else 'were'} unknown."
    if outcome.filled and condition.treatment in ("breaching", "notBreaching"):
        return _filled(condition, len(values), outcome.filled)
    breaching = [condition.breaches(value) for value in values]
    hit = outcome.state == ALARM
    counted = sum(breaching) if hit else len(values) - sum(breaching)
    told = ", ".join(
        f"{value} ({datetime.fromtimestamp(begin, UTC):%d/%m/%y %H:%M:%S})"
        for value, begin in zip(values, begins, strict=True)
    )
    were = ("was" if counted == 1 else "were") + ("" if hit else " not")
    least = condition.datapoints if hit else condition.periods - condition.datapoints + 1
    return (
        f"Threshold Crossed: {counted} out of the last {len(values)} datapoints [{told}] {were} "
        f"{COMPARISONS[condition.comparison][1]} the threshold ({condition.threshold}) "
        f"(minimum {least} {_datapoints(least)} for {'OK -> ALARM' if hit else 'ALARM -> OK'} transition)."
    )


def _filled(condition: Condition, received: int, missing: int) -> str:
    known = f"{received} {_datapoints(received)}" if received else "no datapoints"
    were = "was" if received == 1 else "were"
    treated = "Breaching" if condition.treatment == "breaching" else "NonBreaching"
    return (
        f"Threshold Crossed: {known} {were} received for {condition.periods} "
        f"{'period' if condition.periods == 1 else 'periods'} and {missing} missing {_datapoints(missing)} "
        f"{'was' if missing == 1 else 'were'} treated as [{treated}]."
    )


def _datapoints(number: int) -> str:
    return "datapoint" if number == 1 else "datapoints"
