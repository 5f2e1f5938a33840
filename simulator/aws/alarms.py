"""Alarms: their states, set by hand, with their history and the effect they have on a running deployment.

Source: CloudWatch API reference, PutMetricAlarm ("When you update an existing alarm, its state is left unchanged";
a new one is INSUFFICIENT_DATA), SetAlarmState, DescribeAlarmHistory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from simulator.aws.world import World, world

_BEYOND_PERCENTILES = re.compile(r"(tm|tc|ts|wm|pr|iqm)", re.IGNORECASE)
_SUPPRESSION = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


@dataclass(frozen=True)
class StateChange:
    """One entry of an alarm's history."""

    region: str
    alarm: str
    kind: str
    moment: datetime
    old: str
    new: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        states = {
            "oldState": {"stateValue": self.old},
            "newState": {"stateValue": self.new, "stateReason": self.reason},
        }
        return {
            "AlarmName": self.alarm,
            "AlarmType": self.kind,
            "Timestamp": self.moment,
            "HistoryItemType": "StateUpdate",
            "HistorySummary": f"Alarm updated from {self.old} to {self.new}",
            "HistoryData": json.dumps({"version": "1.0", "type": "Update", **states}),
        }


def install() -> None:
    """Sets alarms on moto's CloudWatch."""
    CloudWatchResponse.put_composite_alarm = put_composite_alarm  # type: ignore[attr-defined]
    CloudWatchResponse.describe_alarm_history = describe_alarm_history  # type: ignore[attr-defined]
    CloudWatchBackend.put_metric_alarm = _keeping_state(CloudWatchBackend.put_metric_alarm)  # type: ignore[method-assign]
    CloudWatchBackend.set_alarm_state = _telling(CloudWatchBackend.set_alarm_state)  # type: ignore[method-assign]


def _keeping_state(original: Callable[..., Alarm]) -> Callable[..., Alarm]:
    def put_metric_alarm(self: CloudWatchBackend, name: str, **given: Any) -> Alarm:
        before, statistic = self.alarms.get(name), given.get("extended_statistic")
        # moto knows percentiles only; trimmed means and percent ranks are statistics of alarms too.
        if statistic and _BEYOND_PERCENTILES.match(statistic):
            given["extended_statistic"] = None
        alarm = original(self, name=name, **given)
        alarm.extended_statistic = statistic
        alarm.state_value = before.state_value if before else "INSUFFICIENT_DATA"
        return alarm

    return put_metric_alarm


def _telling(original: Callable[..., None]) -> Callable[..., None]:
    def set_alarm_state(
        self: CloudWatchBackend, alarm_name: str, reason: str, reason_data: str, state_value: str
    ) -> None:
        here = world()
        here.settle()
        alarm = self.alarms.get(alarm_name)
        old = alarm.state_value if alarm else ""
        original(self, alarm_name, reason, reason_data, state_value)
        if alarm is None or old == state_value:
            return
        alarm.state_updated_timestamp = here.now()
        kind = "MetricAlarm" if alarm.rule is None else "CompositeAlarm"
        change = StateChange(self.region_name, alarm_name, kind, here.now(), old, state_value, reason)
        here.alarm_history.append(change)
        if state_value == "ALARM":
            _trip_deployments(here, self.region_name, alarm_name)

    return set_alarm_state


def _trip_deployments(here: World, region: str, alarm: str) -> None:
    with here.lock:
        for (where, _), endpoint in list(here.endpoints.items()):
            if where == region:
                endpoint.trip(alarm, here.now())
    here.settle()


def put_composite_alarm(self: CloudWatchResponse) -> EmptyResult:
    """PutCompositeAlarm: stored, with its suppressor; its rule is not evaluated."""
    self.put_metric_alarm()
    alarm = self.cloudwatch_backend.alarms[self.params["AlarmName"]]
    for member in _SUPPRESSION:
        setattr(alarm, member, self.params.get(member))
    return EmptyResult()


def describe_alarm_history(self: CloudWatchResponse) -> ActionResult:
    """DescribeAlarmHistory: state updates, newest first unless asked otherwise; never paged."""
    given = self.params
    first, last = _aware(given.get("StartDate")), _aware(given.get("EndDate"))
    found = [
        change
        for change in world().alarm_history
        if change.region == self.region
        and given.get("AlarmName") in (None, change.alarm)
        and given.get("HistoryItemType") in (None, "StateUpdate")
        and (first is None or change.moment >= first)
        and (last is None or change.moment <= last)
    ]
    newest_first = given.get("ScanBy") != "TimestampAscending"
    ordered = sorted(found, key=lambda change: change.moment, reverse=newest_first)
    return ActionResult({"AlarmHistoryItems": [change.to_json() for change in ordered]})


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
