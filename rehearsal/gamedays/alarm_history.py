"""The alarms of an account as CloudWatch describes them, and the history of their states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

ALARM_TYPES = ["MetricAlarm", "CompositeAlarm"]


class StateChange(NamedTuple):
    """A change of an alarm's state."""

    at: datetime
    """In UTC."""
    alarm: str
    """The physical name."""
    state: str
    """The new state."""


def list_alarms(cloudwatch: Any) -> Iterator[dict[str, Any]]:
    """The descriptions of all metric alarms and composites."""
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=ALARM_TYPES):
        yield from (*page["MetricAlarms"], *page["CompositeAlarms"])


def list_changes(cloudwatch: Any, since: datetime, until: datetime) -> Iterator[StateChange]:
    """Every change of state, in chronological order."""
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
