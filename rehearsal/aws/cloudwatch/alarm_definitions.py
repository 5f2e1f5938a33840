"""The metrics and conditions of metric alarms, and the checks of PutMetricAlarm.

Source: CloudWatch API reference, PutMetricAlarm and MetricDataQuery; CloudWatch user guide, "Alarms on metric math".
The messages are CloudWatch's own where they are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.cloudwatch.exceptions import ValidationError

from rehearsal.aws.cloudwatch import metric_statistics
from rehearsal.aws.cloudwatch.metric_math import Expression, Inputs, MathError, parse_expression
from rehearsal.aws.cloudwatch.metric_operators import Scalar, TimeSeries, Value
from rehearsal.aws.cloudwatch.metric_store import Dimensions
from rehearsal.aws.cloudwatch.threshold_rules import COMPARISONS, TREATMENTS, Condition

MAX_METRICS, MAX_EXPRESSIONS, MAX_ACTIONS = 10, 10, 5
HOUR, DAY, WEEK = 3600, 86_400, 604_800
_ID = re.compile(r"[a-z]\w*$", re.ASCII)
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


@dataclass(frozen=True)
class AlarmMetric:
    """One metric of an alarm."""

    id: str
    """The id of its query."""
    key: tuple[str, str, str, Dimensions]
    statistic: str
    unit: str | None


@dataclass(frozen=True)
class AlarmDefinition:
    """An alarm's metrics, which have the same period, its expressions and its condition."""

    condition: Condition
    period: int
    metrics: tuple[AlarmMetric, ...]
    expressions: tuple[tuple[str, Expression], ...]
    """In an order in which they can be computed."""
    returned_id: str
    """The id of the time series that the condition is about."""
    ignores_few_samples: bool

    @property
    def step_seconds(self) -> int:
        """Seconds between two evaluations.

        Source: user guide, "Alarm evaluation": every minute, and every 10 seconds for a period below a minute.
        """
        return 60 if self.period >= 60 else 10


def parse_definition(region: str, params: Mapping[str, Any]) -> AlarmDefinition:
    """Parses a request of PutMetricAlarm. Raises moto's ValidationError with CloudWatch's message."""
    periods = int(_require_member(params, "EvaluationPeriods"))
    condition = Condition(
        _parse_comparison(params),
        float(_require_member(params, "Threshold")),
        periods,
        int(params.get("DatapointsToAlarm") or periods),
        _parse_treatment(params),
    )
    if condition.datapoints > periods:
        raise ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    queries = params.get("Metrics") or []
    definition = (
        _parse_queries(region, condition, queries, params) if queries else _parse_metric(region, condition, params)
    )
    _check_span(definition.period, periods)
    return definition


def check_actions(params: Mapping[str, Any]) -> None:
    """Allows at most five actions for each state."""
    for member in _ACTIONS:
        actions = params.get(member) or []
        if len(actions) > MAX_ACTIONS:
            name = member[0].lower() + member[1:]
            raise ValidationError(
                f"1 validation error detected: Value '{actions}' at '{name}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_ACTIONS}"
            )


def build_metric_key(region: str, metric: Mapping[str, Any]) -> tuple[str, str, str, Dimensions]:
    """The store's key for a metric of a request."""
    dimensions = tuple(sorted((dimension["Name"], dimension["Value"]) for dimension in metric.get("Dimensions") or ()))
    return region, metric.get("Namespace") or "", metric.get("MetricName") or "", dimensions


def sort_by_dependency(expressions: Mapping[str, Expression]) -> tuple[tuple[str, Expression], ...]:
    """Sorts expressions after those that they name. Raises ValidationError for a cycle."""
    remaining, ordered = dict(expressions), dict[str, Expression]()
    while remaining:
        ready = [name for name, expression in remaining.items() if not (expression.names & remaining.keys())]
        if not ready:
            raise ValidationError(f"Error in expression '{min(remaining)}': it depends on itself.")
        for name in ready:
            ordered[name] = remaining.pop(name)
    return tuple(ordered.items())


def parse_expressions(queries: Sequence[Mapping[str, Any]]) -> dict[str, Expression]:
    """The expressions of metric queries, by id. Raises ValidationError."""
    query_ids = {query["Id"] for query in queries}
    expressions: dict[str, Expression] = {}
    for query in queries:
        if not query.get("Expression"):
            continue
        try:
            expressions[query["Id"]] = expression = parse_expression(query["Expression"])
        except MathError as error:
            raise ValidationError(f"Error in expression '{query['Id']}': {error}") from error
        if missing := sorted(expression.names - query_ids):
            raise ValidationError(f"Error in expression '{query['Id']}': there is no query '{missing[0]}'.")
    return expressions


def check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    """Checks the ids, statistics and periods of metric queries."""
    ids = [query["Id"] for query in queries]
    for name in ids:
        if not _ID.match(name):
            raise ValidationError(f"The value '{name}' for parameter Id is not matching the expected pattern.")
        if ids.count(name) > 1:
            raise ValidationError(f"The values for parameter Id in the metrics list are not unique: '{name}'.")
    for query in queries:
        if bool(query.get("MetricStat")) == bool(query.get("Expression")):
            raise ValidationError(f"Exactly one of MetricStat and Expression must be set in '{query['Id']}'.")
        if metric_stat := query.get("MetricStat"):
            check_statistic(metric_stat["Stat"])


