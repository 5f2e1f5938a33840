"""Alarms, composite alarms and dashboards."""

from __future__ import annotations

import json

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, make_retag, to_pairs

_ANY_NAME = r"(?s).+"
_ALARM = [
    "actionsEnabled",
    "alarmActions",
    "alarmDescription",
    "comparisonOperator",
    "datapointsToAlarm",
    "evaluationPeriods",
    "extendedStatistic",
    "insufficientDataActions",
    "metricName",
    "namespace",
    "okActions",
    "period",
    "statistic",
    "threshold",
    "thresholdMetricId",
    "treatMissingData",
    "unit",
    "evaluationWindow",
    "warmUpConfiguration",
]
_COMPOSITE = ["actionsEnabled", "alarmActions", "alarmDescription", "alarmRule", "insufficientDataActions", "okActions"]


def _to_dimensions(dimensions: Props | None) -> list[dict[str, str]]:
    return to_pairs(dimensions, "Name", "Value")


def _to_api_query(query: Props) -> Props:
    """A metric query for the API; its `metric` block becomes MetricStat with the metric inside."""
    result = {k: v for k, v in query.items() if k not in ("metric", "returnData") and v not in (None, "")}
    result["returnData"] = bool(query.get("returnData"))
    if metric := query.get("metric"):
        inner = {**pick(metric, "namespace", "metricName"), "dimensions": _to_dimensions(metric.get("dimensions"))}
        result["metricStat"] = {"metric": inner, **pick(metric, "period", "stat", "unit")}
    return result


def _from_api_query(query: Props) -> Props:
    """A metric query from the API in its declared form: the inverse of `_to_api_query`."""
    result = {k: v for k, v in query.items() if k != "metricStat"}
    if stat := query.get("metricStat"):
        metric = stat["metric"]
        dimensions = {
            "dimensions": {dimension["name"]: dimension["value"] for dimension in metric.get("dimensions") or ()}
        }
        result["metric"] = {
            **pick(metric, "namespace", "metricName"),
            **dimensions,
            **pick(stat, "period", "stat", "unit"),
        }
    return result


def _put_alarm(c: ResourceContext) -> Props:
    properties = pick(c.props, *_ALARM)
    if queries := c.get("metricQueries"):
        properties["metrics"] = [_to_api_query(q) for q in queries]
    else:
        properties["dimensions"] = _to_dimensions(c.get("dimensions"))
    if kind := c.get("evaluateLowSampleCountPercentiles"):
        properties["evaluateLowSampleCountPercentile"] = kind
    params = c.build_params("PutMetricAlarm", properties)
    if not c.olds and c.get("tags"):
        params["Tags"] = to_pairs(c["tags"])
    c.client.put_metric_alarm(AlarmName=c["name"], **params)
    return {"arn": c.build_arn(f"alarm:{c['name']}")}


def _describe_alarm(c: ResourceContext, kind: str, list_: str) -> Props:
    found = c.client.describe_alarms(AlarmNames=[c.id], AlarmTypes=[kind]).get(list_) or []
    if not found:
        raise NotFound(c.id)
    return found[0]


def _read_alarm(c: ResourceContext) -> Props:
    alarm = _describe_alarm(c, "MetricAlarm", "MetricAlarms")
    live = c.parse_response("DescribeAlarms", {"MetricAlarms": [alarm]})["metricAlarms"][0]
    properties = {k: live[k] for k in _ALARM if k in live}
    if alarm.get("Dimensions"):
        properties["dimensions"] = from_pairs(alarm["Dimensions"], "Name")
    if kind := alarm.get("EvaluateLowSampleCountPercentile"):
        properties["evaluateLowSampleCountPercentiles"] = kind
    if queries := live.get("metrics"):
        properties["metricQueries"] = [_from_api_query(query) for query in queries]
    return {"name": c.id, "arn": alarm["AlarmArn"], **properties, "tags": _read_tags(c, alarm["AlarmArn"])}


def _read_tags(c: ResourceContext, arn: str) -> dict[str, str]:
    return from_pairs(c.client.list_tags_for_resource(ResourceARN=arn)["Tags"])


def _validate_alarm(news: Props) -> dict[str, str]:
    """The conflicts of the provider's schema, and CloudWatch's: one metric, or at most ten queries."""
    queries = news.get("metricQueries")
    if queries and (
        clash := sorted(k for k in ("metricName", "namespace", "statistic", "extendedStatistic") if news.get(k))
    ):
        return {"metricQueries": f'"metricQueries": conflicts with {", ".join(clash)}'}
    if not queries and news.get("metricName") is None:
        return {"metricName": 'one of "metricName" and "metricQueries" must be given'}
    if not queries and bool(news.get("statistic")) == bool(news.get("extendedStatistic")):
        return {"statistic": 'exactly one of "statistic" and "extendedStatistic" must be given'}
    return {}


