"""Alarms: what is watched, from when it is wrong, how urgent that is. Values only; components make resources of them.

    Limits(...) / Limits.read(config)                     thresholds; raises InvalidAlarms
    variant_alarms(limits, variants, champion, gpus=1, custom=()) -> {variant: alarms}
    endpoint_alarms(limits, variants, drift=True, capture_percent=100) -> alarms
    custom_guardrails(declared) -> alarms                 metrics of the user's own; raises InvalidAlarms
    guardrail(alarms) -> Composite | None                 what rolls a variant back
    Alarm(key, title, says, severity, scope, signal, comparison, threshold, period_s, periods, datapoints, missing, ...)
    Stat(metric, statistic, of="") / Math(expression, parts)
    Composite(key, title, says, severity, scope, rule, ...)   all_of(), any_of(), written(rule, name)
    Names(key, endpoint, champion, functions, queues, rules).of(stat, variant) -> dimensions

The alarms of objectives are in tidewatch.slo. Mistakes are InvalidAlarm: sentence, and path relative to what was read.
"""

from __future__ import annotations

from tidewatch.alarms.catalog import (
    ALARM_RUNBOOKS,
    BUILT_IN_ALARM_KEYS,
    build_endpoint_alarms,
    build_guardrail_composite,
    build_variant_alarms,
    require_unique_keys,
)
from tidewatch.alarms.composites import (
    BooleanRule,
    CompositeAlarm,
    Rule,
    all_of,
    any_of,
    evaluate_rule,
    list_referenced_alarms,
    render_rule,
)
from tidewatch.alarms.custom_guardrails import parse_custom_guardrails
from tidewatch.alarms.errors import AlarmError, InvalidAlarm, InvalidAlarms
from tidewatch.alarms.models import (
    Alarm,
    Comparison,
    DimensionResolver,
    MetricMath,
    MetricStat,
    MissingData,
    Scope,
    Severity,
)
from tidewatch.alarms.thresholds import AlarmThresholds

__all__ = [
    "ALARM_RUNBOOKS",
    "BUILT_IN_ALARM_KEYS",
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
    "Scope",
    "Severity",
    "all_of",
    "any_of",
    "build_endpoint_alarms",
    "build_guardrail_composite",
    "build_variant_alarms",
    "evaluate_rule",
    "list_referenced_alarms",
    "parse_custom_guardrails",
    "render_rule",
    "require_unique_keys",
]
