"""CloudWatch's metrics in place of moto's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from simulator.aws.metrics import Aggregate, Dimensions, UnknownStatistic
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
        with here.metrics.lock:
            _add(series.at(_seconds(datum.get("Timestamp") or here.now())), datum)
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
    """GetMetricData for metrics. Metric math is refused rather than answered with nothing."""
    given = self.params
    if given["StartTime"] >= given["EndTime"]:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    results = []
    for query in given["MetricDataQueries"]:
        if "MetricStat" not in query:
            raise ValidationError("The simulator evaluates no metric math: ask for the metrics themselves.")
        result = _query(self, given, query)
        if query.get("ReturnData", True):
            results.append(result)
    return ActionResult({"MetricDataResults": results})


def _query(self: CloudWatchResponse, given: Mapping[str, Any], query: Mapping[str, Any]) -> dict[str, Any]:
    asked = query["MetricStat"]
    found = _periods(self, asked["Metric"], given, int(asked["Period"]), asked.get("Unit"))
    rows = [(begin, _statistic(aggregate, asked["Stat"])) for begin, aggregate in sorted(found.items())]
    rows = [(begin, value) for begin, value in rows if value is not None]
    if given.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        rows.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or asked["Metric"]["MetricName"],
        "Timestamps": [datetime.fromtimestamp(begin, UTC) for begin, _ in rows],
        "Values": [value for _, value in rows],
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
    dimensions = tuple(sorted(_mapping(metric.get("Dimensions")).items()))
    key = (self.region, metric["Namespace"], metric["MetricName"], dimensions)
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
