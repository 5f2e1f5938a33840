"""The triggers of every alarm of the program: requests, runs of functions, and events on the control plane."""

from __future__ import annotations

from rehearsal.alarm_coverage.data_triggers import DATA_TRIGGERS
from rehearsal.alarm_coverage.serving_triggers import SERVING_TRIGGERS
from rehearsal.alarm_coverage.traffic_triggers import TRAFFIC_TRIGGERS
from rehearsal.alarm_coverage.trigger import AlarmTrigger

ALARM_TRIGGERS: tuple[AlarmTrigger, ...] = (*SERVING_TRIGGERS, *DATA_TRIGGERS, *TRAFFIC_TRIGGERS)
"""Neighbours in this order take about as long as each other, since two run at the same time."""
