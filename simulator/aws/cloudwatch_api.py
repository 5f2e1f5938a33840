"""CloudWatch's metrics in place of moto's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from simulator.aws.alarm_definitions import check_queries, in_order, metric_key, parsed
from simulator.aws.metric_math import Expression, Inputs, MathError
from simulator.aws.metric_operators import Array, Scalar, Single, Value
from simulator.aws.metric_statistics import UnknownStatistic
from simulator.aws.metrics import Aggregate, Dimensions
from simulator.aws.world import world


def install() -> None:
    """Sets metrics on moto's CloudWatch."""
    for operation in (put_metric_data, get_metric_data, get_metric_statistics, list_metrics):
        setattr(CloudWatchResponse, operation.__name__, operation)


def put_metric_data(self: CloudWatchResponse) -> EmptyResult:
    """PutMetricData: values, counted values and statistic sets, visible at once."""
    here = world()
    for datum in self.params.get("MetricData") or ():
        series = here.metrics.metric(
            self.region, self.params["Namespace"], datum["MetricName"], _mapping(datum.get("Dimensions"))
        )
        series.unit = datum.get("Unit", series.unit)
        at = _seconds(datum.get("Timestamp") or here.now())
        with here.metrics.lock:
            _add(series.at(at), datum)
            if datum.get("StorageResolution") == 1:
                _add(series.at_second(at), datum)
    return EmptyResult()


def _add(aggregate: Aggregate, datum: Mapping[str, Any]) -> None:
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
    for value, times in zip(values, counts, strict=True):
        aggregate.add(float(value), float(times))


def get_metric_statistics(self: CloudWatchResponse) -> ActionResult:
    """GetMetricStatistics, with extended statistics."""
    given = self.params
    plain, extended = given.get("Statistics") or [], given.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    found = _periods(self, given, given, int(given["Period"]), given.get("Unit"))
    points = [_datapoint(begin, aggregate, plain, extended) for begin, aggregate in sorted(found.items())]
    return ActionResult({"Label": given["MetricName"], "Datapoints": points})


def _datapoint(begin: float, aggregate: Aggregate, plain: Sequence[str], extended: Sequence[str]) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(begin, UTC), "Unit": "None"}
    point.update({name: _statistic(aggregate, name) for name in plain})
    if extended:
        point["ExtendedStatistics"] = {name: _statistic(aggregate, name) for name in extended}
    return point


def get_metric_data(self: CloudWatchResponse) -> ActionResult:
    """GetMetricData: metrics and metric math, newest first unless asked otherwise; never paged."""
    given = self.params
    if given["StartTime"] >= given["EndTime"]:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    queries = given["MetricDataQueries"]
    check_queries(queries)
    expressions = in_order(parsed(queries))
    rows = {query["Id"]: _rows(self, given, query["MetricStat"]) for query in queries if query.get("MetricStat")}
    values = _evaluated(given, queries, rows, expressions) if expressions else {}
    results: list[dict[str, Any]] = []
    for query in queries:
        if query.get("ReturnData", True):
            found = [rows[query["Id"]]] if query.get("MetricStat") else values[query["Id"]]
            results += [_result(given, query, one) for one in found]
    return ActionResult({"MetricDataResults": results})


Rows = dict[float, float]
"""Values by the second that their period begins at."""


def _rows(self: CloudWatchResponse, given: Mapping[str, Any], asked: Mapping[str, Any]) -> Rows:
    found = _periods(self, asked["Metric"], given, int(asked["Period"]), asked.get("Unit"))
    values = ((begin, _statistic(aggregate, asked["Stat"])) for begin, aggregate in sorted(found.items()))
    return {begin: value for begin, value in values if value is not None}


def _evaluated(
    given: Mapping[str, Any],
    queries: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Rows],
    expressions: Sequence[tuple[str, Expression]],
) -> dict[str, list[Rows]]:
    """The series of each expression, over every period of the time asked for; an array has several."""
    stats = {query["Id"]: int(query["MetricStat"]["Period"]) for query in queries if query.get("MetricStat")}
    own = {int(query["Period"]) for query in queries if query.get("Expression") and query.get("Period")}
    if len(periods := {*stats.values()} or own) != 1:
        raise ValidationError(f"The simulator computes expressions on metrics of one Period, not of {sorted(periods)}.")
    (period,) = periods
    start, end = _seconds(given["StartTime"]), _seconds(given["EndTime"])
    times = [float(at) for at in range(int(start - start % period), math.ceil(end), period)]
    metrics = {name: Single(tuple(found.get(at) for at in times)) for name, found in rows.items()}
    others: dict[str, Value] = {}
    for name, expression in expressions:
        try:
            others[name] = expression.of(Inputs(metrics, others, times, stats))
        except MathError as wrong:
            raise ValidationError(f"Error in expression '{name}': {wrong}") from wrong
    returned = {query["Id"] for query in queries if query.get("ReturnData", True)}
    return {name: _series(name, value, times) for name, value in others.items() if name in returned}


def _series(name: str, value: Value, times: Sequence[float]) -> list[Rows]:
    if isinstance(value, Scalar):
        raise ValidationError(f"Error in expression '{name}': it gives a number, not a time series.")
    members = value.members if isinstance(value, Array) else (value,)
    return [{at: one for at, one in zip(times, member.values, strict=True) if one is not None} for member in members]


def _result(given: Mapping[str, Any], query: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    ordered = sorted(rows.items(), reverse=given.get("ScanBy", "TimestampDescending") == "TimestampDescending")
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
    given = self.params
    wanted = {(one["Name"], one.get("Value")) for one in given.get("Dimensions") or ()}
    listed = [
        {
            "Namespace": series.namespace,
            "MetricName": series.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        }
        for series in world().metrics.listed(self.region)
        if given.get("Namespace") in (None, series.namespace)
        and given.get("MetricName") in (None, series.name)
        and all(_has(series.dimensions, name, value) for name, value in wanted)
    ]
    return ActionResult({"Metrics": listed})


def _has(dimensions: Dimensions, name: str, value: str | None) -> bool:
    return any(own == name and value in (None, content) for own, content in dimensions)


def _periods(
    self: CloudWatchResponse, metric: Mapping[str, Any], span: Mapping[str, Any], period: int, unit: str | None
) -> dict[float, Aggregate]:
    if period < 1 or (period >= 60 and period % 60):
        raise InvalidParameterValue("The parameter Period must be a multiple of 60.")
    key = metric_key(self.region, metric)
    start, end = _seconds(span["StartTime"]), _seconds(span["EndTime"])
    return world().metrics.periods(key, start, end, max(period, 60), world().clock.timestamp(), unit)


def _statistic(aggregate: Aggregate, name: str) -> float | None:
    try:
        return aggregate.statistic(name)
    except UnknownStatistic as unknown:
        raise InvalidParameterValue(str(unknown)) from unknown


def _mapping(dimensions: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in dimensions or ()}


def _seconds(moment: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()
