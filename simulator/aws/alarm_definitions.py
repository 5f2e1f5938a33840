"""What a metric alarm watches, and what PutMetricAlarm refuses.

Source: CloudWatch API reference, PutMetricAlarm and MetricDataQuery; CloudWatch user guide, "Alarms on metric math".
The wording is CloudWatch's own where it is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.cloudwatch.exceptions import ValidationError

from simulator.aws import metric_statistics
from simulator.aws.alarm_rules import COMPARISONS, TREATMENTS, Condition
from simulator.aws.metric_math import Expression, Inputs, MathError, parse
from simulator.aws.metric_operators import Scalar, Single, Value
from simulator.aws.metrics import Dimensions

MOST_METRICS, MOST_EXPRESSIONS, MOST_ACTIONS = 10, 10, 5
HOUR, DAY, WEEK = 3600, 86_400, 604_800
_ID = re.compile(r"[a-z]\w*$", re.ASCII)
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


@dataclass(frozen=True)
class Watched:
    """One metric of an alarm, by the id it has there."""

    id: str
    key: tuple[str, str, str, Dimensions]
    statistic: str
    unit: str | None


@dataclass(frozen=True)
class Definition:
    """An alarm's metrics, all of one period, the expressions in the order they can be computed in, and what they are
    compared with. `watched` is the id of the time series that is compared."""

    condition: Condition
    period: int
    metrics: tuple[Watched, ...]
    expressions: tuple[tuple[str, Expression], ...]
    watched: str
    ignores_few_samples: bool

    @property
    def step(self) -> int:
        """Seconds between two evaluations. Source: user guide, "Alarm evaluation": every minute, and every 10 seconds
        for a period below a minute."""
        return 60 if self.period >= 60 else 10


def definition(region: str, given: Mapping[str, Any]) -> Definition:
    """The definition in a request of PutMetricAlarm. Raises moto's ValidationError in CloudWatch's words."""
    periods = int(_required(given, "EvaluationPeriods"))
    condition = Condition(
        _comparison(given),
        float(_required(given, "Threshold")),
        periods,
        int(given.get("DatapointsToAlarm") or periods),
        _treatment(given),
    )
    if condition.datapoints > periods:
        raise ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    queries = given.get("Metrics") or []
    made = _of_queries(region, condition, queries, given) if queries else _of_metric(region, condition, given)
    _check_span(made.period, periods)
    return made


def check_actions(given: Mapping[str, Any]) -> None:
    """At most five actions for each state."""
    for member in _ACTIONS:
        actions = given.get(member) or []
        if len(actions) > MOST_ACTIONS:
            name = member[0].lower() + member[1:]
            raise ValidationError(
                f"1 validation error detected: Value '{actions}' at '{name}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MOST_ACTIONS}"
            )


def metric_key(region: str, metric: Mapping[str, Any]) -> tuple[str, str, str, Dimensions]:
    """Where the store keeps a metric of a request."""
    dimensions = tuple(sorted((one["Name"], one["Value"]) for one in metric.get("Dimensions") or ()))
    return region, metric.get("Namespace") or "", metric.get("MetricName") or "", dimensions


def in_order(expressions: Mapping[str, Expression]) -> tuple[tuple[str, Expression], ...]:
    """Expressions so that each comes after those it names. Raises ValidationError on a circle."""
    left, ordered = dict(expressions), dict[str, Expression]()
    while left:
        ready = [name for name, one in left.items() if not (one.names & left.keys())]
        if not ready:
            raise ValidationError(f"Error in expression '{min(left)}': it depends on itself.")
        for name in ready:
            ordered[name] = left.pop(name)
    return tuple(ordered.items())


def parsed(queries: Sequence[Mapping[str, Any]]) -> dict[str, Expression]:
    """The expressions of metric queries by their ids. Raises ValidationError."""
    known = {query["Id"] for query in queries}
    found: dict[str, Expression] = {}
    for query in queries:
        if not query.get("Expression"):
            continue
        try:
            found[query["Id"]] = expression = parse(query["Expression"])
        except MathError as wrong:
            raise ValidationError(f"Error in expression '{query['Id']}': {wrong}") from wrong
        if missing := sorted(expression.names - known):
            raise ValidationError(f"Error in expression '{query['Id']}': there is no query '{missing[0]}'.")
    return found


def check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    """Ids, statistics and periods of metric queries."""
    ids = [query["Id"] for query in queries]
    for name in ids:
        if not _ID.match(name):
            raise ValidationError(f"The value '{name}' for parameter Id is not matching the expected pattern.")
        if ids.count(name) > 1:
            raise ValidationError(f"The values for parameter Id in the metrics list are not unique: '{name}'.")
    for query in queries:
        if bool(query.get("MetricStat")) == bool(query.get("Expression")):
            raise ValidationError(f"Exactly one of MetricStat and Expression must be set in '{query['Id']}'.")
        if asked := query.get("MetricStat"):
            check_statistic(asked["Stat"])


def check_statistic(name: str) -> None:
    try:
        metric_statistics.check(name)
    except metric_statistics.UnknownStatistic as unknown:
        raise ValidationError(str(unknown)) from unknown


def check_period(period: int) -> None:
    """Source: PutMetricAlarm, Period: "Valid values are 10, 20, 30, and any multiple of 60"."""
    if period not in (10, 20, 30) and (period < 60 or period % 60):
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60")


def _required(given: Mapping[str, Any], member: str) -> Any:
    if given.get(member) is None:
        raise ValidationError(f"{member} must not be null")
    return given[member]


def _comparison(given: Mapping[str, Any]) -> str:
    comparison = _required(given, "ComparisonOperator")
    if comparison not in COMPARISONS:
        raise ValidationError(f"The simulator has no anomaly detection, which {comparison} needs.")
    return comparison


def _treatment(given: Mapping[str, Any]) -> str:
    """How missing data is treated. "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing
    data" (API reference, PutMetricAlarm)."""
    treatment = given.get("TreatMissingData") or "missing"
    if treatment not in TREATMENTS:
        raise ValidationError(f"Option {treatment} is not supported. Supported options: {', '.join(TREATMENTS)}.")
    return "ignore" if given.get("Namespace") == "AWS/DynamoDB" else treatment


