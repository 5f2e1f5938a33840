"""The history of alarms: updates of configuration and state, and actions.

Source: CloudWatch API reference, DescribeAlarmHistory and AlarmHistoryItem. An alarm's history outlives it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult

from simulator.aws.world import world

CONFIGURATION_UPDATE, STATE_UPDATE, ACTION = "ConfigurationUpdate", "StateUpdate", "Action"
MOST_ITEMS = 100
LONGEST_SUMMARY, LONGEST_DATA = 255, 4095


@dataclass(frozen=True)
class HistoryItem:
    """One entry of an alarm's history; `kind` is MetricAlarm or CompositeAlarm."""

    region: str
    alarm: str
    kind: str
    moment: datetime
    type: str
    summary: str
    data: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "AlarmName": self.alarm,
            "AlarmType": self.kind,
            "Timestamp": self.moment,
            "HistoryItemType": self.type,
            "HistorySummary": self.summary[:LONGEST_SUMMARY],
            "HistoryData": json.dumps({"version": "1.0", **self.data})[:LONGEST_DATA],
        }


def describe_alarm_history(self: Any) -> ActionResult:
    """DescribeAlarmHistory: newest first unless asked otherwise, at most 100 a page; metric alarms unless AlarmTypes
    says otherwise."""
    given = self.params
    first, last = _aware(given.get("StartDate")), _aware(given.get("EndDate"))
    kinds = given.get("AlarmTypes") or ["MetricAlarm"]
    found = [
        item
        for item in world().alarm_history
        if item.region == self.region
        and item.kind in kinds
        and given.get("AlarmName") in (None, item.alarm)
        and given.get("HistoryItemType") in (None, item.type)
        and (first is None or item.moment >= first)
        and (last is None or item.moment <= last)
    ]
    # Items of one moment keep the order they happened in, whichever end the list begins at.
    found.sort(key=lambda item: item.moment)
    if given.get("ScanBy") != "TimestampAscending":
        found.reverse()
    page, token = paged(found, given)
    return ActionResult({"AlarmHistoryItems": [item.to_json() for item in page], **token})


def paged(found: list[Any], given: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """A page of a list, by MaxRecords and NextToken, with the token of the next one where there is one."""
    start = int(given.get("NextToken") or 0)
    end = start + int(given.get("MaxRecords") or MOST_ITEMS)
    return found[start:end], {"NextToken": str(end)} if end < len(found) else {}


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
