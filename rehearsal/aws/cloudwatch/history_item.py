"""An entry of an alarm's history. Source: CloudWatch API reference, AlarmHistoryItem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MAX_SUMMARY_LENGTH, MAX_DATA_LENGTH = 255, 4095
"""Characters."""


@dataclass(frozen=True)
class HistoryItem:
    """One entry of an alarm's history."""

    region: str
    alarm: str
    kind: str
    """MetricAlarm or CompositeAlarm."""
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
            "HistorySummary": self.summary[:MAX_SUMMARY_LENGTH],
            "HistoryData": json.dumps({"version": "1.0", **self.data})[:MAX_DATA_LENGTH],
        }
