"""CloudWatch's metric operations, in place of moto's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from rehearsal.aws.account import current_account
from rehearsal.aws.cloudwatch.alarm_definitions import (
    build_metric_key,
    check_queries,
    parse_expressions,
    sort_by_dependency,
)
from rehearsal.aws.cloudwatch.metric_math import Expression, Inputs, MathError
from rehearsal.aws.cloudwatch.metric_operators import Scalar, TimeSeries, TimeSeriesArray, Value
from rehearsal.aws.cloudwatch.metric_statistics import UnknownStatistic
from rehearsal.aws.cloudwatch.metric_store import Aggregate, Dimensions


def install() -> None:
    """Patches the metric operations of moto's CloudWatch."""
    for operation in (put_metric_data, get_metric_data, get_metric_statistics, list_metrics):
        setattr(CloudWatchResponse, operation.__name__, operation)


def put_metric_data(self: CloudWatchResponse) -> EmptyResult:
    """PutMetricData: values, counted values and statistic sets, visible at once."""
    account = current_account()
    for datum in self.params.get("MetricData") or ():
        series = account.metrics.get_series(
            self.region, self.params["Namespace"], datum["MetricName"], _to_mapping(datum.get("Dimensions"))
        )
        series.unit = datum.get("Unit", series.unit)
        timestamp = _to_timestamp(datum.get("Timestamp") or account.now())
        with account.metrics.lock:
            _add_datum(series.get_minute(timestamp), datum)
            if datum.get("StorageResolution") == 1:
                _add_datum(series.get_second(timestamp), datum)
    return EmptyResult()


def _add_datum(aggregate: Aggregate, datum: Mapping[str, Any]) -> None:
    statistics = datum.get("StatisticValues")
    if statistics:
        aggregate.add_statistics(
            float(statistics["SampleCount"]),
            float(statistics["Sum"]),
            float(statistics["Minimum"]),
            float(statistics["Maximum"]),
        )
        return
    values = datum.get("Values") or [datum.get("Value", 0)]
    counts = datum.get("Counts") or [1] * len(values)
    for value, count in zip(values, counts, strict=True):
        aggregate.add(float(value), float(count))


def get_metric_statistics(self: CloudWatchResponse) -> ActionResult:
    """GetMetricStatistics, with extended statistics."""
    params = self.params
    basic, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
    if not basic and not extended:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    aggregates = _read_periods(self, params, params, int(params["Period"]), params.get("Unit"))
    points = [_build_datapoint(begin, aggregate, basic, extended) for begin, aggregate in sorted(aggregates.items())]
    return ActionResult({"Label": params["MetricName"], "Datapoints": points})


def _build_datapoint(
    begin: float, aggregate: Aggregate, basic: Sequence[str], extended: Sequence[str]
) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(begin, UTC), "Unit": "None"}
    point.update({name: _compute_statistic(aggregate, name) for name in basic})
    if extended:
        point["ExtendedStatistics"] = {name: _compute_statistic(aggregate, name) for name in extended}
    return point


def get_metric_data(self: CloudWatchResponse) -> ActionResult:
    """GetMetricData: metrics and metric math, newest first by default; never paged."""
    params = self.params
    if params["StartTime"] >= params["EndTime"]:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    queries = params["MetricDataQueries"]
    check_queries(queries)
    expressions = sort_by_dependency(parse_expressions(queries))
    rows = {
        query["Id"]: _read_series_values(self, params, query["MetricStat"])
        for query in queries
        if query.get("MetricStat")
    }
    values = _evaluate_expressions(params, queries, rows, expressions) if expressions else {}
    results: list[dict[str, Any]] = []
    for query in queries:
        if query.get("ReturnData", True):
            result_values = [rows[query["Id"]]] if query.get("MetricStat") else values[query["Id"]]
            results += [_build_result(params, query, series_values) for series_values in result_values]
    return ActionResult({"MetricDataResults": results})


SeriesValues = dict[float, float]
"""Values by the second at which their period begins."""


def _read_series_values(
    self: CloudWatchResponse, params: Mapping[str, Any], metric_stat: Mapping[str, Any]
) -> SeriesValues:
    aggregates = _read_periods(self, metric_stat["Metric"], params, int(metric_stat["Period"]), metric_stat.get("Unit"))
    values = (
        (begin, _compute_statistic(aggregate, metric_stat["Stat"])) for begin, aggregate in sorted(aggregates.items())
    )
    return {begin: value for begin, value in values if value is not None}


