"""The alarms of an account as CloudWatch tells of them: what they are, and how their states changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

ALARM_TYPES = ["MetricAlarm", "CompositeAlarm"]


class StateChange(NamedTuple):
    """at: in UTC. alarm: its physical name. state: the one it went to."""

    at: datetime
    alarm: str
    state: str


def list_alarms(cloudwatch: Any) -> Iterator[dict[str, Any]]:
    """All of them, metric alarms and composites, as they are described."""
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=ALARM_TYPES):
        yield from (*page["MetricAlarms"], *page["CompositeAlarms"])


def list_changes(cloudwatch: Any, since: datetime, until: datetime) -> Iterator[StateChange]:
    """Every change of a state, in the order of time."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate",
        AlarmTypes=ALARM_TYPES,
        StartDate=since,
        EndDate=until,
        ScanBy="TimestampAscending",
    )
    for page in pages:
        for item in page["AlarmHistoryItems"]:
            state = json.loads(item["HistoryData"])["newState"]["stateValue"]
            yield StateChange(item["Timestamp"].astimezone(UTC), item["AlarmName"], state)