def _check_span(period: int, periods: int) -> None:
    """Source: PutMetricAlarm, Period: at most a day, at most seven days from a period of an hour on."""
    check_period(period)
    if period < HOUR and period * periods > DAY:
        raise ValidationError(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )
    if period * periods > WEEK:
        raise ValidationError(
            "Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period must be <= 604800)."
        )


def _of_metric(region: str, condition: Condition, given: Mapping[str, Any]) -> Definition:
    _required(given, "MetricName")
    _required(given, "Namespace")
    statistics = [one for one in (given.get("Statistic"), given.get("ExtendedStatistic")) if one]
    if len(statistics) != 1:
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be set")
    check_statistic(statistics[0])
    watched = Watched("m1", metric_key(region, given), statistics[0], given.get("Unit"))
    few = given.get("EvaluateLowSampleCountPercentile") == "ignore"
    return Definition(condition, int(_required(given, "Period")), (watched,), (), "m1", few)


def _of_queries(
    region: str, condition: Condition, queries: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
) -> Definition:
    for member in ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic"):
        if given.get(member):
            raise ValidationError(f"{member} should not be set if list of Metrics is set.")
    check_queries(queries)
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise ValidationError("Exactly one element of the metrics list should return data.")
    asked = [query for query in queries if query.get("MetricStat")]
    expressions = in_order(parsed(queries))
    if len(asked) > MOST_METRICS or len(expressions) > MOST_EXPRESSIONS:
        raise ValidationError(
            f"An alarm takes at most {MOST_METRICS} metrics and {MOST_EXPRESSIONS} expressions: "
            f"it has {len(asked)} and {len(expressions)}."
        )
    periods = {int(query["MetricStat"]["Period"]) for query in asked}
    periods |= {int(query["Period"]) for query in queries if query.get("Expression") and query.get("Period")}
    if len(periods) != 1:
        raise ValidationError(f"Every metric of an alarm has the same Period; there are {sorted(periods)}.")
    metrics = tuple(
        Watched(
            query["Id"],
            metric_key(region, query["MetricStat"]["Metric"]),
            query["MetricStat"]["Stat"],
            query["MetricStat"].get("Unit"),
        )
        for query in asked
    )
    few = given.get("EvaluateLowSampleCountPercentile") == "ignore"
    made = Definition(condition, periods.pop(), metrics, expressions, returned[0], few)
    if isinstance(computed(made, [(None,) * condition.range] * len(metrics), range(condition.range)), Scalar):
        raise ValidationError(f"Error in expression '{returned[0]}': it gives a number, not a time series.")
    return made


def computed(made: Definition, columns: Sequence[tuple[float | None, ...]], times: Sequence[float]) -> Value:
    """The watched value, from the datapoints of each metric, oldest first. Raises ValidationError on an array."""
    series = {metric.id: Single(column) for metric, column in zip(made.metrics, columns, strict=True)}
    if made.watched in series:
        return series[made.watched]
    others: dict[str, Value] = {}
    periods = {metric.id: made.period for metric in made.metrics}
    for name, expression in made.expressions:
        try:
            others[name] = expression.of(Inputs(series, others, times, periods))
        except MathError as wrong:
            raise ValidationError(f"Error in expression '{name}': {wrong}") from wrong
    value = others[made.watched]
    if isinstance(value, Single | Scalar):
        return value
    if len(value.members) == 1:
        return value.members[0]
    raise ValidationError(f"Error in expression '{made.watched}': it gives several time series, an alarm watches one.")
