"""The alarms of an account as CloudWatch tells of them: what they are, and how their states changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

KINDS = ["MetricAlarm", "CompositeAlarm"]


class Change(NamedTuple):
    """at: in UTC. alarm: its physical name. state: the one it went to."""

    at: datetime
    alarm: str
    state: str


def every_alarm(cloudwatch: Any) -> Iterator[dict[str, Any]]:
    """All of them, metric alarms and composites, as they are described."""
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=KINDS):
        yield from (*page["MetricAlarms"], *page["CompositeAlarms"])


def changes(cloudwatch: Any, since: datetime, until: datetime) -> Iterator[Change]:
    """Every change of a state, in the order of time."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate",
        AlarmTypes=KINDS,
        StartDate=since,
        EndDate=until,
        ScanBy="TimestampAscending",
    )
    for page in pages:
        for one in page["AlarmHistoryItems"]:
            state = json.loads(one["HistoryData"])["newState"]["stateValue"]
            yield Change(one["Timestamp"].astimezone(UTC), one["AlarmName"], state)
