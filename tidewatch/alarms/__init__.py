"""Alarms: what is watched, from when it is wrong, how urgent that is. Values only; components make resources of them.

The alarms of objectives are in tidewatch.slo. Mistakes are InvalidAlarm: sentence, and path relative to what was read.
"""

from __future__ import annotations

from tidewatch.alarms.catalog import (
    ALARM_RUNBOOKS,
    BUILT_IN_ALARM_KEYS,
    GUARDRAIL_COMPOSITE,
    HEALTH_COMPOSITE,
    build_endpoint_alarms,
    build_guardrail_composite,
    build_variant_alarms,
)
from tidewatch.alarms.composites import (
    BooleanRule,
    CompositeAlarm,
    Rule,
    all_of,
    any_of,
    list_referenced_alarms,
    render_rule,
)
from tidewatch.alarms.custom_guardrails import build_custom_guardrail
from tidewatch.alarms.errors import AlarmError, InvalidAlarm, InvalidAlarms
from tidewatch.alarms.models import (
    Alarm,
    Comparison,
    DimensionResolver,
    MetricMath,
    MetricStat,
    MissingData,
    Severity,
)
from tidewatch.alarms.thresholds import AlarmThresholds

__all__ = [
    "ALARM_RUNBOOKS",
    "BUILT_IN_ALARM_KEYS",
    "GUARDRAIL_COMPOSITE",
    "HEALTH_COMPOSITE",
    "Alarm",
    "AlarmError",
    "AlarmThresholds",
    "BooleanRule",
    "Comparison",
    "CompositeAlarm",
    "DimensionResolver",
    "InvalidAlarm",
    "InvalidAlarms",
    "MetricMath",
    "MetricStat",
    "MissingData",
    "Rule",
    "Severity",
    "all_of",
    "any_of",
    "build_custom_guardrail",
    "build_endpoint_alarms",
    "build_guardrail_composite",
    "build_variant_alarms",
    "list_referenced_alarms",
    "render_rule",
]
