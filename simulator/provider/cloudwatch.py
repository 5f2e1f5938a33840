"""Alarms, composite alarms and dashboards."""

from __future__ import annotations

import json

from simulator.provider.base import Call, Gone, Naming, Spec, pairs, unpaired
from simulator.provider.tagging import tagging
from simulator.provider.values import Props, chosen, text

_ANY = r"(?s).+"
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


def _dimensions(given: Props | None) -> list[dict[str, str]]:
    return pairs(given, "Name", "Value")


def _query(query: Props) -> Props:
    """A metric query; its `metric` block is the API's MetricStat with the metric inside."""
    made = {k: v for k, v in query.items() if k not in ("metric", "returnData") and v not in (None, "")}
    made["returnData"] = bool(query.get("returnData"))
    if metric := query.get("metric"):
        inner = {**chosen(metric, "namespace", "metricName"), "dimensions": _dimensions(metric.get("dimensions"))}
        made["metricStat"] = {"metric": inner, **chosen(metric, "period", "stat", "unit")}
    return made


def _declared(query: Props) -> Props:
    """A metric query as it is declared: the other way round."""
    made = {k: v for k, v in query.items() if k != "metricStat"}
    if stat := query.get("metricStat"):
        metric = stat["metric"]
        where = {"dimensions": {one["name"]: one["value"] for one in metric.get("dimensions") or ()}}
        made["metric"] = {
            **chosen(metric, "namespace", "metricName"),
            **where,
            **chosen(stat, "period", "stat", "unit"),
        }
    return made


def _put_alarm(c: Call) -> Props:
    given = chosen(c.props, *_ALARM)
    if queries := c.get("metricQueries"):
        given["metrics"] = [_query(q) for q in queries]
    else:
        given["dimensions"] = _dimensions(c.get("dimensions"))
    if kind := c.get("evaluateLowSampleCountPercentiles"):
        given["evaluateLowSampleCountPercentile"] = kind
    params = c.params("PutMetricAlarm", given)
    if not c.olds and c.get("tags"):
        params["Tags"] = pairs(c["tags"])
    c.client.put_metric_alarm(AlarmName=c["name"], **params)
    return {"arn": c.arn(f"alarm:{c['name']}")}


def _described(c: Call, kind: str, list_: str) -> Props:
    found = c.client.describe_alarms(AlarmNames=[c.id], AlarmTypes=[kind]).get(list_) or []
    if not found:
        raise Gone(c.id)
    return found[0]


def _read_alarm(c: Call) -> Props:
    said = _described(c, "MetricAlarm", "MetricAlarms")
    live = c.answer("DescribeAlarms", {"MetricAlarms": [said]})["metricAlarms"][0]
    seen = {k: live[k] for k in _ALARM if k in live}
    if said.get("Dimensions"):
        seen["dimensions"] = unpaired(said["Dimensions"], "Name")
    if kind := said.get("EvaluateLowSampleCountPercentile"):
        seen["evaluateLowSampleCountPercentiles"] = kind
    if queries := live.get("metrics"):
        seen["metricQueries"] = [_declared(query) for query in queries]
    return {"name": c.id, "arn": said["AlarmArn"], **seen, "tags": _tags(c, said["AlarmArn"])}


def _tags(c: Call, arn: str) -> dict[str, str]:
    return unpaired(c.client.list_tags_for_resource(ResourceARN=arn)["Tags"])


def _alarm_faults(news: Props) -> dict[str, str]:
    """The provider's conflicts, and CloudWatch's: an alarm is on one metric or on queries, at most ten."""
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


def _put_composite(c: Call) -> Props:
    given = chosen(c.props, *_COMPOSITE)
    if suppressor := c.get("actionsSuppressor"):
        given["actionsSuppressor"] = suppressor["alarm"]
        given["actionsSuppressorExtensionPeriod"] = suppressor["extensionPeriod"]
        given["actionsSuppressorWaitPeriod"] = suppressor["waitPeriod"]
    params = c.params("PutCompositeAlarm", given)
    if not c.olds and c.get("tags"):
        params["Tags"] = pairs(c["tags"])
    c.client.put_composite_alarm(AlarmName=c["alarmName"], **params)
    return {"arn": c.arn(f"alarm:{c['alarmName']}")}


def _read_composite(c: Call) -> Props:
    said = _described(c, "CompositeAlarm", "CompositeAlarms")
    live = c.answer("DescribeAlarms", {"CompositeAlarms": [said]})["compositeAlarms"][0]
    seen = {k: live[k] for k in _COMPOSITE if k in live}
    if "ActionsSuppressor" in said:
        seen["actionsSuppressor"] = {
            "alarm": said["ActionsSuppressor"],
            "extensionPeriod": said["ActionsSuppressorExtensionPeriod"],
            "waitPeriod": said["ActionsSuppressorWaitPeriod"],
        }
    return {"alarmName": c.id, "arn": said["AlarmArn"], **seen, "tags": _tags(c, said["AlarmArn"])}


def _delete_alarm(c: Call) -> None:
    c.client.delete_alarms(AlarmNames=[c.id])


def _put_dashboard(c: Call) -> Props:
    said = c.client.put_dashboard(DashboardName=c["dashboardName"], DashboardBody=text(c["dashboardBody"]))
    if messages := [m["Message"] for m in said.get("DashboardValidationMessages") or []]:
        raise ValueError(f"dashboard {c['dashboardName']}: {'; '.join(messages)}")
    return {"dashboardArn": f"arn:aws:cloudwatch::{c.settings.account}:dashboard/{c['dashboardName']}"}


def _read_dashboard(c: Call) -> Props:
    said = c.client.get_dashboard(DashboardName=c.id)
    return {"dashboardName": c.id, "dashboardArn": said["DashboardArn"], "dashboardBody": said["DashboardBody"]}


def _dashboard_faults(news: Props) -> dict[str, str]:
    body = news.get("dashboardBody")
    try:
        if isinstance(body, str):
            json.loads(body)
    except ValueError as error:
        return {"dashboardBody": f'"dashboardBody" contains an invalid JSON: {error}'}
    return {}


_RETAG = tagging("ResourceARN")

SPECS: dict[str, Spec] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": Spec(
        "cloudwatch",
        _put_alarm,
        _read_alarm,
        _delete_alarm,
        update=_put_alarm,
        naming=Naming(limit=255, pattern=_ANY, rule="at least one character"),
        inputs=frozenset({*_ALARM, "dimensions", "metricQueries", "evaluateLowSampleCountPercentiles"}),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        validate=_alarm_faults,
        retag=_RETAG,
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Spec(
        "cloudwatch",
        _put_composite,
        _read_composite,
        _delete_alarm,
        update=_put_composite,
        naming=Naming("alarmName", limit=255, pattern=_ANY, rule="at least one character", automatic=False),
        inputs=frozenset({*_COMPOSITE, "actionsSuppressor"}),
        replace=frozenset({"actionsEnabled"}),
        defaults={"actionsEnabled": True},
        retag=_RETAG,
    ),
    "aws:cloudwatch/dashboard:Dashboard": Spec(
        "cloudwatch",
        _put_dashboard,
        _read_dashboard,
        lambda c: c.client.delete_dashboards(DashboardNames=[c.id]),
        update=_put_dashboard,
        naming=Naming("dashboardName", limit=255, pattern=r"[\w-]+", rule="letters, digits, _ and -", automatic=False),
        inputs=frozenset({"dashboardBody"}),
        validate=_dashboard_faults,
        computed=("dashboardArn",),
    ),
}
