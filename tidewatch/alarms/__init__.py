"""Alarms: what is watched, from when it is wrong, how urgent that is. Values only; components make resources of them.

    Limits(...) / Limits.read(config)                     thresholds; raises InvalidAlarms
    variant_alarms(limits, slots, champion, gpus=1, custom=()) -> {slot: alarms}
    endpoint_alarms(limits, slots, drift=True, capture_percent=100) -> alarms
    custom_guardrails(declared) -> alarms                 metrics of the user's own; raises InvalidAlarms
    guardrail(alarms) -> Composite | None                 what rolls a slot back
    Alarm(key, title, says, severity, scope, signal, comparison, threshold, period_s, periods, datapoints, missing, ...)
    Stat(metric, statistic, of="") / Math(expression, parts)
    Composite(key, title, says, severity, scope, rule, ...)   all_of(), any_of(), written(rule, name)
    Names(key, endpoint, champion, functions, queues, rules).of(stat, slot) -> dimensions

The alarms of objectives are in tidewatch.slo. Mistakes are InvalidAlarm: sentence, and path relative to what was read.
"""

from __future__ import annotations

from tidewatch.alarms.catalog import CATALOG, RUNBOOKS, distinct, endpoint_alarms, guardrail, variant_alarms
from tidewatch.alarms.composite import Composite, Joined, Rule, all_of, any_of, holds, keys, written
from tidewatch.alarms.custom import custom_guardrails
from tidewatch.alarms.errors import AlarmError, InvalidAlarm, InvalidAlarms
from tidewatch.alarms.limits import Limits
from tidewatch.alarms.values import Alarm, Comparison, Math, Missing, Names, Scope, Severity, Stat

__all__ = [
    "CATALOG",
    "RUNBOOKS",
    "Alarm",
    "AlarmError",
    "Comparison",
    "Composite",
    "InvalidAlarm",
    "InvalidAlarms",
    "Joined",
    "Limits",
    "Math",
    "Missing",
    "Names",
    "Rule",
    "Scope",
    "Severity",
    "Stat",
    "all_of",
    "any_of",
    "custom_guardrails",
    "distinct",
    "endpoint_alarms",
    "guardrail",
    "holds",
    "keys",
    "variant_alarms",
    "written",
]
