"""The state of a metric alarm from the datapoints of its evaluation range, as a pure function.

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
"""Datapoints that are retrieved beyond EvaluationPeriods.

The guide states only that there are more, and has 2 more in its examples, whose EvaluationPeriods is 3; the simulator
always uses 2.
"""

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)$")


@dataclass(frozen=True)
class Condition:
    """The condition of an alarm: `datapoints` (M) of the last `periods` (N) datapoints breach the threshold."""

    comparison: str
    threshold: float
    periods: int
    datapoints: int
    treatment: str = "missing"

    @property
    def evaluation_range(self) -> int:
        """The number of retrieved datapoints."""
        return self.periods + EXTRA_DATAPOINTS

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class EvaluationResult:
    """The state that follows from a set of datapoints."""

    state: str | None
    """None keeps the current state."""
    evaluated_indexes: tuple[int, ...]
    """Indexes of the evaluated datapoints, newest first."""
    missing_count: int
    """Missing datapoints that are evaluated too."""


def evaluate_datapoints(condition: Condition, datapoints: Sequence[float | None]) -> EvaluationResult:
    """Evaluates the datapoints of the evaluation range, oldest first; None is a missing one.

    The newest existing datapoints count, from anywhere in the range. The treatment of missing data matters only if
    there are fewer than N of them, for as few datapoints as possible.
    """
    present_indexes = [index for index in range(len(datapoints) - 1, -1, -1) if datapoints[index] is not None]
    evaluated_indexes = tuple(present_indexes[: condition.periods])
    missing_count = condition.periods - len(evaluated_indexes)
    breaching = sum(condition.breaches(datapoints[index] or 0.0) for index in evaluated_indexes)
    if breaching >= condition.datapoints:
        return EvaluationResult(ALARM, evaluated_indexes, missing_count)
    if not missing_count or condition.treatment == "notBreaching":
        return EvaluationResult(OK, evaluated_indexes, missing_count)
    if condition.treatment == "breaching":
        return EvaluationResult(
            ALARM if breaching + missing_count >= condition.datapoints else OK, evaluated_indexes, missing_count
        )
    return EvaluationResult(
        _resolve_missing_data(condition, len(datapoints), evaluated_indexes, breaching),
        evaluated_indexes,
        missing_count,
    )


def _resolve_missing_data(
    condition: Condition, length: int, evaluated_indexes: tuple[int, ...], breaching: int
) -> str | None:
    """The state if missing datapoints are treated as missing, or ignored.

    A datapoint within the threshold makes it OK. Otherwise ALARM needs a breaching datapoint that is at least M
    datapoints old; before that the data are insufficient (the guide's tables of 2018, row `- - - - X`; later editions
    omit it, and state that the alarm does not go to ALARM yet).
    """
    if breaching < len(evaluated_indexes):
        return OK
    if condition.treatment == "ignore":
        return None
    old_enough = bool(evaluated_indexes) and length - evaluated_indexes[-1] >= condition.datapoints
    return ALARM if old_enough else INSUFFICIENT_DATA


def compute_min_samples(statistic: str) -> float:
    """The number of samples that make a percentile statistically significant; 0 for any other statistic.

    10/(1 - percentile) from p50 on, 10/percentile below: 1,000 for p99, 200 for p95.
    """
    match = _PERCENTILE.match(statistic)
    if match is None:
        return 0.0
    share = float(match[1]) / 100
    if share >= 0.5:
        return round(10 / (1 - share), 6)
    return round(10 / share, 6) if share else 0.0


def format_reason(
    condition: Condition, values: Sequence[float], period_starts: Sequence[float], result: EvaluationResult
) -> str:
    """StateReason in CloudWatch's words, from the evaluated values and the beginnings of their periods in seconds."""
    if result.state == INSUFFICIENT_DATA:
        missing = result.missing_count
        verb = "was" if missing == 1 else "were"
        return f"Insufficient Data: {missing} {_pluralize_datapoints(missing)} {verb} unknown."
    if result.missing_count and condition.treatment in ("breaching", "notBreaching"):
        return _format_filled_reason(condition, len(values), result.missing_count)
    breaching = [condition.breaches(value) for value in values]
    is_alarm = result.state == ALARM
    count = sum(breaching) if is_alarm else len(values) - sum(breaching)
    values_text = ", ".join(
        f"{value} ({datetime.fromtimestamp(begin, UTC):%d/%m/%y %H:%M:%S})"
        for value, begin in zip(values, period_starts, strict=True)
    )
    verb = ("was" if count == 1 else "were") + ("" if is_alarm else " not")
    minimum = condition.datapoints if is_alarm else condition.periods - condition.datapoints + 1
    return (
        f"Threshold Crossed: {count} out of the last {len(values)} datapoints [{values_text}] {verb} "
        f"{COMPARISONS[condition.comparison][1]} the threshold ({condition.threshold}) "
        f"(minimum {minimum} {_pluralize_datapoints(minimum)} for "
        f"{'OK -> ALARM' if is_alarm else 'ALARM -> OK'} transition)."
    )


def _format_filled_reason(condition: Condition, received: int, missing: int) -> str:
    received_text = f"{received} {_pluralize_datapoints(received)}" if received else "no datapoints"
    verb = "was" if received == 1 else "were"
    treatment_name = "Breaching" if condition.treatment == "breaching" else "NonBreaching"
    return (
        f"Threshold Crossed: {received_text} {verb} received for {condition.periods} "
        f"{'period' if condition.periods == 1 else 'periods'} and {missing} missing {_pluralize_datapoints(missing)} "
        f"{'was' if missing == 1 else 'were'} treated as [{treatment_name}]."
    )


def _pluralize_datapoints(number: int) -> str:
    return "datapoint" if number == 1 else "datapoints"