def _put_composite(c: ResourceContext) -> Props:
    properties = pick(c.props, *_COMPOSITE)
    if suppressor := c.get("actionsSuppressor"):
        properties["actionsSuppressor"] = suppressor["alarm"]
        properties["actionsSuppressorExtensionPeriod"] = suppressor["extensionPeriod"]
        properties["actionsSuppressorWaitPeriod"] = suppressor["waitPeriod"]
    params = c.build_params("PutCompositeAlarm", properties)
    if not c.olds and c.get("tags"):
        params["Tags"] = to_pairs(c["tags"])
    c.client.put_composite_alarm(AlarmName=c["alarmName"], **params)
    return {"arn": c.build_arn(f"alarm:{c['alarmName']}")}


def _read_composite(c: ResourceContext) -> Props:
    alarm = _describe_alarm(c, "CompositeAlarm", "CompositeAlarms")
    live = c.parse_response("DescribeAlarms", {"CompositeAlarms": [alarm]})["compositeAlarms"][0]
    properties = {k: live[k] for k in _COMPOSITE if k in live}
    if "ActionsSuppressor" in alarm:
        properties["actionsSuppressor"] = {
            "alarm": alarm["ActionsSuppressor"],
            "extensionPeriod": alarm["ActionsSuppressorExtensionPeriod"],
            "waitPeriod": alarm["ActionsSuppressorWaitPeriod"],
        }
    return {"alarmName": c.id, "arn": alarm["AlarmArn"], **properties, "tags": _read_tags(c, alarm["AlarmArn"])}


def _delete_alarm(c: ResourceContext) -> None:
    c.client.delete_alarms(AlarmNames=[c.id])


def _put_dashboard(c: ResourceContext) -> Props:
    response = c.client.put_dashboard(DashboardName=c["dashboardName"], DashboardBody=to_json_text(c["dashboardBody"]))
    if messages := [m["Message"] for m in response.get("DashboardValidationMessages") or []]:
        raise ValueError(f"dashboard {c['dashboardName']}: {'; '.join(messages)}")
    return {"dashboardArn": f"arn:aws:cloudwatch::{c.settings.account}:dashboard/{c['dashboardName']}"}


def _read_dashboard(c: ResourceContext) -> Props:
    response = c.client.get_dashboard(DashboardName=c.id)
    return {"dashboardName": c.id, "dashboardArn": response["DashboardArn"], "dashboardBody": response["DashboardBody"]}


def _validate_dashboard(news: Props) -> dict[str, str]:
    body = news.get("dashboardBody")
    try:
        if isinstance(body, str):
            json.loads(body)
    except ValueError as error:
        return {"dashboardBody": f'"dashboardBody" contains an invalid JSON: {error}'}
    return {}


_RETAG = make_retag("ResourceARN")

SPECS: dict[str, ResourceSpec] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": ResourceSpec(
        "cloudwatch",
        _put_alarm,
        _read_alarm,
        _delete_alarm,
        update=_put_alarm,
        naming=Naming(limit=255, pattern=_ANY_NAME, rule="at least one character"),
        inputs=frozenset({*_ALARM, "dimensions", "metricQueries", "evaluateLowSampleCountPercentiles"}),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        validate=_validate_alarm,
        retag=_RETAG,
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ResourceSpec(
        "cloudwatch",
        _put_composite,
        _read_composite,
        _delete_alarm,
        update=_put_composite,
        naming=Naming("alarmName", limit=255, pattern=_ANY_NAME, rule="at least one character", automatic=False),
        inputs=frozenset({*_COMPOSITE, "actionsSuppressor"}),
        force_new=frozenset({"actionsEnabled"}),
        defaults={"actionsEnabled": True},
        retag=_RETAG,
    ),
    "aws:cloudwatch/dashboard:Dashboard": ResourceSpec(
        "cloudwatch",
        _put_dashboard,
        _read_dashboard,
        lambda c: c.client.delete_dashboards(DashboardNames=[c.id]),
        update=_put_dashboard,
        naming=Naming("dashboardName", limit=255, pattern=r"[\w-]+", rule="letters, digits, _ and -", automatic=False),
        inputs=frozenset({"dashboardBody"}),
        validate=_validate_dashboard,
        computed=("dashboardArn",),
    ),
}