def check_statistic(name: str) -> None:
    try:
        metric_statistics.require_known_statistic(name)
    except metric_statistics.UnknownStatistic as error:
        raise ValidationError(str(error)) from error


def check_period(period: int) -> None:
    """Checks a period. Source: PutMetricAlarm, Period: "Valid values are 10, 20, 30, and any multiple of 60"."""
    if period not in (10, 20, 30) and (period < 60 or period % 60):
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60")


def _require_member(params: Mapping[str, Any], member: str) -> Any:
    if params.get(member) is None:
        raise ValidationError(f"{member} must not be null")
    return params[member]


def _parse_comparison(params: Mapping[str, Any]) -> str:
    comparison = _require_member(params, "ComparisonOperator")
    if comparison not in COMPARISONS:
        raise ValidationError(f"The simulator has no anomaly detection, which {comparison} needs.")
    return comparison


def _parse_treatment(params: Mapping[str, Any]) -> str:
    """The treatment of missing data.

    "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing data" (API reference,
    PutMetricAlarm).
    """
    treatment = params.get("TreatMissingData") or "missing"
    if treatment not in TREATMENTS:
        raise ValidationError(f"Option {treatment} is not supported. Supported options: {', '.join(TREATMENTS)}.")
    return "ignore" if params.get("Namespace") == "AWS/DynamoDB" else treatment


def _check_span(period: int, periods: int) -> None:
    """Allows at most a day, and at most seven days for a period of an hour or more. Source: PutMetricAlarm, Period."""
    check_period(period)
    if period < HOUR and period * periods > DAY:
        raise ValidationError(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )
    if period * periods > WEEK:
        raise ValidationError(
            "Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period must be <= 604800)."
        )


def _parse_metric(region: str, condition: Condition, params: Mapping[str, Any]) -> AlarmDefinition:
    _require_member(params, "MetricName")
    _require_member(params, "Namespace")
    statistics = [statistic for statistic in (params.get("Statistic"), params.get("ExtendedStatistic")) if statistic]
    if len(statistics) != 1:
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be set")
    check_statistic(statistics[0])
    metric = AlarmMetric("m1", build_metric_key(region, params), statistics[0], params.get("Unit"))
    ignores_few_samples = params.get("EvaluateLowSampleCountPercentile") == "ignore"
    return AlarmDefinition(condition, int(_require_member(params, "Period")), (metric,), (), "m1", ignores_few_samples)


def _parse_queries(
    region: str, condition: Condition, queries: Sequence[Mapping[str, Any]], params: Mapping[str, Any]
) -> AlarmDefinition:
    for member in ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic"):
        if params.get(member):
            raise ValidationError(f"{member} should not be set if list of Metrics is set.")
    check_queries(queries)
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise ValidationError("Exactly one element of the metrics list should return data.")
    metric_queries = [query for query in queries if query.get("MetricStat")]
    expressions = sort_by_dependency(parse_expressions(queries))
    if len(metric_queries) > MAX_METRICS or len(expressions) > MAX_EXPRESSIONS:
        raise ValidationError(
            f"An alarm takes at most {MAX_METRICS} metrics and {MAX_EXPRESSIONS} expressions: "
            f"it has {len(metric_queries)} and {len(expressions)}."
        )
    periods = {int(query["MetricStat"]["Period"]) for query in metric_queries}
    periods |= {int(query["Period"]) for query in queries if query.get("Expression") and query.get("Period")}
    if len(periods) != 1:
        raise ValidationError(f"Every metric of an alarm has the same Period; there are {sorted(periods)}.")
    metrics = tuple(
        AlarmMetric(
            query["Id"],
            build_metric_key(region, query["MetricStat"]["Metric"]),
            query["MetricStat"]["Stat"],
            query["MetricStat"].get("Unit"),
        )
        for query in metric_queries
    )
    ignores_few_samples = params.get("EvaluateLowSampleCountPercentile") == "ignore"
    definition = AlarmDefinition(condition, periods.pop(), metrics, expressions, returned[0], ignores_few_samples)
    if isinstance(
        compute_value(
            definition, [(None,) * condition.evaluation_range] * len(metrics), range(condition.evaluation_range)
        ),
        Scalar,
    ):
        raise ValidationError(f"Error in expression '{returned[0]}': it gives a number, not a time series.")
    return definition


def compute_value(
    definition: AlarmDefinition, columns: Sequence[tuple[float | None, ...]], times: Sequence[float]
) -> Value:
    """The value of the alarm, from the datapoints of each metric, oldest first. Raises ValidationError for an array."""
    series = {metric.id: TimeSeries(column) for metric, column in zip(definition.metrics, columns, strict=True)}
    if definition.returned_id in series:
        return series[definition.returned_id]
    results: dict[str, Value] = {}
    periods = {metric.id: definition.period for metric in definition.metrics}
    for name, expression in definition.expressions:
        try:
            results[name] = expression.evaluate(Inputs(series, results, times, periods))
        except MathError as error:
            raise ValidationError(f"Error in expression '{name}': {error}") from error
    value = results[definition.returned_id]
    if isinstance(value, TimeSeries | Scalar):
        return value
    if len(value.members) == 1:
        return value.members[0]
    raise ValidationError(
        f"Error in expression '{definition.returned_id}': it gives several time series, an alarm watches one."
    )