def _evaluate_expressions(
    params: Mapping[str, Any],
    queries: Sequence[Mapping[str, Any]],
    rows: Mapping[str, SeriesValues],
    expressions: Sequence[tuple[str, Expression]],
) -> dict[str, list[SeriesValues]]:
    """The series of each expression over every period of the requested time; an array has several."""
    periods_by_id = {query["Id"]: int(query["MetricStat"]["Period"]) for query in queries if query.get("MetricStat")}
    expression_periods = {int(query["Period"]) for query in queries if query.get("Expression") and query.get("Period")}
    if len(periods := {*periods_by_id.values()} or expression_periods) != 1:
        raise ValidationError(f"The simulator computes expressions on metrics of one Period, not of {sorted(periods)}.")
    (period,) = periods
    start, end = _to_timestamp(params["StartTime"]), _to_timestamp(params["EndTime"])
    times = [float(second) for second in range(int(start - start % period), math.ceil(end), period)]
    metrics = {name: TimeSeries(tuple(found.get(second) for second in times)) for name, found in rows.items()}
    results: dict[str, Value] = {}
    for name, expression in expressions:
        try:
            results[name] = expression.evaluate(Inputs(metrics, results, times, periods_by_id))
        except MathError as error:
            raise ValidationError(f"Error in expression '{name}': {error}") from error
    returned = {query["Id"] for query in queries if query.get("ReturnData", True)}
    return {name: _to_series_values(name, value, times) for name, value in results.items() if name in returned}


def _to_series_values(name: str, value: Value, times: Sequence[float]) -> list[SeriesValues]:
    if isinstance(value, Scalar):
        raise ValidationError(f"Error in expression '{name}': it gives a number, not a time series.")
    members = value.members if isinstance(value, TimeSeriesArray) else (value,)
    return [
        {
            second: value_at_second
            for second, value_at_second in zip(times, member.values, strict=True)
            if value_at_second is not None
        }
        for member in members
    ]


def _build_result(params: Mapping[str, Any], query: Mapping[str, Any], rows: SeriesValues) -> dict[str, Any]:
    ordered = sorted(rows.items(), reverse=params.get("ScanBy", "TimestampDescending") == "TimestampDescending")
    name = query["MetricStat"]["Metric"]["MetricName"] if query.get("MetricStat") else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or name,
        "Timestamps": [datetime.fromtimestamp(begin, UTC) for begin, _ in ordered],
        "Values": [value for _, value in ordered],
        "StatusCode": "Complete",
    }


def list_metrics(self: CloudWatchResponse) -> ActionResult:
    """ListMetrics, by namespace, name and dimensions; never paged."""
    params = self.params
    dimension_filters = {(dimension["Name"], dimension.get("Value")) for dimension in params.get("Dimensions") or ()}
    entries = [
        {
            "Namespace": series.namespace,
            "MetricName": series.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        }
        for series in current_account().metrics.list_series(self.region)
        if params.get("Namespace") in (None, series.namespace)
        and params.get("MetricName") in (None, series.name)
        and all(_has_dimension(series.dimensions, name, value) for name, value in dimension_filters)
    ]
    return ActionResult({"Metrics": entries})


def _has_dimension(dimensions: Dimensions, name: str, value: str | None) -> bool:
    return any(
        dimension_name == name and value in (None, dimension_value) for dimension_name, dimension_value in dimensions
    )


def _read_periods(
    self: CloudWatchResponse, metric: Mapping[str, Any], span: Mapping[str, Any], period: int, unit: str | None
) -> dict[float, Aggregate]:
    if period < 1 or (period >= 60 and period % 60):
        raise InvalidParameterValue("The parameter Period must be a multiple of 60.")
    key = build_metric_key(self.region, metric)
    start, end = _to_timestamp(span["StartTime"]), _to_timestamp(span["EndTime"])
    return current_account().metrics.aggregate_periods(
        key, start, end, max(period, 60), current_account().clock.timestamp(), unit
    )


def _compute_statistic(aggregate: Aggregate, name: str) -> float | None:
    try:
        return aggregate.compute_statistic(name)
    except UnknownStatistic as error:
        raise InvalidParameterValue(str(error)) from error


def _to_mapping(dimensions: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions or ()}


def _to_timestamp(moment: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()
