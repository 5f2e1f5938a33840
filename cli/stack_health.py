"""A stack's alarms, error budgets and drift reports: what `tidewatch status` shows besides traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewatch.aws.cloudwatch import build_metric_query, describe_alarms, read_metric_data
from tidewatch.drift.errors import InvalidReport
from tidewatch.drift.job.archive import PAGE_SUFFIX, Archive, build_report_key
from tidewatch.drift.job.job_index import LatestVerdict
from tidewatch.drift.reports import DriftReport, decode_report
from tidewatch.drift.statistics import Verdict
from tidewatch.metrics import BUDGET_USED

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_s3 import S3Client

SEVERITY_TAG = "tidewatch:severity"
BUDGET_WINDOW = timedelta(hours=3)
"""The age after which a budget's measurement no longer counts."""


def read_alarms(stack: str, outputs: Mapping[str, Any], cloudwatch: CloudWatchClient) -> dict[str, Any] | None:
    """Returns the alarms in ALARM, the most urgent first, and the number of alarms; None while nothing serves.

    `missing` are alarms that the stack created and that no longer exist. `metric_alarms` and `composites` count all
    alarms of the stack in CloudWatch.
    """
    names: Mapping[str, str] = outputs["alarms"]["names"]
    if not names:
        return None
    found = describe_alarms_by_name(cloudwatch, names.values())
    counts: Mapping[str, int] = outputs["alarms"]["counts"]
    firing_alarms = [
        _describe_firing(stack, key, found[name], cloudwatch)
        for key, name in names.items()
        if _is_in_state(found, name, "ALARM")
    ]
    return {
        "firing": sorted(firing_alarms, key=lambda alarm: (alarm["severity"] or "P9", alarm["since"], alarm["alarm"])),
        "insufficient": sum(_is_in_state(found, name, "INSUFFICIENT_DATA") for name in names.values()),
        "missing": sorted(key for key, name in names.items() if name not in found),
        "total": len(names),
        "metric_alarms": counts["metric"],
        "composites": counts["composite"],
    }


def format_alarm_counts(metric_alarms: int, composites: int) -> str:
    """How many alarms a stack has in CloudWatch, in words."""
    return f"{metric_alarms + composites} alarms, {metric_alarms} metric alarms and {composites} composites"


def describe_alarms_by_name(cloudwatch: CloudWatchClient, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Returns the existing alarms with these names, metric alarms and composites."""
    return {alarm["AlarmName"]: alarm for alarm in describe_alarms(cloudwatch, names)}


def _is_in_state(found: Mapping[str, Mapping[str, Any]], name: str, state: str) -> bool:
    return name in found and found[name]["StateValue"] == state


def _describe_firing(stack: str, key: str, alarm: Mapping[str, Any], cloudwatch: CloudWatchClient) -> dict[str, Any]:
    since: datetime = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
    return {
        "alarm": key,
        "name": alarm["AlarmName"],
        "severity": _read_severity(alarm["AlarmArn"], cloudwatch),
        "since": since.isoformat(timespec="seconds"),
        "reason": alarm.get("StateReason", ""),
        "runbook": f"tidewatch runbook {key} --stack {stack}",
    }


def _read_severity(arn: str, cloudwatch: CloudWatchClient) -> str | None:
    try:
        tags = cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
    except ClientError:
        return None  # A reader without access to tags still sees that the alarm fires.
    return next((tag["Value"] for tag in tags if tag["Key"] == SEVERITY_TAG), None)


def read_budgets(outputs: Mapping[str, Any], cloudwatch: CloudWatchClient, now: datetime) -> dict[str, dict[str, Any]]:
    """Returns what is left of each objective's error budget, as a share of it.

    It is negative if the budget is overspent, None if it is not measured.
    """
    objectives: Mapping[str, Mapping[str, Any]] = outputs["slo"]
    return {
        objective: {**target, **_compute_budget_left(_read_budget_used(outputs["key"], objective, cloudwatch, now))}
        for objective, target in sorted(objectives.items())
    }


def _read_budget_used(
    key: str, objective: str, cloudwatch: CloudWatchClient, now: datetime
) -> tuple[datetime, float] | None:
    dimensions = BUDGET_USED.build_dimensions(Stack=key, Objective=objective)
    query = build_metric_query("used", BUDGET_USED, dimensions, 60, "Maximum")
    found = read_metric_data(cloudwatch, [query], now - BUDGET_WINDOW, now + timedelta(minutes=1))
    return max(found["used"].values.items(), default=None) if "used" in found else None


def _compute_budget_left(used: tuple[datetime, float] | None) -> dict[str, Any]:
    if used is None:
        return {"remaining_share": None, "measured_at": None}
    return {"remaining_share": round(1 - used[1], 6), "measured_at": used[0].isoformat(timespec="seconds")}


def read_drift(
    outputs: Mapping[str, Any], s3: S3Client, variants: Iterable[str]
) -> dict[str, dict[str, Any] | None] | None:
    """Returns the newest report of each variant, None for a variant without one.

    None as a whole without drift monitoring.
    """
    if outputs["drift"]["reports"] is None:
        return None
    archive = Archive(s3, outputs["buckets"]["monitoring"])
    latest, served_versions = archive.read_index().latest_verdicts, outputs["traffic"]["versions"]
    return {
        variant: _describe_verdict(archive, variant, latest[variant], served_versions.get(variant))
        if variant in latest
        else None
        for variant in sorted(variants)
    }


def _describe_verdict(
    archive: Archive, variant: str, latest: LatestVerdict, served_version: str | None
) -> dict[str, Any]:
    page_key = build_report_key(variant, latest.version, latest.hour, PAGE_SUFFIX)
    return {
        "version": latest.version,
        "served": latest.version == served_version,
        "hour": latest.hour.isoformat(timespec="seconds"),
        "verdict": latest.verdict,
        "severity": latest.severity,
        "drifting": _read_drifting_features(archive, build_report_key(variant, latest.version, latest.hour)),
        "report": f"s3://{archive.bucket}/{page_key}",
    }


def _read_drifting_features(archive: Archive, key: str) -> Sequence[str] | None:
    """Returns the features that drift over the longest window of a report; None if it cannot be read."""
    try:
        raw = archive.s3.get_object(Bucket=archive.bucket, Key=key)["Body"].read()
        report: DriftReport = decode_report(raw, f"s3://{archive.bucket}/{key}")
    except (ClientError, InvalidReport):
        return None
    longest = report.windows.get("three_days")
    return [feature.name for feature in longest.features if feature.verdict is Verdict.DRIFT] if longest else None
