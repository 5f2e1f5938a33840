"""Alarms: what is measured, from which value on it is wrong, and how urgent that is.

They are values; components turn them into resources. The alarms of objectives are in tidewatch.slo. Mistakes are
InvalidAlarm: a sentence, and a path relative to the config that was read.
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
