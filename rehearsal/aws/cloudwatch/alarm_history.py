"""The history of alarms: updates of configuration and state, and actions.

Source: CloudWatch API reference, DescribeAlarmHistory and AlarmHistoryItem. An alarm's history remains after its
deletion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult

from rehearsal.aws.account import current_account

CONFIGURATION_UPDATE, STATE_UPDATE, ACTION = "ConfigurationUpdate", "StateUpdate", "Action"
MAX_ITEMS = 100


def describe_alarm_history(self: Any) -> ActionResult:
    """DescribeAlarmHistory: newest first by default, at most 100 a page, metric alarms by default."""
    params = self.params
    first, last = _to_utc(params.get("StartDate")), _to_utc(params.get("EndDate"))
    kinds = params.get("AlarmTypes") or ["MetricAlarm"]
    found = [
        item
        for item in current_account().alarm_history
        if item.region == self.region
        and item.kind in kinds
        and params.get("AlarmName") in (None, item.alarm)
        and params.get("HistoryItemType") in (None, item.type)
        and (first is None or item.moment >= first)
        and (last is None or item.moment <= last)
    ]
    # Items of the same moment keep their order of occurrence in both sort orders.
    found.sort(key=lambda item: item.moment)
    if params.get("ScanBy") != "TimestampAscending":
        found.reverse()
    page, token = paginate(found, params)
    return ActionResult({"AlarmHistoryItems": [item.to_json() for item in page], **token})


def paginate(items: list[Any], params: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """A page of a list, by MaxRecords and NextToken, with the next token if there is one."""
    start = int(params.get("NextToken") or 0)
    end = start + int(params.get("MaxRecords") or MAX_ITEMS)
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}


def _to_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
